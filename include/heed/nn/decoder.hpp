/// A language model: tokens in, for each position a distribution over the token that comes next.
#pragma once

#include <heed/nn/embedding.hpp>
#include <heed/nn/projected_loss.hpp>
#include <heed/nn/transformer.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace heed::inline HEED_TARGET::nn {

/// Whether the table that reads tokens is also the one that scores them.
enum class output_table { tied, own };

/// With E the table of tokens, P that of positions, B the blocks with their last norm, and W = E where tied:
///
///     x = E[ids] + P            h = B(x) under the causal mask            logits = h W^T
///
/// A position reads itself and those before it, so that h at t knows ids[.. t] and may be asked for ids[t + 1]: all positions
/// of a text are learnt from at once, each given the true tokens before it (teacher forcing).
///
///     nn::decoder<float, vocabulary, place, token, model, head, depth, hidden> gpt(blocks);
///     auto trace = nn::trace_for(gpt, ids);                               // ids: {batch, token} or {token}, integers
///     const auto& h = gpt.forward(ids, trace, random);
///     const auto loss = gpt.learn(h, targets, trace);                     // targets: the ids one place on; -1 is not counted
///     gpt.backward(ids, trace, random);
///
/// Backward, dh from the loss: dx = B'(dh); dP[t] += sum of dx over the sequences; dE[ids] += dx; dW += dz^T h, which of a
/// tied table is a second part of dE.
///
/// The defaults are GPT-2's: norms before, biases, GELU by tanh, learnt positions, tied tables; weights normal with a
/// deviation of 0.02, those into the residual divided by sqrt(2 blocks), so that the sum of all branches keeps the variance
/// of one. Source: A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
template <class T, class Vocabulary, class Place, class Token, class Model, class Head, class Depth, class Hidden, class Bend = gelu_by_tanh,
          norm_place Norm = norm_place::before, biases Biases = biases::learnt, class Positions = learned_positions<T, Token, Place, Model>,
          output_table Output = output_table::tied>
struct decoder {
    using number = T;
    using key = attended<Token>;
    using token = Token;
    using vocabulary = Vocabulary;
    using place = Place;
    using head = Head;
    using depth = Depth;
    using model = Model;
    using blocks_type = transformer_encoder<T, Token, Model, Head, Depth, Hidden, Bend, Norm, Biases>;

    parameter<T, Vocabulary, Model> tokens;
    Positions positions;
    blocks_type blocks;
    std::conditional_t<Output == output_table::own, parameter<T, Vocabulary, Model>, absent_parameter> outputs;
    projected_cross_entropy<Vocabulary, Model> cross_entropy;
    int window = everything_before;         ///< how many positions one reads at most, itself included

    static constexpr int everything_before = std::numeric_limits<int>::max();

    explicit decoder(std::size_t number_of_blocks, const auto&... sizes)
        : tokens(role::table, scaled_normal(0.02), sizes...), positions(sizes...), blocks(number_of_blocks, sizes...),
          outputs(role::table, scaled_normal(0.02), sizes...) {
        for (auto& block : blocks.blocks) {
            block.attention.wq.start = block.attention.wk.start = block.attention.wv.start = block.network.w1.start = scaled_normal(0.02);
            block.attention.wo.start = block.network.w2.start = scaled_normal(0.02 / std::sqrt(2.0 * static_cast<double>(number_of_blocks)));
        }
    }

    template <class Ids>
    struct trace_of {
        using vectors = looked_up<T, Ids, Model>;
        vectors x, dx;
        typename blocks_type::template trace_of<vectors> blocks;
        typename projected_cross_entropy<Vocabulary, Model>::template trace_of<vectors> loss;
    };

    /// What an output needs that no gradient will follow.
    template <class Ids>
    struct scratch_of {
        using vectors = looked_up<T, Ids, Model>;
        vectors x;
        typename blocks_type::template scratch_of<vectors> blocks;
        typename projected_cross_entropy<Vocabulary, Model>::template trace_of<vectors> loss;
    };

    /// h, for each position: in the scratch. No dropout. Throws value_error where an id is none of the vocabulary, or a text
    /// is longer than there are positions.
    template <class Ids>
    const auto& forward(const Ids& ids, scratch_of<Ids>& kept) const {
        kept.x = embed(ids, position<Token>());
        return blocks.forward(kept.x, mask(), kept.blocks);
    }
    /// h, and what backward needs; with a random key, with the dropout of `blocks.drop`, of the embedding too.
    template <class Ids>
    const auto& forward(const Ids& ids, trace_of<Ids>& kept, std::optional<random_key> random = {}) const {
        kept.x = embed(ids, position<Token>());
        if (random && blocks.drop.rate > 0) kept.x = blocks.drop(kept.x, random->site(0));
        return blocks.forward(kept.x, mask(), kept.blocks, random);
    }

    /// x for tokens at these places, to be part of a larger equation.
    auto embed(const auto& ids, const auto& places) const { return gather<Vocabulary>(tokens.value, ids) + positions.at(places); }

    /// The logits of what comes next, to be part of a larger equation.
    auto logits(const auto& h) const { return dot<Model>(h, output().value); }

    /// The loss of all positions, summed.
    summed_loss loss(const auto& h, const auto& targets, auto& kept) const { return cross_entropy.forward(h, output(), targets, kept.loss); }
    /// The same, with its gradients in h (kept.loss.dh) and in the output table.
    summed_loss learn(const auto& h, const auto& targets, auto& kept) { return cross_entropy.learn(h, output(), targets, kept.loss); }

    /// After learn: the gradients of everything else. ids and random are those of the forward pass.
    template <class Ids>
    void backward(const Ids& ids, trace_of<Ids>& kept, std::optional<random_key> random = {}) {
        const auto& d = blocks.backward(kept.loss.dh, kept.x, mask(), kept.blocks, random);
        if (random && blocks.drop.rate > 0) {
            kept.dx = blocks.drop(d, random->site(0));
            embed_backward(kept.dx, ids);
        } else embed_backward(d, ids);
    }

    /// What the tokens at these places may read: themselves, and the window - 1 before them.
    auto mask(const auto& places) const { return position<key>() <= places && position<key>() > places - window; }
    auto mask() const { return mask(position<Token>()); }
    /// How long a text can be.
    int places() const { return positions.places(); }

    auto& output() { return output_of(*this); }
    const auto& output() const { return output_of(*this); }

    static void parts(auto& self, auto&& part) {
        part("tokens", self.tokens);
        part("positions", self.positions);
        part("blocks", self.blocks);
        part("outputs", self.outputs);
    }

private:
    static auto& output_of(auto& self) {
        if constexpr (Output == output_table::tied) return self.tokens;
        else return self.outputs;
    }
    void embed_backward(const auto& dx, const auto& ids) {
        positions.backward(dx);
        scatter_add<Vocabulary>(tokens.gradient, ids, dx);
    }
};

}  // namespace heed::inline HEED_TARGET::nn
