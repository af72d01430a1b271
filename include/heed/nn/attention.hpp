/// Multi-head attention with its projections: of positions to themselves, or to another sequence.
///
///     q = x Wq + bq    k = m Wk    v = m Wv + bv           heads side by side: {.., Head, Depth}
///     s = q k / sqrt(Depth), and -infinity where the mask is false
///     p = softmax over the keys of s                       o = p v            y = o Wo + bo
///
/// Masks are expressions over positions, lengths and other tensors; true = may attend (as in PyTorch's
/// scaled_dot_product_attention, the opposite of its nn.MultiheadAttention). A position that may attend to nothing reads
/// zeros: its y is bo. The biases are there by choice (`biases::learnt`, as GPT-2 has them); they start at zero. Keys have
/// none: it would add q bk to all scores of a row alike, which no softmax sees, and its gradient would be zero.
///
/// Backward, from dy:
///
///     dWo += o dy                 do = dy Wo                             dbo += dy
///     dp = do v                   ds = p (dp - sum_keys p dp)            dv = sum_queries p do
///     dq = ds k / sqrt(Depth)     dk = sum_queries ds q / sqrt(Depth)
///     dWq += x dq                 dWk += m dk                            dWv += m dv
///     dbq += dq                                                          dbv += dv
///     dx = dq Wq                  dm = dk Wk + dv Wv
///
/// With dropout of the weights (`trace.drop`, which a block sets), p is what is left of it in o, and dv and dp feel the same.
///
/// p is not stored: one kernel computes it again, tile by tile, from the log-sum-exp of each row (heed's
/// attention_backward, where dp to dk are derived).
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/nn/parameter.hpp>

#include <cmath>

namespace heed::inline HEED_TARGET::nn {

/// The mask that hides nothing.
struct everything {};

/// q k scale, and -infinity where the mask is false.
template <class Depth>
auto masked_scores(const auto& q, const auto& k, double scale, const auto& mask) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(mask)>, everything>) return dot<Depth>(q, k) * scale;
    else return where(mask, dot<Depth>(q, k) * scale, -infinity);
}

/// Every position of Token reads every position that the mask lets it see, in heads of Depth numbers each.
///
/// x: {.., Token, Model} in any order, padded or ragged. The mask is written in `Token`, which asks, and in `key`, the same
/// positions as they are read: `position<key>() <= position<token>()` is causal. The four projections start Xavier-uniform.
template <class T, class Token, class Model, class Head, class Depth, biases Biases = biases::none>
struct self_attention {
    using key = attended<Token>;

    parameter<T, Model, Head, Depth> wq, wk, wv;
    parameter<T, Head, Depth, Model> wo;
    bias_of<Biases, T, Head, Depth> bq, bv;
    bias_of<Biases, T, Model> bo;

    explicit self_attention(const auto&... sizes)
        : wq(role::weight, constant(0), sizes...), wk(role::weight, constant(0), sizes...), wv(role::weight, constant(0), sizes...),
          wo(role::weight, constant(0), sizes...), bq(role::bias, constant(0), sizes...), bv(role::bias, constant(0), sizes...),
          bo(role::bias, constant(0), sizes...) {
        const initial start = xavier_uniform(extent_of<Model>(wq.value), extent_of<Head>(wq.value) * extent_of<Depth>(wq.value));
        wq.start = wk.start = wv.start = wo.start = start;
        wo.summed = 2;
    }

    template <class X>
    struct trace_of {
        projected<X, Model, Head, Depth> q, o, d_o, dq;
        renamed<projected<X, Model, Head, Depth>, Token, key> k, v, dk, dv;
        log_sums<projected<X, Model, Head, Depth>, Depth> log_sum;
        like<X> y, dx;
        weight_dropout drop;

        /// What is attended to: the keys and values of x. (A cache's trace puts them behind those of earlier tokens.)
        void remember() {}
        const auto& keys() const { return k; }
        const auto& values() const { return v; }
    };

    template <class X>
    like<X> forward(const X& x, const auto& mask) const {
        trace_of<X> kept;
        return forward(x, mask, kept);
    }

    const auto& forward(const auto& x, const auto& mask, auto& trace) const {
        prepare(x, mask, trace);
        return trace.y = output(trace);
    }

    /// All but the last projection: o, before it becomes y.
    void prepare(const auto& x, const auto& mask, auto& trace) const {
        project(x, trace.q, trace.k, trace.v);
        attend(mask, trace);
    }
    /// q, k and v of x, or of rows of it.
    void project(const auto& x, auto&& q, auto&& k, auto&& v) const {
        const auto as_read = [](const auto& e) {
            if constexpr (lists::has<Token, typename std::remove_cvref_t<decltype(e)>::names>) return rename<Token, key>(e);
            else return e;
        };
        q = plus(dot<Model>(x, wq), bq);
        k = as_read(dot<Model>(x, wk));
        v = as_read(plus(dot<Model>(x, wv), bv));
    }
    /// o, from the q, k and v in the trace.
    void attend(const auto& mask, auto& trace) const {
        trace.remember();
        attention_forward<key>(masked_scores<Depth>(trace.q, trace.keys(), scale(), mask), trace.values(), trace.o, trace.log_sum, trace.drop);
    }
    /// The last projection, as a part of a larger equation (a residual).
    auto output(const auto& trace) const { return outputs(trace.o); }
    auto outputs(const auto& o) const { return plus(dot<Head, Depth>(o, wo), bo); }

