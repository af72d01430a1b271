/// The Transformer's block and encoder: attention and a position-wise network, each with a residual and a norm.
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/nn/attention.hpp>
#include <heed/nn/dropout.hpp>
#include <heed/nn/feed_forward.hpp>
#include <heed/nn/layer_norm.hpp>
#include <heed/nn/residual.hpp>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace heed::inline HEED_TARGET::nn {

/// One block, with A the self-attention and F the feed-forward, each a residual (see there) with a norm of its own:
///
///     h = x beside A        y = h beside F
///
/// Norms before the parts are the default: the sums pass through all blocks as they are, and training needs no care. After
/// is the original of 2017. Source: R. Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020.
template <class T, class Token, class Model, class Head, class Depth, class Hidden, class Bend = gelu_by_erf, norm_place Norm = norm_place::before,
          biases Biases = biases::none>
struct transformer_block {
    using key = attended<Token>;
    using attention_type = self_attention<T, Token, Model, Head, Depth, Biases>;
    using network_type = feed_forward<T, Model, Hidden, Bend>;
    using beside = residual<Norm>;

    layer_norm<T, Model> norm1, norm2;
    attention_type attention;
    network_type network;

    explicit transformer_block(const auto&... sizes) : norm1(sizes...), norm2(sizes...), attention(sizes...), network(sizes...) {}

    template <class X> using attention_trace = typename attention_type::template trace_of<like<X>>;

    template <class X, class Attention = attention_trace<X>>
    struct trace_of {
        using norm_trace = typename layer_norm<T, Model>::template trace_of<like<X>>;
        typename beside::template trace_of<X, Attention, norm_trace> attention;
        typename beside::template trace_of<X, typename network_type::template trace_of<like<X>>, norm_trace> network;
        const auto& output() const { return network.output(); }
    };
    /// What the output needs that no gradient will follow.
    template <class X, class Attention = attention_trace<X>>
    struct scratch_of {
        Attention attention;
        like<X> normal, h, y;
    };

    /// The output for x under the mask, which lies in the trace; with a random key, with dropout of both branches, and of the
    /// weights of attention.
    const auto& forward(const auto& x, const auto& mask, auto& trace, dropout drop = dropout(), std::optional<random_key> random = {}, dropout drop_weights = dropout()) const {
        trace.attention.layer.drop = drop_weights.of_weights(site(random, 2));
        const auto& h = beside::forward(norm1, attention, x, trace.attention, drop, site(random, 0), mask);
        return beside::forward(norm2, network, h, trace.network, drop, site(random, 1));
    }

    /// The output, in the scratch: no dropout. What is done at each position by itself runs in blocks of rows.
    template <class X, class Attention>
    const auto& forward(const like<X>& x, const auto& mask, scratch_of<X, Attention>& kept) const {
        auto& attended = kept.attention;
        auto &normal = kept.normal, &h = kept.h, &y = kept.y;
        for (auto* vectors : {&normal, &h, &y}) take_rows<Model>(*vectors, x, extent_of<Model>(x));
        const auto heads = extent_of<Head>(attention.wq.value), depth = extent_of<Depth>(attention.wq.value);
        take_rows<Model>(attended.q, x, heads, depth), take_rows<Model>(attended.k, x, heads, depth), take_rows<Model>(attended.v, x, heads, depth);
        by_rows<Model>(x, [&](auto rows) {
            const auto project = [&](const auto& from) { attention.project(from, rows(attended.q), rows(attended.k), rows(attended.v)); };
            if constexpr (Norm == norm_place::before) project(rows(normal) = norm1(rows(x)));
            else project(rows(x));
        });
        attention.attend(mask, attended);
        by_rows<Model>(x, [&](auto rows) {
            rows(h) = rows(x) + attention.outputs(rows(attended.o));
            if constexpr (Norm == norm_place::before) {
                rows(normal) = norm2(rows(h));
                rows(y) = rows(h) + network(rows(normal));
            } else {
                rows(normal) = norm1(rows(h));
                rows(h) = rows(normal) + network(rows(normal));
                rows(y) = norm2(rows(h));
            }
        });
        return y;
    }

