/// One token out of logits: by the greatest, or by chance, among all or among the likeliest.
#pragma once

#include <heed/error.hpp>
#include <heed/eval/cpu/parallel.hpp>
#include <heed/eval/cpu/select.hpp>
#include <heed/generate/draw.hpp>
#include <heed/generate/kept.hpp>
#include <heed/random.hpp>
#include <heed/tensor.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace heed::inline HEED_TARGET::generate {

/// What is added to the logit of one token; -infinity forbids it.
struct token_bias {
    int token;
    double bias;
};

/// In the order in which they work. What is not named does nothing.
struct sampler_options {
    std::vector<token_bias> logit_bias = {};    // added
    double repetition_penalty = 1;              // divides the positive logits of tokens that the text has, multiplies the negative ones
    double temperature = 1;                     // divides all; below 1 likely tokens become likelier; 0: the greatest logit, no chance
    std::optional<int> top_k = {};              // the k greatest logits, and what equals the k-th
    double top_p = 1;                           // of these the fewest tokens that have a share of p, the greatest first
    double min_p = 0;                           // of these what is at least p times as likely as the likeliest
    std::uint64_t seed = 0;
};

/// A token that may be drawn.
struct token_probability {
    int token;
    double probability;
};

namespace detail {

/// Tensors and views of floats lend their memory.
template <class X> auto memory_of(const X& logits) {
    static_assert(requires { logits.memory(); }, "heed: a sampler reads the logits of a tensor or view; of an expression, make one by eval");
    static_assert(std::is_same_v<typename X::element_type, float>, "heed: a sampler's logits are float; of others, make them by eval(as<float>(x))");
    return heed::detail::strided<const float, X::items::size>(logits.memory());
}
/// One row: a tensor or view of one axis, or anything that is a std::span<const float>.
template <class X> heed::detail::strided<const float, 1> strided_row(const X& logits) {
    if constexpr (node_type<X>) {
        static_assert(X::items::size == 1, "heed: logits of several axes are drawn row by row: sample.rows<vocabulary>(logits)");
        return memory_of(logits);
    } else {
        const std::span<const float> row(logits);
        return {.data = row.data(), .size = {static_cast<std::ptrdiff_t>(row.size())}, .stride = {1}};
    }
}

/// The tensor with a token for each row along Vocabulary.
template <class Vocabulary, class X> using tokens_of = typename heed::detail::tensor_type<int, lists::minus<typename X::items, axes<Vocabulary>>>::type;

}  // namespace detail

/// Draws tokens.
///
///     generate::sampler sample({.temperature = 0.8, .top_k = 50, .top_p = 0.95, .seed = 1});
///     int token = sample(logits);                             // a tensor or view of one axis, or a std::span
///     tensor<int, batch> tokens = sample.rows<vocabulary>(logits);   // along an axis of more
///
/// The n-th call of a sampler depends on its options, its seed, n, and the logits of that call alone: of rows each one on its
/// own, whatever the threads. Copies go on alike. Nothing is allocated per token after the first.
///
/// The rules are those of Hugging Face's generate(). A tie of greatest logits goes to the lowest token; ties at the k-th logit
/// are all kept; at top-p's edge the lowest tokens are, up to the one that crosses p. A logit of -infinity is never drawn.
/// value_error: NaN or +infinity among the logits, none above -infinity, top_k above the vocabulary, a biased token or one
/// of the text outside of it.
class sampler {
public:
    /// value_error where an option is out of range.
    explicit sampler(sampler_options options = {}) : options_(std::move(options)) {
        const sampler_options& o = options_;
        if (!(o.temperature >= 0 && o.temperature < infinity)) refuse("the temperature is " + number(o.temperature) + "; it must be 0 (the greatest logit) or more, and finite");
        if (o.top_k && *o.top_k < 1) refuse("top_k is " + std::to_string(*o.top_k) + "; it must be 1 or more");
        if (!(o.top_p > 0 && o.top_p <= 1)) refuse("top_p is " + number(o.top_p) + "; it must be above 0 and at most 1");
        if (!(o.min_p >= 0 && o.min_p <= 1)) refuse("min_p is " + number(o.min_p) + "; it must lie in [0, 1]");
        if (!(o.repetition_penalty > 0 && o.repetition_penalty < infinity))
            refuse("the repetition penalty is " + number(o.repetition_penalty) + "; it must be above 0 and finite, and is 1 for none");
        std::ranges::sort(options_.logit_bias, {}, &token_bias::token);
        for (int before = -1; const auto [token, bias] : o.logit_bias) {
            if (token < 0) refuse("a bias is given for token " + std::to_string(token) + "; tokens are numbered from 0");
            if (token == before) refuse("token " + std::to_string(token) + " has two biases");
            if (!(bias < infinity)) refuse("the bias of token " + std::to_string(token) + " is NaN or infinity");
            before = token;
        }
    }