    const auto& backward(const auto& dy, const auto& x, const auto& mask, auto& trace) {
        wo.accumulate(trace.o * dy);
        bo.accumulate(dy);
        trace.d_o = dot<Model>(dy, wo.value);
        attention_backward<key>(masked_scores<Depth>(trace.q, trace.k, scale(), mask), trace.v, trace.o, trace.log_sum, trace.d_o, trace.dq,
                                trace.dk, trace.dv, trace.drop);
        auto dk = rename<key, Token>(trace.dk), dv = rename<key, Token>(trace.dv);
        wq.accumulate(x * trace.dq);
        wk.accumulate(x * dk);
        wv.accumulate(x * dv);
        bq.accumulate(trace.dq);
        bv.accumulate(dv);
        return trace.dx = dot<Head, Depth>(trace.dq, wq.value) + dot<Head, Depth>(dk, wk.value) + dot<Head, Depth>(dv, wv.value);
    }

    double scale() const { return 1 / std::sqrt(static_cast<double>(extent_of<Depth>(wq.value))); }

    static void parts(auto& self, auto&& part) {
        part("wq", self.wq);
        part("wk", self.wk);
        part("wv", self.wv);
        part("wo", self.wo);
        part("bq", self.bq);
        part("bv", self.bv);
        part("bo", self.bo);
    }
};

/// Every position of Token reads the positions of another sequence, Source: a decoder its encoder's output, for example.
///
/// x: {.., Token, Model}, memory: {.., Source, SourceModel}; what else they share (a batch) is matched by name. The mask is
/// written in Token and Source.
template <class T, class Token, class Model, class Source, class SourceModel, class Head, class Depth, biases Biases = biases::none>
struct cross_attention {
    using key = Source;

    parameter<T, Model, Head, Depth> wq;
    parameter<T, SourceModel, Head, Depth> wk, wv;
    parameter<T, Head, Depth, Model> wo;
    bias_of<Biases, T, Head, Depth> bq, bv;
    bias_of<Biases, T, Model> bo;

    explicit cross_attention(const auto&... sizes)
        : wq(role::weight, constant(0), sizes...), wk(role::weight, constant(0), sizes...), wv(role::weight, constant(0), sizes...),
          wo(role::weight, constant(0), sizes...), bq(role::bias, constant(0), sizes...), bv(role::bias, constant(0), sizes...),
          bo(role::bias, constant(0), sizes...) {
        const auto inner = extent_of<Head>(wq.value) * extent_of<Depth>(wq.value);
        wq.start = wo.start = xavier_uniform(extent_of<Model>(wq.value), inner);
        wk.start = wv.start = xavier_uniform(extent_of<SourceModel>(wk.value), inner);
        wo.summed = 2;
    }

    template <class X, class Memory>
    struct trace_of {
        projected<X, Model, Head, Depth> q, o, d_o, dq;
        projected<Memory, SourceModel, Head, Depth> k, v, dk, dv;
        log_sums<projected<X, Model, Head, Depth>, Depth> log_sum;
        like<X> y, dx;
        like<Memory> dmemory;
        weight_dropout drop;
    };

    template <class X, class Memory>
    like<X> forward(const X& x, const Memory& memory, const auto& mask) const {
        trace_of<X, Memory> kept;
        return forward(x, memory, mask, kept);
    }

    const auto& forward(const auto& x, const auto& memory, const auto& mask, auto& trace) const {
        prepare(x, memory, mask, trace);
        return trace.y = output(trace);
    }

    /// All but the last projection: o, before it becomes y.
    void prepare(const auto& x, const auto& memory, const auto& mask, auto& trace) const {
        trace.q = plus(dot<Model>(x, wq), bq);
        trace.k = dot<SourceModel>(memory, wk);
        trace.v = plus(dot<SourceModel>(memory, wv), bv);
        attention_forward<key>(masked_scores<Depth>(trace.q, trace.k, scale(), mask), trace.v, trace.o, trace.log_sum, trace.drop);
    }
    /// The last projection, as a part of a larger equation (a residual).
    auto output(const auto& trace) const { return plus(dot<Head, Depth>(trace.o, wo), bo); }

    /// Leaves the gradients of x and of the memory in trace.dx and trace.dmemory, and returns the first.
    const auto& backward(const auto& dy, const auto& x, const auto& memory, const auto& mask, auto& trace) {
        wo.accumulate(trace.o * dy);
        bo.accumulate(dy);
        trace.d_o = dot<Model>(dy, wo.value);
        attention_backward<key>(masked_scores<Depth>(trace.q, trace.k, scale(), mask), trace.v, trace.o, trace.log_sum, trace.d_o, trace.dq,
                                trace.dk, trace.dv, trace.drop);
        wq.accumulate(x * trace.dq);
        wk.accumulate(memory * trace.dk);
        wv.accumulate(memory * trace.dv);
        bq.accumulate(trace.dq);
        bv.accumulate(trace.dv);
        trace.dmemory = dot<Head, Depth>(trace.dk, wk.value) + dot<Head, Depth>(trace.dv, wv.value);
        return trace.dx = dot<Head, Depth>(trace.dq, wq.value);
    }

    double scale() const { return 1 / std::sqrt(static_cast<double>(extent_of<Depth>(wq.value))); }

    static void parts(auto& self, auto&& part) {
        part("wq", self.wq);
        part("wk", self.wk);
        part("wv", self.wv);
        part("wo", self.wo);
        part("bq", self.bq);
        part("bv", self.bv);
        part("bo", self.bo);
    }
};

}  // namespace heed::inline HEED_TARGET::nn