    /// The gradient of x, in the trace. x, mask, drop and random are those of the forward pass; which weights were dropped, the
    /// trace knows.
    const auto& backward(const auto& dy, const auto& x, const auto& mask, auto& trace, dropout drop = dropout(), std::optional<random_key> random = {}) {
        const auto& dh = beside::backward(norm2, network, dy, trace.attention.output(), trace.network, drop, site(random, 1));
        return beside::backward(norm1, attention, dh, x, trace.attention, drop, site(random, 0), mask);
    }

    static void parts(auto& self, auto&& part) {
        part("norm1", self.norm1);
        part("attention", self.attention);
        part("norm2", self.norm2);
        part("network", self.network);
    }
};

/// Blocks one after another; where the norms stand before the parts, one more at the end.
///
///     transformer_encoder<float, token, model, head, depth, hidden> encoder(blocks);
///     auto trace = nn::trace_for(encoder, x);
///     const auto& y = encoder.forward(x, mask, trace);
///
/// `encoder.drop` and `encoder.drop_weights` are the dropout of every block in a forward pass that has a random_key:
/// encoder.forward(x, mask, trace, random).
template <class T, class Token, class Model, class Head, class Depth, class Hidden, class Bend = gelu_by_erf, norm_place Norm = norm_place::before,
          biases Biases = biases::none>
struct transformer_encoder {
    using block_type = transformer_block<T, Token, Model, Head, Depth, Hidden, Bend, Norm, Biases>;
    using key = attended<Token>;

    std::vector<block_type> blocks;
    layer_norm<T, Model> norm;          ///< used and visited where the norms stand before
    dropout drop, drop_weights;         ///< of the branches, and of the weights of attention

    explicit transformer_encoder(std::size_t number, const auto&... sizes) : norm(sizes...) {
        blocks.reserve(number);
        for (std::size_t i = 0; i < number; ++i) blocks.emplace_back(sizes...);
    }

    template <class X>
    struct trace_of {
        std::vector<typename block_type::template trace_of<X>> blocks;
        typename layer_norm<T, Model>::template trace_of<like<X>> norm;
    };

    /// What an output needs that no gradient will follow: the activations of one block, in turn.
    template <class X>
    struct scratch_of {
        typename block_type::template scratch_of<X> block;
        typename layer_norm<T, Model>::template scratch_of<like<X>> norm;
        auto& of_block(std::size_t) { return block; }
    };

    template <class X>
    like<X> forward(const X& x, const auto& mask) const {
        scratch_of<X> kept;
        return forward(x, mask, kept);
    }

    /// The output lies in the scratch; or in x where there are no blocks and no norm. No dropout.
    template <class X>
    const like<X>& forward(const X& x, const auto& mask, auto& scratch) const {
        const like<X>* y = &x;
        for (std::size_t i = 0; i < blocks.size(); ++i) y = &blocks[i].forward(*y, mask, scratch.of_block(i));
        return finish(*y, scratch);
    }
    /// The same, and what backward needs, in the trace; with a random key, with dropout.
    template <class X>
    const like<X>& forward(const X& x, const auto& mask, trace_of<X>& kept, std::optional<random_key> random = {}) const {
        kept.blocks.resize(blocks.size());
        const like<X>* y = &x;
        for (std::size_t i = 0; i < blocks.size(); ++i) y = &blocks[i].forward(*y, mask, kept.blocks[i], drop, site(random, 2 + i), drop_weights);
        return finish(*y, kept);
    }

    template <class X>
    const like<X>& backward(const auto& dy, const X& x, const auto& mask, trace_of<X>& kept, std::optional<random_key> random = {}) {
        const like<X>* d = &dy;
        if constexpr (Norm == norm_place::before) d = &norm.backward(dy, blocks.empty() ? x : kept.blocks.back().output(), kept.norm);
        for (std::size_t i = blocks.size(); i-- > 0;)
            d = &blocks[i].backward(*d, i == 0 ? x : kept.blocks[i - 1].output(), mask, kept.blocks[i], drop, site(random, 2 + i));
        return *d;
    }

    static void parts(auto& self, auto&& part) {
        part("block", self.blocks);
        if constexpr (Norm == norm_place::before) part("norm", self.norm);
    }

private:
    const auto& finish(const auto& y, auto& kept) const {
        if constexpr (Norm == norm_place::before) return norm.forward(y, kept.norm);
        else return y;
    }
};

}  // namespace heed::inline HEED_TARGET::nn
