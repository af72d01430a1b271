/// The equation of attention recognised in an expression, and lowered to one call.
///
/// dot<key>(softmax<key>(f(dot<depth>(q, k))), v): batch axes are the names of keys and values less key, depth and value;
/// the rows are all other names of the scores. So grouped queries, cross-attention and ragged batches need nothing of their own.
#pragma once

#include <heed/eval/attention_call.hpp>
#include <heed/eval/temporaries.hpp>

namespace heed::inline HEED_TARGET::detail {

// Of plan.hpp.
template <class Gone, class Rest, class Weak, class Exec, class Node, class Names> auto settle(Exec& exec, const Node& node, const statement<Names>& sizes);
template <class T, class Node, class With> auto replace_product(const Node& node, const With& with);

/// The one product of queries and keys in an elementwise tree of scores.
template <class Node> constexpr int count_products();
template <class... X> constexpr int count_products_of(axes<X...>) { return (0 + ... + count_products<X>()); }
template <class Node> constexpr int count_products() {
    if constexpr (is_contraction<Node>) return 1;
    else if constexpr (is_row_operation<Node> || is_gather<Node> || is_merging<Node>) return 1000;
    else return count_products_of(elementwise_operands<Node>{});
}
template <class Node>
const auto& find_product(const Node& node) {
    if constexpr (is_contraction<Node>) return node;
    else if constexpr (requires { node.condition; }) {
        if constexpr (count_products<std::remove_cvref_t<decltype(node.yes)>>() > 0) return find_product(node.yes);
        else return find_product(node.no);
    } else if constexpr (requires { node.left; }) {
        if constexpr (count_products<std::remove_cvref_t<decltype(node.left)>>() > 0) return find_product(node.left);
        else return find_product(node.right);
    } else return find_product(node.x);
}
template <class Node> using product_in = std::remove_cvref_t<decltype(find_product(std::declval<const Node&>()))>;

/// Queries, keys and the names of a score expression whose keys lie along Key.
template <class Scores, class Values, class Key, class Product> struct attention_names { static constexpr bool value = false; };
template <class Scores, class Values, class Key, class T, class X, class Y, class Gone>
    requires(lists::has<Key, typename X::names> != lists::has<Key, typename Y::names> && Gone::size == 1)
struct attention_names<Scores, Values, Key, contraction<T, X, Y, Gone>> {
    static constexpr bool key_is_second = lists::has<Key, typename Y::names>;
    using keys = std::conditional_t<key_is_second, Y, X>;
    using queries = std::conditional_t<key_is_second, X, Y>;
    using depth = Gone;
    using scores = typename Scores::names;
    using value_axes = lists::minus<typename Values::names, scores>;
    using batch = lists::minus<lists::unite<typename keys::names, typename Values::names>, lists::join<lists::join<axes<Key>, depth>, value_axes>>;
    // Of the rows, the positions of ragged sequences come first: a problem's rows follow one another.
    using all_rows = lists::minus<lists::minus<scores, axes<Key>>, batch>;
    using ragged_rows = lists::minus<all_rows, typename Scores::items>;
    using rows = lists::join<ragged_rows, lists::minus<all_rows, ragged_rows>>;
    static constexpr bool value = lists::has<Key, typename Values::names> && value_axes::size >= 1 && value_axes::size <= 2 && batch::size <= 4 && rows::size <= 3 &&
                                  lists::inside<batch, scores>;
    static const queries& query(const contraction<T, X, Y, Gone>& e) {
        if constexpr (key_is_second) return e.x;
        else return e.y;
    }
    static const keys& key(const contraction<T, X, Y, Gone>& e) {
        if constexpr (key_is_second) return e.y;
        else return e.x;
    }
};

template <class Scores, class Values, class Key, bool One> struct attention_names_if { static constexpr bool value = false; };
template <class Scores, class Values, class Key> struct attention_names_if<Scores, Values, Key, true> : attention_names<Scores, Values, Key, product_in<Scores>> {};
template <class Scores, class Values, class Key> using names_of_attention = attention_names_if<Scores, Values, Key, count_products<Scores>() == 1>;

template <class Node> inline constexpr bool is_attention = false;
template <class T, class U, class Scores, class Values, class Key>
inline constexpr bool is_attention<contraction<T, soft<false, U, Scores, axes<Key>>, Values, axes<Key>>> = names_of_attention<Scores, Values, Key>::value;

/// The mask of a score expression, true = may attend, and what is left of it.
template <class Node> auto mask_of(const Node&) { return no_mask{}; }
template <class Node> const Node& values_of(const Node& node) { return node; }
template <class M> auto both_masks(const M& m, no_mask) { return m; }
template <class M, class N> auto both_masks(const M& m, const N& n) { return binary<operations::both, bool, M, N>(m, n); }
template <class T, class M, class X> auto mask_of(const choice<T, M, X, hidden_score>& e) { return both_masks(e.condition, mask_of(e.yes)); }
template <class T, class M, class X> const auto& values_of(const choice<T, M, X, hidden_score>& e) { return values_of(e.yes); }
template <class T, class M, class X> auto mask_of(const choice<T, M, hidden_score, X>& e) {
    return both_masks(unary<operations::opposite, bool, M>(e.condition), mask_of(e.no));
}
template <class T, class M, class X> const auto& values_of(const choice<T, M, hidden_score, X>& e) { return values_of(e.no); }

/// The steps of an operand along the axes of a call.
template <class... Batch, class... Row, class Key, class... Inner, class T, int R, class Items>
attention_memory<T> attention_steps(const strided<T, R>& m, Items, axes<Batch...>, axes<Row...>, axes<Key>, axes<Inner...>) {
    const auto step = [&]<class A>(axes<A>) -> index {
        if constexpr (lists::has<A, Items>) return m.stride[lists::place<A, Items>];
        else {
            using pair = typename ragged_with<A, Items>::type;
            if constexpr (!std::is_void_v<pair>) return m.stride[lists::place<pair, Items>];
            else return 0;
        }
    };
    attention_memory<T> result;
    result.data = m.data;
    int n = 0;
    ((result.batch[n++] = step(axes<Batch>{})), ...);
    n = 0;
    ((result.row[n++] = step(axes<Row>{})), ...);
    result.key = step(axes<Key>{});
    n = 2 - static_cast<int>(sizeof...(Inner));
    ((result.inner[n++] = step(axes<Inner>{})), ...);
    return result;
}

/// The sizes of a call; where the batch holds ragged sequences, their bounds.
template <class Call, class... Batch, class... Row, class Key, class Depth, class... Value, class Names>
void attention_sizes(Call& call, axes<Batch...>, axes<Row...>, axes<Key>, axes<Depth>, axes<Value...>, const statement<Names>& sizes) {
    int n = 0;
    ((call.batch[n] = sizes.template of<Batch>(), call.segment_axis = sizes.batch == lists::place<Batch, Names> ? n : call.segment_axis, ++n), ...);
    n = 0;
    ((call.row[n++] = sizes.template of<Row>()), ...);
    call.key = sizes.template of<Key>();
    call.depth = sizes.template of<Depth>();
    n = 2 - static_cast<int>(sizeof...(Value));
    ((call.value[n++] = sizes.template of<Value>()), ...);
    if (call.row[1] == varies || call.row[2] == varies) throw shape_error("attention of ragged queries needs keys and values of the same batch");
    const bool varying_rows = call.row[0] == varies, varying_keys = call.key == varies;
    if (!varying_rows && !varying_keys) call.segment_axis = -1;
    else if (varying_rows && varying_keys) call.query_offsets = call.key_offsets = sizes.offsets;
    else throw shape_error("attention of a ragged batch needs ragged queries and ragged keys; one of them has one length for all");
}

/// What a backend whose kernels have it as a constant pads depth and values to; 0 where a size is not part of its type.
template <class Exec, class... Depth, class... Value>
constexpr int padded_depth(axes<Depth...>, axes<Value...>) {
    if constexpr (requires { Exec::padded_depth(index(0)); } && ((Depth::extent != run_time) && ...) && ((Value::extent != run_time) && ...)) {
        constexpr index depth = (Depth::extent * ...), values = (Value::extent * ...);
        return Exec::padded_depth(depth > values ? depth : values);
    } else return 0;
}

/// The score expression as trees over the slots batch, rows, key, and the call; f(call, values, mask).
template <class Key, class Exec, class T, class Scores, class Values, class Names, class F>
void with_attention(Exec& exec, const Scores& scores, const Values& values, const statement<Names>& sizes, T, F&& f) {
    using names = names_of_attention<Scores, Values, Key>;
    using slots = lists::join<lists::join<typename names::batch, typename names::rows>, axes<Key>>;
    const auto& product = find_product(scores);
    const auto q = as_leaf<T>(exec, names::query(product), sizes);
    const auto k = as_leaf<T>(exec, names::key(product), sizes);
    const auto v = as_leaf<T>(exec, values, sizes);
    attention_call<T> call;
    attention_sizes(call, typename names::batch{}, typename names::rows{}, axes<Key>{}, typename names::depth{}, typename names::value_axes{}, sizes);
    const auto steps = [&](const auto& memory, auto items, auto inner) {
        return attention_steps(memory, items, typename names::batch{}, typename names::rows{}, axes<Key>{}, inner);
    };
    call.q = steps(q.memory(), typename decltype(q)::items{}, typename names::depth{});
    call.k = steps(k.memory(), typename decltype(k)::items{}, typename names::depth{});
    call.v = steps(v.memory(), typename decltype(v)::items{}, typename names::value_axes{});
    // Rows count through the key's own axis in the slots; a key that the rows lack is no step for them.
    using whole = std::remove_cvref_t<decltype(product)>;
    const auto inner = replace_product<T>(scores, contracted<T, typename whole::items>{});
    const auto settled_values = settle<axes<>, slots, T>(exec, values_of(inner), sizes);      // it may hold tensors that the tree points into
    auto tree = lower<slots, 0>(settled_values, sizes);
    const auto mask = mask_of(inner);
    using place_of_slots = score_slots<names::batch::size, names::rows::size, padded_depth<Exec>(typename names::depth{}, typename names::value_axes{})>;
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(mask)>, no_mask>) f(call, tree, no_mask{}, place_of_slots{}, steps);
    else {
        const auto settled_mask = settle<axes<>, slots, T>(exec, mask, sizes);
        f(call, tree, lower<slots, 0>(settled_mask, sizes), place_of_slots{}, steps);
    }
}

template <class T, class Node, class With>
auto replace_product(const Node& node, const With& with) {
    if constexpr (is_contraction<Node>) return with;
    else if constexpr (count_products<Node>() == 0) return node;
    else return node.map([&](const auto& x) { return replace_product<T>(x, with); });
}

template <class Exec, class T, int R, class Items, class U, class V, class Scores, class Values, class Key, class Names>
void assign_attention(Exec& exec, const strided<T, R>& to, Items, const contraction<U, soft<false, V, Scores, axes<Key>>, Values, axes<Key>>& node,
                      const statement<Names>& sizes, auto add) {
    if constexpr (decltype(add)::value) assign_through(exec, to, Items{}, node, sizes, add);
    else with_attention<Key>(exec, node.x.x, node.y, sizes, T(), [&](auto& call, auto& tree, const auto& mask, auto slots, const auto& steps) {
        using names = names_of_attention<Scores, Values, Key>;
        call.out = steps(to, Items{}, typename names::value_axes{});
        exec.template attend<decltype(slots)>(call, tree, mask);
    });
}

}  // namespace heed::inline HEED_TARGET::detail