    const sampler_options& options() const { return options_; }

    /// The next token.
    int operator()(const auto& logits) { return next(detail::strided_row(logits), no_text()); }
    /// The same after the tokens of `text`, which a repetition penalty needs to know.
    int operator()(const auto& logits, std::span<const int> text) { return next(detail::strided_row(logits), text); }

    /// The next token of each row along the axis Vocabulary, rows on all threads: shaped as the logits less that axis.
    template <axis_type Vocabulary, node_type X> auto rows(const X& logits) {
        detail::tokens_of<Vocabulary, X> tokens;
        rows<Vocabulary>(logits, tokens);
        return tokens;
    }
    /// The same into a tensor that is there. `texts`: the tokens so far of each row, in the order of `tokens` in memory.
    template <axis_type Vocabulary, node_type X>
    void rows(const X& logits, detail::tokens_of<Vocabulary, X>& tokens, std::span<const std::vector<int>> texts = {}) {
        static_assert(lists::has<Vocabulary, typename X::items>, "heed: a sampler's rows lie along an axis of the logits");
        const auto memory = detail::memory_of(logits);
        constexpr int rank = X::items::size, along = lists::place<Vocabulary, typename X::items>;
        std::ptrdiff_t sizes[rank] = {};
        for (int i = 0, n = 0; i < rank; ++i)
            if (i != along) sizes[n++] = memory.size[i];
        tokens.resize(sizes, memory.offsets, memory.segments);
        if (options_.repetition_penalty != 1 && static_cast<std::ptrdiff_t>(texts.size()) != tokens.size())
            refuse("a repetition penalty needs the tokens so far of each row; there are " + std::to_string(tokens.size()) + " rows and " + std::to_string(texts.size()) + " texts");
        cpu::parallel_for(tokens.size(), 4.0 * static_cast<double>(memory.size[along]), [&](std::ptrdiff_t row) {
            const float* begin = memory.data;
            std::ptrdiff_t rest = row;
            for (int i = rank; i-- > 0;) {
                if (i == along) continue;
                begin += rest % memory.size[i] * memory.stride[i];
                rest /= memory.size[i];
            }
            try {
                const auto text = texts.empty() ? std::span<const int>() : std::span<const int>(texts[static_cast<std::size_t>(row)]);
                tokens.data()[row] = choose({begin, memory.size[along], memory.stride[along]}, text, row);
            } catch (const value_error& error) {
                throw value_error("row " + std::to_string(row) + ": " + error.what());
            }
        });
        ++step_;
    }

    /// All tokens that may be drawn next, in the order of their numbers, with their probabilities.
    std::vector<token_probability> distribution(const auto& logits) const { return distribution_of(detail::strided_row(logits), no_text()); }
    std::vector<token_probability> distribution(const auto& logits, std::span<const int> text) const { return distribution_of(detail::strided_row(logits), text); }

    /// How many calls have drawn; and going on as if it had been so many.
    std::uint64_t step() const { return step_; }
    void restart(std::uint64_t step = 0) { step_ = step; }

private:
    static constexpr double infinity = std::numeric_limits<double>::infinity();

    [[noreturn, gnu::cold]] static void refuse(const std::string& why) { throw value_error("sampler: " + why + "."); }
    static std::string number(double x) {
        char text[32];
        std::snprintf(text, sizeof text, "%g", x);
        return text;
    }

    std::span<const int> no_text() const {
        if (options_.repetition_penalty != 1) refuse("a repetition penalty needs the tokens so far: sample(logits, tokens)");
        return {};
    }

    int next(const heed::detail::strided<const float, 1>& logits, std::span<const int> text) {
        const int token = choose(logits, text, 0);
        ++step_;
        return token;
    }

    int choose(const heed::detail::strided<const float, 1>& logits, std::span<const int> text, std::ptrdiff_t row) const {
        check_size(logits.size[0]);
        cpu::scratch<float> copy(is_read_in_place(logits) ? 0 : static_cast<std::size_t>(logits.size[0]));
        const auto x = adjusted(logits, text, copy.data());
        random_stream random(options_.seed, step_, static_cast<std::uint64_t>(row));
        const bool everything = !options_.top_k && options_.top_p == 1 && options_.min_p == 0;
        if (everything && options_.temperature > 0) {
            // Any logit serves as reference, as long as none is much greater: here the greatest of the first ones.
            const float some = *std::max_element(x.begin(), x.begin() + std::min<std::ptrdiff_t>(x.size(), 64));
            if (std::isfinite(some)) {
                const auto token = draw(cpu::row_blocks(x), {some, options_.temperature}, every_token{}, [](std::ptrdiff_t) { return true; }, random);
                if (token) return static_cast<int>(*token);
            }
        }
        const cpu::surveyed_row survey(x);
        check(survey);
        if (options_.temperature == 0) return static_cast<int>(survey.first_of_top());
        const token_weight weight{survey.top(), options_.temperature};
        const kept_tokens kept = kept_of(survey, weight);
        return static_cast<int>(draw(survey, weight, kept, [&](std::ptrdiff_t b) { return survey.maximum(b) >= kept.logit; }, random).value());
    }

