/// The Transformer's block and encoder: attention and a position-wise network, each with a residual and a norm.
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/nn/attention.hpp>
#include <heed/nn/dropout.hpp>
#include <heed/nn/feed_forward.hpp>
#include <heed/nn/layer_norm.hpp>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace heed::inline HEED_TARGET::nn {

/// Where the norms stand: before each part, on the way into it, or after its residual.
enum class norm_place { before, after };

/// One block. With A the self-attention, F the feed-forward, N1 and N2 the norms, D dropout (in training alone):
///
///     before:   h = x + D(A(N1 x))        y = h + D(F(N2 h))
///     after:    h = N1(x + D(A x))        y = N2(h + D(F h))
///
/// Backward, a residual hands its gradient to both of its terms, and a gradient that enters a part leaves it transposed:
///
///     before:   dh = dy + N2'(F'(D'(dy)))               dx = dh + N1'(A'(D'(dh)))
///     after:    ds = N2'(dy)     dh = ds + F'(D'(ds))   dr = N1'(dh)    dx = dr + A'(D'(dr))
///
/// Before is the default: the residual passes through all blocks as it is, and training needs no care. After is the
/// original of 2017. Source: R. Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020.
template <class T, class Token, class Model, class Head, class Depth, class Hidden, class Bend = gelu_by_erf, norm_place Norm = norm_place::before,
          biases Biases = biases::none>
struct transformer_block {
    using key = attended<Token>;

    layer_norm<T, Model> norm1, norm2;
    self_attention<T, Token, Model, Head, Depth, Biases> attention;
    feed_forward<T, Model, Hidden, Bend> network;

    explicit transformer_block(const auto&... sizes) : norm1(sizes...), norm2(sizes...), attention(sizes...), network(sizes...) {}

    template <class X> using attention_trace = typename self_attention<T, Token, Model, Head, Depth, Biases>::template trace_of<like<X>>;

    template <class X, class Attention = attention_trace<X>>
    struct trace_of {
        typename layer_norm<T, Model>::template trace_of<like<X>> norm1, norm2;
        Attention attention;
        typename feed_forward<T, Model, Hidden, Bend>::template trace_of<like<X>> network;
        like<X> residual1, residual2, dropped, dresidual, dx;
    };

    /// The output for x under the mask; with a random key, with dropout. It lies in the trace.
    const auto& forward(const auto& x, const auto& mask, auto& trace, dropout drop = dropout(), std::optional<random_key> random = {}) const {
        if constexpr (Norm == norm_place::before) {
            attend(x, norm1.forward(x, trace.norm1), mask, trace, drop, random);
            bend(trace.residual1, norm2.forward(trace.residual1, trace.norm2), trace, drop, random);
            return trace.residual2;
        } else {
            attend(x, x, mask, trace, drop, random);
            const auto& h = norm1.forward(trace.residual1, trace.norm1);
            bend(h, h, trace, drop, random);
            return norm2.forward(trace.residual2, trace.norm2);
        }
    }

    /// The gradient of x, in the trace. x, mask, drop and random are those of the forward pass.
    const auto& backward(const auto& dy, const auto& x, const auto& mask, auto& trace, dropout drop = dropout(), std::optional<random_key> random = {}) {
        if constexpr (Norm == norm_place::before) {
            const auto& dn2 = network.backward(dropped(dy, trace, drop, random, 1), trace.norm2.y, trace.network);
            trace.dresidual = dy + norm2.backward(dn2, trace.residual1, trace.norm2);
            const auto& dn1 = attention.backward(dropped(trace.dresidual, trace, drop, random, 0), trace.norm1.y, mask, trace.attention);
            return trace.dx = trace.dresidual + norm1.backward(dn1, x, trace.norm1);
        } else {
            const auto& ds = norm2.backward(dy, trace.residual2, trace.norm2);
            trace.dresidual = ds + network.backward(dropped(ds, trace, drop, random, 1), trace.norm1.y, trace.network);
            const auto& dr = norm1.backward(trace.dresidual, trace.residual1, trace.norm1);
            return trace.dx = dr + attention.backward(dropped(dr, trace, drop, random, 0), x, mask, trace.attention);
        }
    }

