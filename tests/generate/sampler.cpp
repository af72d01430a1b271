#include <heed/generate/sampler.hpp>

#include <catch2/catch.hpp>

#include <heed/eval/cpu/backend.hpp>
#include <heed/language.hpp>

#include "../golden/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

using namespace heed;
using Catch::Matchers::Contains;
using generate::sampler, generate::sampler_options;

namespace {

struct batch : axis<> {};
struct place : axis<> {};
struct vocabulary : axis<> {};
struct letter : axis<4> {};

constexpr float infinite = std::numeric_limits<float>::infinity(), not_a_number = std::numeric_limits<float>::quiet_NaN();

std::vector<float> small_row() {
    std::vector<float> logits(60);
    for (int i = 0; i < 60; ++i) logits[static_cast<std::size_t>(i)] = static_cast<float>(i * 37 % 50) / 8 - 3;
    logits[7] = -infinite;
    return logits;
}
std::vector<float> large_row() {
    std::vector<float> logits(5003);
    for (int i = 0; i < 5003; ++i) logits[static_cast<std::size_t>(i)] = static_cast<float>(i * 7919 % 5003) / 256 - 9;
    return logits;
}

std::vector<int> draws(sampler sample, const auto& logits, int n) {
    std::vector<int> tokens;
    for (int i = 0; i < n; ++i) tokens.push_back(sample(logits));
    return tokens;
}

std::vector<int> tokens_of(const std::vector<generate::token_probability>& distribution) {
    std::vector<int> tokens;
    for (const auto& one : distribution) tokens.push_back(one.token);
    return tokens;
}

/// How many standard deviations a chi-square lies from its mean, by Wilson and Hilferty's cube root; p is between .001 and
/// .999 within 3.09. Tokens that are expected fewer than ten times count as one.
double deviation(const std::vector<generate::token_probability>& expected, const std::vector<long>& counts) {
    const double n = static_cast<double>(std::accumulate(counts.begin(), counts.end(), 0L));
    double square = 0, rare = 0, rare_count = 0;
    int cells = 0;
    const auto add = [&](double wanted, double counted) { square += (counted - wanted) * (counted - wanted) / wanted, ++cells; };
    for (const auto& [token, probability] : expected) {
        const double counted = static_cast<double>(counts[static_cast<std::size_t>(token)]);
        if (n * probability >= 10) add(n * probability, counted);
        else rare += n * probability, rare_count += counted;
    }
    if (rare > 0) add(rare, rare_count);
    const double freedom = cells - 1, spread = 2 / (9 * freedom);
    return (std::cbrt(square / freedom) - (1 - spread)) / std::sqrt(spread);
}

}  // namespace

TEST_CASE("the tokens that may be drawn are those that Hugging Face's processors keep") {
    const std::vector<int> text{1, 5, 5, 9, 30};
    for (const auto& wanted : golden::sampler::kept_cases) {
        sampler_options options{.repetition_penalty = wanted.penalty, .temperature = wanted.temperature, .top_p = wanted.top_p, .min_p = wanted.min_p};
        if (wanted.top_k > 0) options.top_k = wanted.top_k;
        if (wanted.biased) options.logit_bias = {{9, 2.5}, {3, -4.0}, {30, 0.75}};
        const auto kept = sampler(options).distribution(wanted.large ? large_row() : small_row(), text);
        std::uint64_t hash = 0xcbf29ce484222325u;
        double greatest = 0;
        for (const auto& [token, probability] : kept) {
            hash = (hash ^ static_cast<std::uint64_t>(token)) * 0x100000001b3u;
            greatest = std::max(greatest, probability);
        }
        INFO("case " << &wanted - golden::sampler::kept_cases);
        CHECK(kept.size() == static_cast<std::size_t>(wanted.count));
        CHECK(hash == wanted.hash);
        CHECK(greatest == Approx(wanted.greatest).epsilon(1e-6));       // float logits, divided by a penalty
    }
}

