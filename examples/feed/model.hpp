/// The two models that are compared: a bag of words, and an encoder that reads them in their order.
///
/// Both see a post as its tokens, one after another without padding, and a level for each field of metadata; both end in
/// the same decision. They differ in how a text becomes one vector.
#pragma once

#include <feed/batches.hpp>
#include <feed/post.hpp>

#include <heed/heed.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

namespace feed::network::inline HEED_TARGET {         // a .cu file has models of its own

using namespace heed;

struct text       : axis<> {};                      // the posts of a batch
struct token      : axis<> {};
struct vocabulary : axis<> {};
struct place      : axis<256> {};                   // where in its post a token may stand
struct width      : axis<128> {};
struct head       : axis<4> {};
struct depth      : axis<32> {};
struct hidden     : axis<512> {};
struct field      : axis<std::ptrdiff_t(metadata_columns)> {};
struct level      : axis<> {};                      // of all fields: quantile bins, categories and 'missing'
struct feature    : axis<16> {};
struct joint      : axis<128> {};
struct answer     : axis<1> {};
using texts = ragged<text, token>;
template <class T> using vectors = tensor<T, texts, width>;
template <class T> using words_of = tensor<in_space_of<int, T>, texts>;
template <class T> using levels_of = tensor<in_space_of<int, T>, text, field>;

inline constexpr std::size_t encoder_layers = 2;

/// A batch of posts as tensors: what both models read and learn from.
template <class T>
struct inputs {
    words_of<T> tokens;
    levels_of<T> levels;
    tensor<T, text, answer> labels;

    void take(const batch& b) {
        if constexpr (is_on_host<T>) {
            const text posts(b.size());
            tokens.resize(texts(b.lengths));
            levels.resize(posts, field(metadata_columns));
            labels.resize(posts, answer(1));
            std::copy(b.tokens.begin(), b.tokens.end(), tokens.begin());
            std::copy(b.levels.begin(), b.levels.end(), levels.begin());
            std::transform(b.labels.begin(), b.labels.end(), labels.begin(), [](float label) { return static_cast<T>(label); });
        } else {
            here.take(b);
            tokens = here.tokens, levels = here.levels, labels = here.labels;
        }
    }

    struct nothing {};
    [[no_unique_address]] typename std::conditional_t<is_on_host<T>, std::type_identity<nothing>, std::type_identity<inputs<value_of<T>>>>::type here;
};

/// The vectors of tokens:
///
///     x = 3 E[ids]            dE[v] += 3 times the sum of dx where ids is v
///
/// Most words are rare, and few batches move their rows. A row is stored as a third of what it says, so that an optimizer
/// of Adam's kind, which steps alike whatever the gradient's scale, moves it three times as far as other parameters.
template <class T>
struct word_vectors {
    static constexpr double scale = 3;
    static constexpr double start = 0.02;           // the deviation of what a word says before it has learnt anything
    using embedding = nn::embedding<T, vocabulary, width>;

    embedding rows;

    explicit word_vectors(int words) : rows(vocabulary{words}) { rows.table.start = nn::scaled_normal(start / scale); }

    struct trace {
        vectors<T> x, drows;
        typename embedding::template trace_of<words_of<T>> rows;
    };

    const vectors<T>& forward(const words_of<T>& ids, trace& t) const { return t.x = scale * rows(ids); }

    void backward(const auto& dx, const words_of<T>& ids, trace& t) {
        t.drows = scale * dx;
        rows.backward(t.drows, ids, t.rows);
    }

    static void parts(auto& self, auto&& part) { part("rows", self.rows); }
};

/// From a text's part of the joint layer and the metadata to one logit:
///
///     h = read + m Wm + b         m = the rows of the metadata's levels          z = relu(h) Wz + bz
template <class T>
struct decider {
    using categories = nn::category_embedding<T, field, level, feature>;
    using last_layer = nn::linear<T, joint, answer>;

    categories metadata;
    nn::parameter<T, field, feature, joint> weight;
    nn::parameter<T, joint> bias;
    last_layer last;

    explicit decider(const std::vector<int>& levels) : metadata(levels), bias(nn::role::bias, nn::constant(0)) {
        const double inputs = static_cast<double>(field::extent * feature::extent + width::extent);
        weight.start = nn::xavier_uniform(inputs, static_cast<double>(joint::extent));
        last.bias.start = nn::constant(std::log(0.18 / 0.82));      // about as many posts engage
    }

    struct trace {
        typename categories::template trace_of<levels_of<T>> metadata;
        tensor<T, text, joint> h, a, dh;
        tensor<T, text, field, feature> dmetadata;
        typename last_layer::template trace_of<tensor<T, text, joint>> last;
    };

    const auto& forward(const auto& read, const levels_of<T>& levels, trace& t) const {
        const auto& m = metadata.forward(levels, t.metadata);
        t.h = dot<field, feature>(m, weight.value) + bias.value;
        t.h += read;
        t.a = relu(t.h);
        return last.forward(t.a, t.last);
    }

    /// The gradient of h, which is that of what was read.
    const tensor<T, text, joint>& backward(const tensor<T, text, answer>& dlogits, const levels_of<T>& levels, trace& t) {
        t.dh = last.backward(dlogits, t.a, t.last) * nn::rectifier::slope(t.h);
        bias.accumulate(t.dh);
        weight.accumulate(t.metadata.y * t.dh);
        t.dmetadata = dot<joint>(t.dh, weight.value);
        metadata.backward(t.dmetadata, levels, t.metadata);
        return t.dh;
    }