    kept_tokens kept_of(const cpu::surveyed_row& logits, const token_weight& weight) const {
        kept_tokens kept;
        if (options_.top_k) kept = kept_by_top_k(logits, *options_.top_k);
        if (options_.top_p < 1) kept = kept & kept_by_top_p(logits, weight, options_.top_p, kept);
        if (options_.min_p > 0) kept = kept & kept_by_min_p(weight, options_.min_p);
        return kept;
    }

    std::vector<token_probability> distribution_of(const heed::detail::strided<const float, 1>& logits, std::span<const int> text) const {
        check_size(logits.size[0]);
        cpu::scratch<float> copy(is_read_in_place(logits) ? 0 : static_cast<std::size_t>(logits.size[0]));
        const auto x = adjusted(logits, text, copy.data());
        const cpu::surveyed_row survey(x);
        check(survey);
        if (options_.temperature == 0) return {{static_cast<int>(survey.first_of_top()), 1.0}};
        const token_weight weight{survey.top(), options_.temperature};
        const kept_tokens kept = kept_of(survey, weight);
        std::vector<token_probability> all;
        double total = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            if (!kept.has(x[i], static_cast<std::ptrdiff_t>(i))) continue;
            all.push_back({static_cast<int>(i), weight(x[i])});
            total += all.back().probability;
        }
        for (auto& one : all) one.probability /= total;
        return all;
    }

    void check_size(std::ptrdiff_t size) const {
        if (size == 0) refuse("there are no logits");
        if (options_.top_k.value_or(0) > size) refuse("top_k is " + std::to_string(*options_.top_k) + ", above the vocabulary of " + std::to_string(size) + " tokens");
    }
    static void check(const cpu::surveyed_row& logits) {
        const float top = logits.top();
        if (top == -std::numeric_limits<float>::infinity()) refuse("all logits are -infinity: there is no token to draw");
        if (std::isfinite(top)) return;
        std::ptrdiff_t token = 0;
        while (!std::isnan(logits[token]) && !(logits[token] == top)) ++token;
        refuse("the logit of token " + std::to_string(token) + " is " + (std::isnan(top) ? "NaN" : "infinity"));
    }

    bool is_read_in_place(const heed::detail::strided<const float, 1>& logits) const {
        return logits.stride[0] == 1 && options_.logit_bias.empty() && options_.repetition_penalty == 1;
    }
    /// The logits side by side, with bias and penalty: where they lie, or as a copy.
    std::span<const float> adjusted(const heed::detail::strided<const float, 1>& logits, std::span<const int> text, float* copy) const {
        const std::size_t size = static_cast<std::size_t>(logits.size[0]);
        if (is_read_in_place(logits)) return {logits.data, size};
        for (std::ptrdiff_t i = 0; i < logits.size[0]; ++i) copy[i] = logits.data[i * logits.stride[0]];
        for (const auto [token, bias] : options_.logit_bias) {
            if (token >= logits.size[0]) refuse("a bias is given for token " + std::to_string(token) + ", outside the vocabulary of " + std::to_string(size) + " tokens");
            copy[token] += static_cast<float>(bias);
        }
        if (options_.repetition_penalty == 1) return {copy, size};
        const auto penalty = static_cast<float>(options_.repetition_penalty);
        for (const int token : text) {
            if (token < 0 || token >= logits.size[0]) refuse("the text holds token " + std::to_string(token) + ", outside the vocabulary of " + std::to_string(size) + " tokens");
            // From the logit itself, so that a token that the text has twice is penalized once.
            const auto biased = std::ranges::lower_bound(options_.logit_bias, token, {}, &token_bias::token);
            float x = logits.data[token * logits.stride[0]];
            if (biased != options_.logit_bias.end() && biased->token == token) x += static_cast<float>(biased->bias);
            copy[token] = x > 0 ? x / penalty : x * penalty;
        }
        return {copy, size};
    }

    sampler_options options_;
    std::uint64_t step_ = 0;
};

}  // namespace heed::inline HEED_TARGET::generate