    static void parts(auto& self, auto&& part) {
        part("norm1", self.norm1);
        part("attention", self.attention);
        part("norm2", self.norm2);
        part("network", self.network);
    }

private:
    /// residual1 = x + D(A(input))
    void attend(const auto& x, const auto& input, const auto& mask, auto& trace, dropout drop, std::optional<random_key> random) const {
        attention.read(input, mask, trace.attention);
        if (random && drop.rate > 0) {
            trace.dropped = attention.output(trace.attention);
            trace.residual1 = x + drop(trace.dropped, random->site(0));
        } else trace.residual1 = x + attention.output(trace.attention);
    }
    /// residual2 = h + D(F(input))
    void bend(const auto& h, const auto& input, auto& trace, dropout drop, std::optional<random_key> random) const {
        network.bend(input, trace.network);
        if (random && drop.rate > 0) {
            trace.dropped = network.output(trace.network);
            trace.residual2 = h + drop(trace.dropped, random->site(1));
        } else trace.residual2 = h + network.output(trace.network);
    }
    /// D'(dy): what was dropped forward has no gradient.
    static const auto& dropped(const auto& dy, auto& trace, dropout drop, std::optional<random_key> random, std::uint64_t site) {
        if (!(random && drop.rate > 0)) return dy;
        return trace.dropped = drop(dy, random->site(site));
    }
};

/// Blocks one after another; where the norms stand before the parts, one more at the end.
///
///     transformer_encoder<float, token, model, head, depth, hidden> encoder(layers);
///     auto trace = nn::trace_for(encoder, x);
///     const auto& y = encoder.forward(x, mask, trace);
///
/// `encoder.drop` is the dropout of every block in a forward pass that has a random_key: encoder.forward(x, mask, trace, random).
template <class T, class Token, class Model, class Head, class Depth, class Hidden, class Bend = gelu_by_erf, norm_place Norm = norm_place::before,
          biases Biases = biases::none>
struct transformer_encoder {
    using block_type = transformer_block<T, Token, Model, Head, Depth, Hidden, Bend, Norm, Biases>;
    using key = attended<Token>;

    std::vector<block_type> blocks;
    layer_norm<T, Model> norm;          ///< used and visited where the norms stand before
    dropout drop;

    explicit transformer_encoder(std::size_t layers, const auto&... sizes) : norm(sizes...) {
        blocks.reserve(layers);
        for (std::size_t i = 0; i < layers; ++i) blocks.emplace_back(sizes...);
    }

    template <class X>
    struct trace_of {
        std::vector<typename block_type::template trace_of<X>> blocks;
        typename layer_norm<T, Model>::template trace_of<like<X>> norm;
        void make_room(std::size_t number) { blocks.resize(number); }
        auto& of_block(std::size_t i) { return blocks[i]; }
    };

    /// What an output needs that no gradient will follow: the activations of one block, in turn.
    template <class X>
    struct scratch_of {
        typename block_type::template trace_of<X> block;
        typename layer_norm<T, Model>::template trace_of<like<X>> norm;
        void make_room(std::size_t) {}
        auto& of_block(std::size_t) { return block; }
    };

    template <class X>
    like<X> forward(const X& x, const auto& mask) const {
        scratch_of<X> kept;
        return forward(x, mask, kept);
    }

    /// The output lies in what is kept: a scratch, or a trace, which has what backward needs; or in x where there are no
    /// blocks and no norm. With a random key, with dropout.
    template <class X>
    const like<X>& forward(const X& x, const auto& mask, auto& kept, std::optional<random_key> random = {}) const {
        kept.make_room(blocks.size());
        const like<X>* y = &x;
        for (std::size_t i = 0; i < blocks.size(); ++i) y = &blocks[i].forward(*y, mask, kept.of_block(i), drop, of_block(random, i));
        return finish(*y, kept);
    }

    template <class X>
    const like<X>& backward(const auto& dy, const X& x, const auto& mask, trace_of<X>& kept, std::optional<random_key> random = {}) {
        const like<X>* d = &dy;
        if constexpr (Norm == norm_place::before) d = &norm.backward(dy, blocks.empty() ? x : output_of(kept.blocks.back()), kept.norm);
        for (std::size_t i = blocks.size(); i-- > 0;)
            d = &blocks[i].backward(*d, i == 0 ? x : output_of(kept.blocks[i - 1]), mask, kept.blocks[i], drop, of_block(random, i));
        return *d;
    }

    static void parts(auto& self, auto&& part) {
        part("block", self.blocks);
        if constexpr (Norm == norm_place::before) part("norm", self.norm);
    }

private:
    static const auto& output_of(const auto& block) {
        if constexpr (Norm == norm_place::before) return block.residual2;
        else return block.norm2.y;
    }
    const auto& finish(const auto& y, auto& kept) const {
        if constexpr (Norm == norm_place::before) return norm.forward(y, kept.norm);
        else return y;
    }
    static std::optional<random_key> of_block(std::optional<random_key> random, std::size_t i) {
        if (!random) return {};
        return random->site(2 + i);
    }
};

}  // namespace heed::inline HEED_TARGET::nn
