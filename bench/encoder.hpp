/// The feed encoder that whole models are measured by, its baseline, and what they read.
///
/// Both see posts as tokens, one after another without padding, beside 24 numbers each, and answer with one logit. The
/// peers in bench/peers compute the same from the same weights.
#pragma once

#include <heed/heed.hpp>
#include <heed/nn/embedding.hpp>
#include <heed/nn/loss.hpp>
#include <heed/nn/pooling.hpp>
#include <heed/nn/transformer.hpp>
#include <heed/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace feed_encoder {

using namespace heed;

struct text   : axis<> {};                  // the posts of a batch
struct token  : axis<> {};
struct word   : axis<50'000> {};            // of the vocabulary
struct width  : axis<256> {};
struct head   : axis<8> {};
struct depth  : axis<32> {};
struct hidden : axis<1024> {};
struct extra  : axis<24> {};                // the numbers beside a text
struct answer : axis<1> {};
using texts = ragged<text, token>;
using vectors = tensor<float, texts, width>;

inline constexpr std::size_t layers = 2;

/// What both models read and learn from.
struct batch {
    tensor<int, texts> tokens;
    tensor<float, text, extra> numbers;
    tensor<float, text, answer> labels;

    /// Posts of these lengths, of tokens that are all equally likely: a function of the lengths alone.
    explicit batch(const std::vector<int>& lengths)
        : tokens(texts(lengths)), numbers(text{lengths.size()}), labels(text{lengths.size()}) {
        random_stream random(0, 1);
        for (int& id : tokens) id = static_cast<int>(random.below(static_cast<std::uint32_t>(word::extent)));
        for (float& x : numbers) x = static_cast<float>(random.normal());
        for (float& y : labels) y = static_cast<float>(random.below(2));
    }
};

/// The length of post i of an endless feed: log-normal with median 40 and sigma 1, within 4 .. 256.
inline int uneven_length(std::uint64_t i) { return std::clamp(static_cast<int>(std::lround(40 * std::exp(random_stream(0, 0, i).normal()))), 4, 256); }

inline std::vector<int> uneven_lengths(std::size_t count, std::uint64_t first = 0) {
    std::vector<int> lengths(count);
    for (int& length : lengths) length = uneven_length(first++);
    return lengths;
}

/// What a forward pass of the encoder's layers has to compute, a multiply-add counted as two; embedding, pooling and
/// head, under a thousandth of it, are left out. A training step has three times as much.
inline double useful_operations(std::span<const int> lengths) {
    const double d = width::extent, h = hidden::extent;
    double sum = 0;
    for (const double t : lengths) sum += static_cast<double>(layers) * (2 * t * (4 * d * d + 2 * d * h) + 4 * t * t * d);
    return sum;
}

/// From the mean of a text's vectors and the numbers beside it to a logit: z = x Wx + n Wn + b, one linear layer over both.
struct decision {
    nn::parameter<float, width, answer> of_text;
    nn::parameter<float, extra, answer> of_numbers;
    nn::parameter<float, answer> bias{nn::role::bias, nn::constant(0)};

    decision() { of_text.start = of_numbers.start = nn::xavier_uniform(static_cast<double>(width::extent + extra::extent), 1); }

    struct trace {
        tensor<float, text, answer> z, dz;
        tensor<float, text, width> dx;
    };

    const auto& forward(const auto& x, const auto& numbers, trace& t) const {
        return t.z = dot<width>(x, of_text.value) + dot<extra>(numbers, of_numbers.value) + bias.value;
    }

    const auto& backward(const auto& x, const auto& numbers, trace& t) {
        of_text.accumulate(x * t.dz);
        of_numbers.accumulate(numbers * t.dz);
        bias.accumulate(t.dz);
        return t.dx = dot<answer>(t.dz, of_text.value);
    }

    static void parts(auto& self, auto&& part) {
        part("of_text", self.of_text);
        part("of_numbers", self.of_numbers);
        part("bias", self.bias);
    }
};

using words_type = nn::embedding<float, word, width>;
using encoder_type = nn::transformer_encoder<float, token, width, head, depth, hidden, nn::gelu_by_tanh, nn::norm_place::before, nn::biases::learnt>;
using pooling_type = nn::mean_pooling<token>;

/// Embedding, two blocks, the mean over each text, one logit.
struct model {
    words_type words;
    encoder_type encoder{layers};
    decision decide;

    template <class Kept>
    struct kept_for {
        vectors x;
        Kept encoder;
        pooling_type::trace_of<vectors> pooling;
        words_type::trace_of<tensor<int, texts>> words;
        decision::trace decide;
    };
    using scratch = kept_for<encoder_type::scratch_of<vectors>>;
    using trace = kept_for<encoder_type::trace_of<vectors>>;

    const auto& forward(const batch& b, auto& t) const {
        t.x = words(b.tokens);
        const auto& pooled = pooling_type::forward(encoder.forward(t.x, nn::everything{}, t.encoder), t.pooling);
        return decide.forward(pooled, b.numbers, t.decide);
    }

    nn::summed_loss learn(const batch& b, trace& t) {
        const auto loss = nn::binary_cross_entropy::forward(forward(b, t), b.labels, t.decide.dz);
        const auto& dpooled = decide.backward(t.pooling.y, b.numbers, t.decide);
        const auto& dencoded = pooling_type::backward(dpooled, t.encoder.norm.y, t.pooling);
        words.backward(encoder.backward(dencoded, t.x, nn::everything{}, t.encoder), b.tokens, t.words);
        return loss;
    }

    static void parts(auto& self, auto&& part) {
        part("words", self.words);
        part("encoder", self.encoder);
        part("decide", self.decide);
    }
};

/// The mean of the tokens' vectors, one logit.
struct baseline {
    words_type words;
    decision decide;

    struct trace {
        vectors x;
        pooling_type::trace_of<vectors> pooling;
        words_type::trace_of<tensor<int, texts>> words;
        decision::trace decide;
    };

    const auto& forward(const batch& b, trace& t) const {
        t.x = words(b.tokens);
        return decide.forward(pooling_type::forward(t.x, t.pooling), b.numbers, t.decide);
    }

    nn::summed_loss learn(const batch& b, trace& t) {
        const auto loss = nn::binary_cross_entropy::forward(forward(b, t), b.labels, t.decide.dz);
        words.backward(pooling_type::backward(decide.backward(t.pooling.y, b.numbers, t.decide), t.x, t.pooling), b.tokens, t.words);
        return loss;
    }

    static void parts(auto& self, auto&& part) {
        part("words", self.words);
        part("decide", self.decide);
    }
};

}  // namespace feed_encoder
