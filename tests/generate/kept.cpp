#include <heed/generate/kept.hpp>

#include <catch2/catch.hpp>

#include <heed/random.hpp>

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

using namespace heed;
using generate::kept_tokens, generate::token_weight;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<int> tokens(const std::vector<float>& logits, const kept_tokens& kept) {
    std::vector<int> all;
    for (std::size_t i = 0; i < logits.size(); ++i)
        if (kept.has(logits[i], static_cast<std::ptrdiff_t>(i))) all.push_back(static_cast<int>(i));
    return all;
}

std::vector<int> top_p(const std::vector<float>& logits, double p, double temperature = 1, const kept_tokens& so_far = {}) {
    const cpu::surveyed_row row(logits);
    return tokens(logits, generate::kept_by_top_p(row, {row.top(), temperature}, p, so_far));
}

/// The same by sorting them all.
std::vector<int> top_p_by_sorting(const std::vector<float>& logits, double p, double temperature) {
    std::vector<int> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, [&](int a, int b) { return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)]; });
    const token_weight weight{std::ranges::max(logits), temperature};
    double total = 0, mass = 0;
    for (const float x : logits) total += weight(x);
    std::vector<int> kept;
    for (const int token : order) {
        if (mass >= p * total) break;
        mass += weight(logits[static_cast<std::size_t>(token)]);
        kept.push_back(token);
    }
    std::ranges::sort(kept);
    return kept;
}

}  // namespace

TEST_CASE("top-k keeps the k greatest logits, and all that equal the k-th") {
    const std::vector<float> logits{1, 3, 2, 3, 2, 0, 2};
    const cpu::surveyed_row row(logits);
    CHECK(tokens(logits, generate::kept_by_top_k(row, 1)) == std::vector{1, 3});
    CHECK(tokens(logits, generate::kept_by_top_k(row, 2)) == std::vector{1, 3});
    CHECK(tokens(logits, generate::kept_by_top_k(row, 3)) == std::vector{1, 2, 3, 4, 6});
    CHECK(tokens(logits, generate::kept_by_top_k(row, 6)) == std::vector{0, 1, 2, 3, 4, 6});
    CHECK(tokens(logits, generate::kept_by_top_k(row, 7)) == std::vector{0, 1, 2, 3, 4, 5, 6});
}

TEST_CASE("top-p keeps the token that crosses p, and at least one") {
    const std::vector<float> logits{std::log(1.0f), std::log(4.0f), std::log(2.0f), std::log(3.0f)};       // .1, .4, .2, .3
    CHECK(top_p(logits, 1e-9) == std::vector{1});
    CHECK(top_p(logits, 0.39) == std::vector{1});
    CHECK(top_p(logits, 0.41) == std::vector{1, 3});
    CHECK(top_p(logits, 0.69) == std::vector{1, 3});
    CHECK(top_p(logits, 0.71) == std::vector{1, 2, 3});
    CHECK(top_p(logits, 0.91) == std::vector{0, 1, 2, 3});
}

TEST_CASE("a tie at top-p's edge goes to the lowest tokens") {
    CHECK(top_p({1, 5, 1, 1, 1}, 0.96) == std::vector{0, 1, 2});
    CHECK(top_p({2, 2, 2, 2}, 0.5) == std::vector{0, 1});
    CHECK(top_p({2, 2, 2, 2}, 0.51) == std::vector{0, 1, 2});
    std::vector<int> first(2500);
    std::iota(first.begin(), first.end(), 0);
    CHECK(top_p(std::vector<float>(5000, -3.0f), 0.49995) == first);
}

TEST_CASE("top-p takes its share of what top-k left") {
    const std::vector<float> logits{std::log(1.0f), std::log(4.0f), std::log(2.0f), std::log(3.0f)};
    const cpu::surveyed_row row(logits);
    CHECK(top_p(logits, 0.56, 1, generate::kept_by_top_k(row, 2)) == std::vector{1});         // 4 of 7 is .571
    CHECK(top_p(logits, 0.58, 1, generate::kept_by_top_k(row, 2)) == std::vector{1, 3});
}

TEST_CASE("top-p of many tokens is what sorting them all gives") {
    random_stream random(3);
    std::vector<float> logits(20000);
    for (float& x : logits) x = static_cast<float>(2 * random.normal());
    logits[77] = -infinity, logits[78] = -1e9f;
    for (const double temperature : {0.3, 1.0, 7.0, 1e6})
        for (const double p : {0.01, 0.3, 0.9, 0.999}) CHECK(top_p(logits, p, temperature) == top_p_by_sorting(logits, p, temperature));
    for (float& x : logits) x = std::round(2 * x) / 2;      // ties by the hundred
    for (const double p : {0.013, 0.3, 0.9, 0.999}) CHECK(top_p(logits, p) == top_p_by_sorting(logits, p, 1));
}

TEST_CASE("min-p keeps what is at least p times as likely as the likeliest") {
    const std::vector<float> logits{0, -1, -2, -3, 0, -infinity};
    CHECK(tokens(logits, generate::kept_by_min_p({0, 1}, 1)) == std::vector{0, 4});
    CHECK(tokens(logits, generate::kept_by_min_p({0, 1}, 0.9 * std::exp(-1.0))) == std::vector{0, 1, 4});
    CHECK(tokens(logits, generate::kept_by_min_p({0, 1}, 1.1 * std::exp(-1.0))) == std::vector{0, 4});
    CHECK(tokens(logits, generate::kept_by_min_p({0, 2}, 0.9 * std::exp(-1.0))) == std::vector{0, 1, 2, 4});
    CHECK(tokens(logits, generate::kept_by_min_p({0, 1}, 1e-300)) == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("what two rules keep is what both keep") {
    const kept_tokens low{1, 7}, high{2, 3}, tie{2, 5};
    CHECK((low & high).logit == 2);
    CHECK((high & low).last == 3);
    CHECK((tie & high).last == 3);
    CHECK(((low & tie).has(2, 5) && !(low & tie).has(2, 6) && (low & tie).has(3, 6)));
}