TEST_CASE("a million draws have the frequencies that the logits say") {
    std::vector<float> many = large_row();
    many.resize(1200);
    std::vector<float> steep = many;
    for (float& x : steep) x *= 3;
    std::ranges::sort(steep);           // the last ones 50 above the first
    std::vector<float> far(600, 0.0f);
    far[599] = 300, far[598] = 299, far[5] = -infinite;     // too far above the first for the sums of the quick way
    const struct { int times; std::vector<float> logits; sampler_options options; } cases[] = {
        {1'000'000, small_row(), {.seed = 1}},
        {1'000'000, many, {.temperature = 3, .seed = 2}},
        {200'000, steep, {.seed = 3}},
        {200'000, far, {.seed = 4}},
        {1'000'000, small_row(), {.temperature = 0.8, .top_k = 10, .top_p = 0.95, .seed = 5}},
        {200'000, many, {.temperature = 5, .top_p = 0.6, .seed = 6}},
        {200'000, many, {.temperature = 5, .min_p = 0.1, .seed = 7}},
        {200'000, std::vector<float>(1000, 2.5f), {.top_p = 0.3, .seed = 8}},        // ties: tokens 0 to 299
    };
    for (const auto& [times, logits, options] : cases) {
        INFO("seed " << options.seed);
        sampler sample(options);
        std::vector<long> counts(logits.size());
        for (int i = 0; i < times; ++i) ++counts[static_cast<std::size_t>(sample(logits))];
        const auto expected = sample.distribution(logits);
        long drawn = 0;
        for (const int token : tokens_of(expected)) drawn += counts[static_cast<std::size_t>(token)];
        CHECK(drawn == times);      // nothing else was
        CHECK(std::abs(deviation(expected, counts)) < 3.09);
    }
}

TEST_CASE("the draws of one sampler do not hang together") {
    // Pairs of neighbours: 16 equally likely.
    sampler sample({.seed = 11});
    const std::vector<float> logits(4, 0.0f);
    std::vector<long> pairs(16);
    for (int i = 0; i < 500'000; ++i) {
        const int first = sample(logits);
        ++pairs[static_cast<std::size_t>(4 * first + sample(logits))];
    }
    std::vector<generate::token_probability> expected;
    for (int i = 0; i < 16; ++i) expected.push_back({i, 1.0 / 16});
    CHECK(std::abs(deviation(expected, pairs)) < 3.09);
}

TEST_CASE("temperature 0 takes the greatest logit, of equal ones the lowest token") {
    sampler greedy({.temperature = 0, .top_k = 3, .top_p = 0.5, .seed = 9});
    CHECK(greedy(std::vector<float>{1, 4, 2, 4, 4}) == 1);
    CHECK(greedy(std::vector<float>(700, -2.0f)) == 0);
    CHECK(greedy(std::vector<float>{-infinite, -infinite, -1e30f}) == 2);
    CHECK(greedy(std::vector<float>{-3e38f, 3e38f, -infinite}) == 1);
    CHECK(tokens_of(greedy.distribution(std::vector<float>{1, 4, 2, 4, 4})) == std::vector{1});
}

TEST_CASE("a tiny temperature draws among the greatest logits alone, a great one among all alike") {
    const std::vector<float> logits{0.5f, 4, 2, 4, -7};
    for (const double temperature : {1e-310, 1e-30, 1e-4}) {
        auto drawn = draws(sampler({.temperature = temperature}), logits, 300);
        CHECK(std::ranges::count(drawn, 1) + std::ranges::count(drawn, 3) == 300);
        CHECK(std::abs(std::ranges::count(drawn, 1) - 150) < 45);
    }
    sampler hot({.temperature = 1e30});
    for (const auto& [token, probability] : hot.distribution(logits)) CHECK(probability == Approx(0.2));
    for (int token = 0; token < 5; ++token) CHECK(std::abs(std::ranges::count(draws(hot, logits, 1000), token) - 200) < 65);
}

TEST_CASE("a logit of -infinity is never drawn") {
    std::vector<float> logits(1000, -infinite);
    logits[611] = -50, logits[900] = -50;
    for (const sampler_options& options : {sampler_options{}, {.temperature = 1e30}, {.top_k = 1000}, {.top_p = 0.999}, {.min_p = 1e-12}, {.top_k = 1000, .top_p = 0.999}})
        for (const int token : draws(sampler(options), logits, 100)) CHECK((token == 611 || token == 900));
    for (const int token : draws(sampler({.logit_bias = {{900, -infinity}}}), logits, 100)) CHECK(token == 611);
}

TEST_CASE("the same seed and logits give the same tokens, another seed others") {
    const auto logits = large_row();
    for (const sampler_options& options : {sampler_options{.seed = 5}, {.temperature = 4, .top_k = 300, .seed = 5}, {.temperature = 4, .top_p = 0.9, .seed = 5}}) {
        auto other = options;
        other.seed = 6;
        const auto tokens = draws(sampler(options), logits, 50);
        CHECK(tokens == draws(sampler(options), logits, 50));
        CHECK(tokens != draws(sampler(other), logits, 50));

        // From the 30th call on: by a copy, and by a sampler that is told so.
        sampler sample(options), later(options);
        for (int i = 0; i < 30; ++i) sample(logits);
        CHECK(sample.step() == 30);
        later.restart(30);
        const std::vector<int> rest(tokens.begin() + 30, tokens.end());
        CHECK(draws(sample, logits, 20) == rest);
        CHECK(draws(later, logits, 20) == rest);
    }
}

TEST_CASE("a call that throws draws nothing: the next one goes on as if it had not been") {
    sampler sample({.seed = 5}), other({.seed = 5});
    CHECK_THROWS(sample(std::vector<float>{1, not_a_number}));
    CHECK(sample.step() == 0);
    CHECK(sample(small_row()) == other(small_row()));
}

TEST_CASE("logits are a vector, a span, a tensor, or a view with a step") {
    const auto row = small_row();
    tensor<float, vocabulary> logits(vocabulary{60});
    std::ranges::copy(row, logits.begin());
    tensor<float, vocabulary, letter> columns(vocabulary{60});
    columns = logits + 100.0f * position<letter>();
    for (int i = 0; i < 60; ++i) columns(i, 2) = row[static_cast<std::size_t>(i)];
    const auto wanted = draws(sampler({.top_k = 20, .seed = 2}), row, 20);
    CHECK(draws(sampler({.top_k = 20, .seed = 2}), std::span<const float>(row), 20) == wanted);
    CHECK(draws(sampler({.top_k = 20, .seed = 2}), logits, 20) == wanted);
    CHECK(draws(sampler({.top_k = 20, .seed = 2}), columns(letter{2}), 20) == wanted);
}

TEST_CASE("each row of a batch is drawn on its own, whatever the threads and the order of the axes") {
    tensor<float, batch, vocabulary> logits(batch{37}, vocabulary{2000});
    random_stream random(8);
    for (float& x : logits) x = static_cast<float>(2 * random.normal());
    tensor<float, vocabulary, batch> turned = logits;
    for (const sampler_options& options : {sampler_options{.seed = 3}, {.top_k = 40, .top_p = 0.9, .seed = 3}}) {
        sampler one(options), two(options), three(options);
#if defined(_OPENMP)
        const int threads = omp_get_max_threads();
        omp_set_num_threads(1);
#endif
        const tensor<int, batch> first = one.rows<vocabulary>(logits);
#if defined(_OPENMP)
        omp_set_num_threads(4);
#endif
        const tensor<int, batch> second = two.rows<vocabulary>(logits), third = three.rows<vocabulary>(turned);
#if defined(_OPENMP)
        omp_set_num_threads(threads);
#endif
        CHECK(std::ranges::equal(first, second));
        CHECK(std::ranges::equal(first, third));
        CHECK(first(0) == sampler(options)(logits(batch{0})));      // a row alone is the first of a batch
        CHECK(one.step() == 1);
        // Equal rows have their own luck.
        tensor<float, batch, vocabulary> same(batch{37}, vocabulary{2000});
        same = broadcast<batch>(logits(batch{0}));
        const auto drawn = one.rows<vocabulary>(same);
        CHECK_FALSE(std::ranges::all_of(drawn, [&](int token) { return token == drawn(0); }));
    }
}

TEST_CASE("rows of several axes, and of sequences of several lengths") {
    using words = ragged<batch, place>;
    sampler greedy({.temperature = 0});
    tensor<float, batch, vocabulary, place> logits(batch{2}, vocabulary{10}, place{3});
    logits = where(position<vocabulary>() == position<place>() + 3 * position<batch>(), 1.0f, 0.0f);
    const tensor<int, batch, place> tokens = greedy.rows<vocabulary>(logits);
    for (int b = 0; b < 2; ++b)
        for (int p = 0; p < 3; ++p) CHECK(tokens(b, p) == p + 3 * b);

    tensor<float, words, vocabulary> uneven(words{3, 0, 2}, vocabulary{10});
    for (int row = 0; row < 5; ++row) uneven.data()[10 * row + row % 3 + 4] = 1;
    tensor<int, words> next;
    greedy.rows<vocabulary>(uneven, next);
    CHECK(next.offsets() == std::vector<std::ptrdiff_t>{0, 3, 3, 5});
    CHECK(std::ranges::equal(next, std::vector{4, 5, 6, 4, 5}));
}

TEST_CASE("a repetition penalty makes what the text has less likely, once for each token") {
    const std::vector<float> logits{2, 2, -2, -2, 0};
    const sampler sample({.repetition_penalty = 2});
    const auto once = sample.distribution(logits, std::vector{1, 3, 4}), twice = sample.distribution(logits, std::vector{3, 1, 4, 1, 3, 3});
    CHECK(once[1].probability / once[0].probability == Approx(std::exp(-1)));
    CHECK(once[3].probability / once[2].probability == Approx(std::exp(-2)));
    CHECK(once[4].probability / once[0].probability == Approx(std::exp(-2)));
    for (std::size_t i = 0; i < 5; ++i) CHECK(once[i].probability == twice[i].probability);
    CHECK(tokens_of(sample.distribution(logits, std::vector<int>{})).size() == 5);

    tensor<float, batch, vocabulary> rows{{2, 2, 0}, {2, 2, 0}};
    tensor<int, batch> tokens;
    sampler greedy({.repetition_penalty = 2, .temperature = 0});
    greedy.rows<vocabulary>(rows, tokens, std::vector<std::vector<int>>{{}, {0}});
    CHECK(std::ranges::equal(tokens, std::vector{0, 1}));
}

TEST_CASE("options out of range are refused, each in words") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_WITH(sampler({.temperature = -1}), "sampler: the temperature is -1; it must be 0 (the greatest logit) or more, and finite.");
    CHECK_THROWS_WITH(sampler({.temperature = nan}), Contains("temperature is") && Contains("nan"));
    CHECK_THROWS_WITH(sampler({.temperature = HUGE_VAL}), Contains("temperature is inf"));
    CHECK_THROWS_WITH(sampler({.top_k = 0}), "sampler: top_k is 0; it must be 1 or more.");
    CHECK_THROWS_WITH(sampler({.top_k = -3}), Contains("top_k is -3"));
    CHECK_THROWS_WITH(sampler({.top_p = 0}), "sampler: top_p is 0; it must be above 0 and at most 1.");
    CHECK_THROWS_WITH(sampler({.top_p = 1.01}), Contains("top_p is 1.01"));
    CHECK_THROWS_WITH(sampler({.top_p = nan}), Contains("top_p is"));
    CHECK_THROWS_WITH(sampler({.min_p = -0.1}), "sampler: min_p is -0.1; it must lie in [0, 1].");
    CHECK_THROWS_WITH(sampler({.min_p = 2}), Contains("min_p is 2"));
    CHECK_THROWS_WITH(sampler({.repetition_penalty = 0}), "sampler: the repetition penalty is 0; it must be above 0 and finite, and is 1 for none.");
    CHECK_THROWS_WITH(sampler({.logit_bias = {{-1, 2}}}), Contains("a bias is given for token -1"));
    CHECK_THROWS_WITH(sampler({.logit_bias = {{7, 2}, {3, 1}, {7, 1}}}), "sampler: token 7 has two biases.");
    CHECK_THROWS_WITH(sampler({.logit_bias = {{7, infinite}}}), "sampler: the bias of token 7 is NaN or infinity.");
    CHECK_THROWS_AS(sampler({.top_p = 0}), value_error);
}

TEST_CASE("logits that nothing can be drawn from are refused, each in words") {
    sampler plain, cut({.top_k = 2, .top_p = 0.5}), greedy({.temperature = 0});
    for (sampler* sample : {&plain, &cut, &greedy}) {
        for (const std::size_t place : {0, 3, 299}) {
            std::vector<float> logits(300, 1.0f);
            logits[place] = not_a_number;
            CHECK_THROWS_WITH((*sample)(logits), "sampler: the logit of token " + std::to_string(place) + " is NaN.");
            logits[place] = infinite;
            CHECK_THROWS_WITH((*sample)(logits), "sampler: the logit of token " + std::to_string(place) + " is infinity.");
        }
        CHECK_THROWS_WITH((*sample)(std::vector<float>(300, -infinite)), "sampler: all logits are -infinity: there is no token to draw.");
        CHECK_THROWS_AS((*sample)(std::vector<float>{not_a_number, 1}), value_error);
    }
    CHECK_THROWS_WITH(plain(std::vector<float>{}), "sampler: there are no logits.");
    CHECK_THROWS_WITH(cut(std::vector<float>{1}), "sampler: top_k is 2, above the vocabulary of 1 tokens.");
    CHECK(cut(std::vector<float>{1, -9}) == 0);

    tensor<float, batch, vocabulary> rows(batch{3}, vocabulary{5});
    rows(1, 4) = not_a_number;
    CHECK_THROWS_WITH(plain.rows<vocabulary>(rows), "row 1: sampler: the logit of token 4 is NaN.");
}

TEST_CASE("biases, texts and penalties that do not fit the vocabulary are refused") {
    const std::vector<float> logits{1, 2, 3};
    CHECK_THROWS_WITH(sampler({.logit_bias = {{3, 1}}})(logits), "sampler: a bias is given for token 3, outside the vocabulary of 3 tokens.");
    sampler penalized({.repetition_penalty = 1.1});
    CHECK_THROWS_WITH(penalized(logits, std::vector{0, 3}), "sampler: the text holds token 3, outside the vocabulary of 3 tokens.");
    CHECK_THROWS_WITH(penalized(logits, std::vector{-1}), Contains("the text holds token -1"));
    CHECK_THROWS_WITH(penalized(logits), "sampler: a repetition penalty needs the tokens so far: sample(logits, tokens).");
    tensor<float, batch, vocabulary> rows(batch{3}, vocabulary{5});
    tensor<int, batch> tokens;
    CHECK_THROWS_WITH(penalized.rows<vocabulary>(rows, tokens, std::vector<std::vector<int>>(2)),
                      "sampler: a repetition penalty needs the tokens so far of each row; there are 3 rows and 2 texts.");
    CHECK_THROWS_WITH(penalized.rows<vocabulary>(rows), Contains("needs the tokens so far"));
}
