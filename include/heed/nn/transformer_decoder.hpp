/// The half of the original Transformer that writes: blocks that read themselves, and what an encoder made of another text.
#pragma once

#include <heed/nn/attention.hpp>
#include <heed/nn/feed_forward.hpp>
#include <heed/nn/residual.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace heed::inline HEED_TARGET::nn {

/// One block, with A the self-attention, C the attention to the memory m, F the feed-forward, each a residual (see there)
/// with a norm of its own:
///
///     g = x beside A        h = g beside C(m)        y = h beside F
///
/// x: {.., Token, Model}, m: {.., Source, Model}, matched by the names that they share (a batch). Backward, each part hands
/// its gradient to the one before it, and C one to the memory too.
template <class T, class Token, class Source, class Model, class Head, class Depth, class Hidden, class Bend = gelu_by_erf, norm_place Norm = norm_place::before,
          biases Biases = biases::none>
struct transformer_decoder_block {
    using own_type = self_attention<T, Token, Model, Head, Depth, Biases>;
    using cross_type = cross_attention<T, Token, Model, Source, Model, Head, Depth, Biases>;
    using network_type = feed_forward<T, Model, Hidden, Bend>;
    using beside = residual<Norm>;

    layer_norm<T, Model> norm1, norm2, norm3;
    own_type attention;
    cross_type cross;
    network_type network;

    explicit transformer_decoder_block(const auto&... sizes) : norm1(sizes...), norm2(sizes...), norm3(sizes...), attention(sizes...), cross(sizes...), network(sizes...) {}

    template <class X, class Memory>
    struct trace_of {
        using norm_trace = typename layer_norm<T, Model>::template trace_of<like<X>>;
        typename beside::template trace_of<X, typename own_type::template trace_of<like<X>>, norm_trace> attention;
        typename beside::template trace_of<X, typename cross_type::template trace_of<like<X>, like<Memory>>, norm_trace> cross;
        typename beside::template trace_of<X, typename network_type::template trace_of<like<X>>, norm_trace> network;
        const auto& output() const { return network.output(); }
        const auto& dmemory() const { return cross.layer.dmemory; }
    };

    const auto& forward(const auto& x, const auto& memory, const auto& mask, const auto& memory_mask, auto& trace, dropout drop = dropout(), std::optional<random_key> random = {},
                        dropout drop_weights = dropout()) const {
        trace.attention.layer.drop = drop_weights.of_weights(site(random, 3));
        trace.cross.layer.drop = drop_weights.of_weights(site(random, 4));
        const auto& g = beside::forward(norm1, attention, x, trace.attention, drop, site(random, 0), mask);
        const auto& h = beside::forward(norm2, cross, g, trace.cross, drop, site(random, 1), memory, memory_mask);
        return beside::forward(norm3, network, h, trace.network, drop, site(random, 2));
    }

    /// The gradient of x; that of the memory is trace.dmemory().
    const auto& backward(const auto& dy, const auto& x, const auto& memory, const auto& mask, const auto& memory_mask, auto& trace, dropout drop = dropout(),
                         std::optional<random_key> random = {}) {
        const auto& dh = beside::backward(norm3, network, dy, trace.cross.output(), trace.network, drop, site(random, 2));
        const auto& dg = beside::backward(norm2, cross, dh, trace.attention.output(), trace.cross, drop, site(random, 1), memory, memory_mask);
        return beside::backward(norm1, attention, dg, x, trace.attention, drop, site(random, 0), mask);
    }

    static void parts(auto& self, auto&& part) {
        part("norm1", self.norm1);
        part("attention", self.attention);
        part("norm2", self.norm2);
        part("cross", self.cross);
        part("norm3", self.norm3);
        part("network", self.network);
    }
};

/// Such blocks one after another, all of which read the same memory; where the norms stand before the parts, one more at
/// the end.
///
///     const auto& memory = encoder.forward(embedded_source, source_mask, encoder_trace);
///     const auto& y = decoder.forward(embedded_target, memory, decoder.causal(), memory_mask, trace);
///     const auto& dx = decoder.backward(dy, embedded_target, memory, ...);          // and trace.dmemory, for the encoder
///
/// Source: A. Vaswani et al., "Attention Is All You Need", 2017.
template <class T, class Token, class Source, class Model, class Head, class Depth, class Hidden, class Bend = gelu_by_erf, norm_place Norm = norm_place::before,
          biases Biases = biases::none>
struct transformer_decoder {
    using block_type = transformer_decoder_block<T, Token, Source, Model, Head, Depth, Hidden, Bend, Norm, Biases>;
    using key = attended<Token>;

    std::vector<block_type> blocks;
    layer_norm<T, Model> norm;          ///< used and visited where the norms stand before
    dropout drop, drop_weights;         ///< of the branches, and of the weights of attention

    explicit transformer_decoder(std::size_t number, const auto&... sizes) : norm(sizes...) {
        blocks.reserve(number);
        for (std::size_t i = 0; i < number; ++i) blocks.emplace_back(sizes...);
    }

    template <class X, class Memory>
    struct trace_of {
        std::vector<typename block_type::template trace_of<X, Memory>> blocks;
        typename layer_norm<T, Model>::template trace_of<like<X>> norm;
        like<Memory> dmemory;
    };

    /// A position may read itself and what stands before it.
    static auto causal() { return position<key>() <= position<Token>(); }

    template <class X, class Memory>
    const like<X>& forward(const X& x, const Memory& memory, const auto& mask, const auto& memory_mask, trace_of<X, Memory>& kept, std::optional<random_key> random = {}) const {
        kept.blocks.resize(blocks.size());
        const like<X>* y = &x;
        for (std::size_t i = 0; i < blocks.size(); ++i) y = &blocks[i].forward(*y, memory, mask, memory_mask, kept.blocks[i], drop, site(random, 2 + i), drop_weights);
        if constexpr (Norm == norm_place::before) return norm.forward(*y, kept.norm);
        else return *y;
    }

    /// The gradient of x; that of the memory, of all blocks together, lies in kept.dmemory.
    template <class X, class Memory>
    const like<X>& backward(const auto& dy, const X& x, const Memory& memory, const auto& mask, const auto& memory_mask, trace_of<X, Memory>& kept,
                            std::optional<random_key> random = {}) {
        const like<X>* d = &dy;
        if constexpr (Norm == norm_place::before) d = &norm.backward(dy, blocks.empty() ? x : kept.blocks.back().output(), kept.norm);
        take_shape(kept.dmemory, memory);
        kept.dmemory = 0;
        for (std::size_t i = blocks.size(); i-- > 0;) {
            d = &blocks[i].backward(*d, i == 0 ? x : kept.blocks[i - 1].output(), memory, mask, memory_mask, kept.blocks[i], drop, site(random, 2 + i));
            kept.dmemory += kept.blocks[i].dmemory();
        }
        return *d;
    }

    static void parts(auto& self, auto&& part) {
        part("block", self.blocks);
        if constexpr (Norm == norm_place::before) part("norm", self.norm);
    }
};

}  // namespace heed::inline HEED_TARGET::nn
