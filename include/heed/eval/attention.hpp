/// Attention as training needs it: the log-sum-exp beside the output, and three gradients at once.
///
/// The score expression is whole: scale, mask, biases and caps are inside it. With p = softmax over the keys of s:
///     dv = sum_rows p dout     ds = p (dout v - dout out)     dq = sum_keys ds s' k     dk = sum_rows ds s' q
/// where s' is the derivative of the score by the product q k. With dropout of the weights, m = 0 or 1 / (1 - rate) of each,
///     out = sum_keys m p v      dv = sum_rows m p dout      ds = p (m dout v - dout out)
/// and m is drawn again where it is needed. Nothing of rows x keys is kept; the backward computes p again.
#pragma once

#include <heed/eval/evaluate.hpp>

namespace heed::inline HEED_TARGET {

namespace detail {

/// A tensor takes the sizes that a statement knows.
template <class T, class... Items, class Names>
void size_for(tensor<T, Items...>& to, const statement<Names>& sizes) {
    index wanted[sizeof...(Items) + 1];
    sizes.of_items(item_places<axes<Items...>, Names>, sizeof...(Items), wanted);
    to.resize(wanted, sizes.offsets, sizes.segments);
}

template <class Backend, class Key, class Scores, class Values, class Out, class Lse>
void attention_forward_on(const Scores& scores, const Values& values, Out& out, Lse& log_sum_exp, const weight_dropout& drop) {
    using names = names_of_attention<Scores, Values, Key>;
    static_assert(names::value, "heed: the scores of attention are one dot of queries and keys, and what is elementwise around it");
    statement<lists::unite<mentioned_by<Scores>, mentioned_by<Values>>> sizes;
    take_sizes(sizes, scores);
    take_sizes(sizes, values);
    size_for(out, sizes);
    size_for(log_sum_exp, sizes);
    if (out.size() == 0 && log_sum_exp.size() == 0) return;
    executor<Backend> exec;
    with_attention<Key>(exec, scores, values, sizes, typename Out::element_type(), [&](auto& call, auto& tree, const auto& mask, auto slots, const auto& steps) {
        call.drop = drop;
        call.out = steps(out.memory(), typename Out::items{}, typename names::value_axes{});
        call.log_sum_exp = steps(log_sum_exp.memory(), typename Lse::items{}, axes<>{});
        exec.template attend<decltype(slots)>(call, tree, mask);
    });
}

template <class Backend, class Key, class Scores, class Values, class Out, class Lse, class DOut, class DQ, class DK, class DV>
void attention_backward_on(const Scores& scores, const Values& values, const Out& out, const Lse& log_sum_exp, const DOut& d_out, DQ& dq, DK& dk, DV& dv, const weight_dropout& drop) {
    using names = names_of_attention<Scores, Values, Key>;
    static_assert(names::value, "heed: the scores of attention are one dot of queries and keys, and what is elementwise around it");
    statement<lists::unite<mentioned_by<Scores>, mentioned_by<Values>>> sizes;
    take_sizes(sizes, scores);
    take_sizes(sizes, values);
    sizes.take_memory(out.memory(), typename Out::items{});
    sizes.take_memory(d_out.memory(), typename DOut::items{});
    sizes.take_memory(log_sum_exp.memory(), typename Lse::items{});
    size_for(dq, sizes);
    size_for(dk, sizes);
    size_for(dv, sizes);
    executor<Backend> exec;
    using T = typename DQ::element_type;
    with_attention<Key>(exec, scores, values, sizes, T(), [&](auto& call, auto& tree, const auto& mask, auto slots, const auto& steps) {
        const auto kept = [](const auto& memory) {
            auto writable = memory;
            using element = std::remove_const_t<std::remove_pointer_t<decltype(writable.data)>>;
            attention_memory<element> m;
            m.data = const_cast<element*>(writable.data);        // only read: the forward's results share the call's fields
            std::copy(writable.batch, writable.batch + 4, m.batch);
            std::copy(writable.row, writable.row + 3, m.row);
            m.key = writable.key;
            std::copy(writable.inner, writable.inner + 2, m.inner);
            return m;
        };
        call.drop = drop;
        call.out = kept(steps(out.memory(), typename Out::items{}, typename names::value_axes{}));
        call.log_sum_exp = kept(steps(log_sum_exp.memory(), typename Lse::items{}, axes<>{}));
        call.d_out = steps(d_out.memory(), typename DOut::items{}, typename names::value_axes{});
        call.dq = steps(dq.memory(), typename DQ::items{}, typename names::depth{});
        call.dk = steps(dk.memory(), typename DK::items{}, typename names::depth{});
        call.dv = steps(dv.memory(), typename DV::items{}, typename names::value_axes{});
        exec.template attend_backward<decltype(slots)>(call, tree, mask);
    });
}

}  // namespace detail

/// Dropout of the weights of attention, by rate, seed and step.
using detail::weight_dropout;

/// out = softmax<Key>(scores) values, and log_sum_exp of the scores over Key: what the backward needs. Both are sized here.
/// The log-sum-exp of bf16 and fp16 is float.
template <axis_type Key, node_type Scores, node_type Values, class T, class... Out, class... Lse>
void attention_forward(const Scores& scores, const Values& values, tensor<T, Out...>& out, tensor<detail::log_sum_exp_of<T>, Lse...>& log_sum_exp,
                       const weight_dropout& drop = {}) {
    detail::attention_forward_on<backend_of<space_of<T>>, Key>(detail::capture(scores), detail::capture(values), out, log_sum_exp, drop);
}

/// The gradients of queries, keys and values from that of the output; sized and assigned here.
template <axis_type Key, node_type Scores, node_type Values, class Output, class LogSumExp, class DOutput, class T, class... Q, class... K, class... V>
void attention_backward(const Scores& scores, const Values& values, const Output& out, const LogSumExp& log_sum_exp, const DOutput& d_out,
                        tensor<T, Q...>& dq, tensor<T, K...>& dk, tensor<T, V...>& dv, const weight_dropout& drop = {}) {
    detail::attention_backward_on<backend_of<space_of<T>>, Key>(detail::capture(scores), detail::capture(values), out, log_sum_exp, d_out, dq, dk, dv, drop);
}

}  // namespace heed::inline HEED_TARGET