    static void parts(auto& self, auto&& part) {
        part("metadata", self.metadata);
        part("weight", self.weight);
        part("bias", self.bias);
        part("last", self.last);
    }
};

/// How a vector for a text enters the decision's joint layer: x W.
template <class T>
struct reading {
    nn::parameter<T, width, joint> weight;

    reading() { weight.start = nn::xavier_uniform(static_cast<double>(width::extent), static_cast<double>(joint::extent)); }

    auto operator()(const auto& x) const { return dot<width>(x, weight.value); }

    const auto& backward(const auto& dh, const auto& x, auto& dx) {
        weight.accumulate(x * dh);
        return dx = dot<joint>(dh, weight.value);
    }

    static void parts(auto& self, auto&& part) { part("weight", self.weight); }
};

/// The masked mean of the tokens' embeddings: no order, no pairs.
template <class T>
struct baseline {
    word_vectors<T> words;
    nn::mean_pooling<token> pooling;
    reading<T> read;
    decider<T> decision;

    baseline(int vocabulary_size, const std::vector<int>& levels) : words(vocabulary_size), decision(levels) {}

    void start(std::uint64_t seed) { nn::initialise(*this, seed); }

    struct trace {
        typename word_vectors<T>::trace words;
        nn::mean_pooling<token>::template trace_of<vectors<T>> pooling;
        tensor<T, text, width> dpooled;
        typename decider<T>::trace decision;
        tensor<T, text, answer> dlogits;
    };

    const tensor<T, text, answer>& forward(const inputs<T>& b, trace& t) const {
        const auto& pooled = pooling.forward(words.forward(b.tokens, t.words), t.pooling);
        return decision.forward(read(pooled), b.levels, t.decision);
    }

    /// Forward and backward: the summed loss, and its gradients in the parameters.
    nn::summed_loss learn(const inputs<T>& b, trace& t, std::optional<nn::random_key> = {}) {
        const auto loss = nn::binary_cross_entropy::forward(forward(b, t), b.labels, t.dlogits);
        const auto& dh = decision.backward(t.dlogits, b.levels, t.decision);
        const auto& dpooled = read.backward(dh, t.pooling.y, t.dpooled);
        words.backward(pooling.backward(dpooled, t.words.x, t.pooling), b.tokens, t.words);
        return loss;
    }

    static void parts(auto& self, auto&& part) {
        part("words", self.words);
        part("read", self.read);
        part("decision", self.decision);
    }
};

/// Embedding and positions, encoder layers, the masked mean of what they make of the tokens. The mean of the embeddings
/// themselves is read beside it, so that attention need not carry what single words say.
template <class T>
struct classifier {
    using encoder_type = nn::transformer_encoder<T, token, width, head, depth, hidden>;

    word_vectors<T> words;
    nn::learned_positions<T, token, place, width> positions;
    encoder_type encoder{encoder_layers};
    nn::mean_pooling<token> pooling;
    reading<T> read, read_words;
    decider<T> decision;

    classifier(int vocabulary_size, const std::vector<int>& levels) : words(vocabulary_size), decision(levels) {}

    /// Positions are learnt, but from waves on: from noise, attention would first have to find out which of them are near.
    void start(std::uint64_t seed) {
        nn::initialise(*this, seed);
        const nn::sinusoidal_positions<T, token, place, width> waves;
        positions.table.value = 0.07 * waves.table;
    }

    struct trace {
        typename word_vectors<T>::trace words;
        vectors<T> x, dx;
        typename encoder_type::template trace_of<vectors<T>> encoder;
        nn::mean_pooling<token>::template trace_of<vectors<T>> pooling, of_words;
        tensor<T, text, width> dpooled, dmean;
        typename decider<T>::trace decision;
        tensor<T, text, answer> dlogits;
    };

    const tensor<T, text, answer>& forward(const inputs<T>& b, trace& t, std::optional<nn::random_key> random = {}) const {
        const auto& words_alone = words.forward(b.tokens, t.words);
        t.x = words_alone + positions();
        const auto& pooled = pooling.forward(encoder.forward(t.x, nn::everything{}, t.encoder, random), t.pooling);
        const auto& mean_word = pooling.forward(words_alone, t.of_words);
        return decision.forward(read(pooled) + read_words(mean_word), b.levels, t.decision);
    }

    /// Forward and backward: the summed loss, and its gradients in the parameters. With a key, with dropout.
    nn::summed_loss learn(const inputs<T>& b, trace& t, std::optional<nn::random_key> random = {}) {
        const auto loss = nn::binary_cross_entropy::forward(forward(b, t, random), b.labels, t.dlogits);
        const auto& dh = decision.backward(t.dlogits, b.levels, t.decision);
        const auto& dpooled = read.backward(dh, t.pooling.y, t.dpooled);
        const auto& dencoded = pooling.backward(dpooled, t.encoder.norm.y, t.pooling);
        const auto& dx = encoder.backward(dencoded, t.x, nn::everything{}, t.encoder, random);
        positions.backward(dx);
        t.dx = dx + pooling.backward(read_words.backward(dh, t.of_words.y, t.dmean), t.words.x, t.of_words);
        words.backward(t.dx, b.tokens, t.words);
        return loss;
    }

    static void parts(auto& self, auto&& part) {
        part("words", self.words);
        part("positions", self.positions);
        part("encoder", self.encoder);
        part("read", self.read);
        part("read_words", self.read_words);
        part("decision", self.decision);
    }
};

}  // namespace feed::network::inline HEED_TARGET
