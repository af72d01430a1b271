#include <heed/metrics/ranking.hpp>

#include "../golden/metrics.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace heed::metrics;
using Catch::Matchers::Contains;

TEST_CASE("NDCG and precision agree with scikit-learn, ties included") {
    const auto one = ndcg(golden::metrics::first, golden::metrics::label), two = ndcg(golden::metrics::second, golden::metrics::label);
    CHECK(one.value == Approx(golden::metrics::ndcg_first).margin(1e-12));
    CHECK(two.value == Approx(golden::metrics::ndcg_second).margin(1e-12));
    CHECK(one.slates == golden::metrics::slates);
    CHECK(one.slates + one.without_positive == std::size(golden::metrics::label) / 20);
    CHECK(precision_at(golden::metrics::second, golden::metrics::label, 0.1) == Approx(golden::metrics::precision_second).margin(1e-12));
}

TEST_CASE("NDCG by hand: the second of three is the one") {
    const auto result = ndcg(std::vector{3.0, 2.0, 1.0, 9.0}, std::vector{0, 1, 0, 1}, 3, 10);
    CHECK(result.value == Approx(1 / std::log2(3.0)));
    CHECK(result.left_over == 1);
    CHECK(ndcg(std::vector{3.0, 2.0, 1.0}, std::vector{0, 1, 0}, 3, 1).value == 0);
    CHECK(ndcg(std::vector{3.0, 2.0, 1.0}, std::vector{1, 1, 1}, 3, 2).value == Approx(1));
    CHECK(ndcg(std::vector{1.0, 1.0}, std::vector{0, 1}, 2, 2).value == Approx((1 + 1 / std::log2(3.0)) / 2));
}

TEST_CASE("Ranking by the label itself is perfect, and constant scores are worth what chance is worth") {
    std::mt19937 random(1);
    std::vector<int> y(4000);
    for (auto& label : y) label = random() % 5 == 0;
    const double share = double(std::count(y.begin(), y.end(), 1)) / double(y.size());
    CHECK(ndcg(y, y).value == Approx(1).margin(1e-12));
    CHECK(precision_at(y, y, 0.1) == 1);
    CHECK(precision_at(std::vector<float>(4000, 0.5f), y, 0.1) == Approx(share));
    CHECK(precision_at(y, y, 1.0) == Approx(share));
    std::vector<double> shuffled(4000);
    for (auto& s : shuffled) s = double(random());
    CHECK(ndcg(std::vector<float>(4000, 0.5f), y).value == Approx(ndcg(shuffled, y).value).margin(0.05));
}

TEST_CASE("Precision takes the number of examples rounded up, and the mean over ties at the cut") {
    const std::vector<double> score{5, 4, 3, 3, 3, 2, 1};
    const std::vector<int> label{0, 1, 1, 0, 0, 1, 1};
    CHECK(precision_at(score, label, 0.2) == 0.5);                            // 1.4 -> the best 2
    CHECK(precision_at(score, label, 3.0 / 7) == Approx((1 + 1.0 / 3) / 3));  // the third place is shared by three
    std::vector<double> thirty(30);
    for (int i = 0; i < 30; ++i) thirty[std::size_t(i)] = -i;
    std::vector<int> first_three(30);
    first_three[0] = first_three[1] = first_three[2] = 1;
    CHECK(precision_at(thirty, first_three, 0.1) == 1);                       // 3 of 30, though 0.1 * 30 > 3 in binary
}

TEST_CASE("Slates without a one are left out and counted") {
    const auto result = ndcg(std::vector{1.0, 2.0, 3.0, 4.0}, std::vector{0, 0, 0, 1}, 2, 2);
    CHECK(result.value == 1);
    CHECK(result.slates == 1);
    CHECK(result.without_positive == 1);
}

TEST_CASE("Ranking says what is wrong with its input") {
    const std::vector<double> score{1, 2};
    const std::vector<int> label{0, 1};
    CHECK_THROWS_WITH(precision_at(score, label, 0), Contains("not in (0, 1]"));
    CHECK_THROWS_WITH(precision_at(score, label, 1.5), Contains("not in (0, 1]"));
    CHECK_THROWS_WITH(precision_at(std::vector{std::nan(""), 1.0}, label), Contains("score 0 is NaN"));
    CHECK_THROWS_WITH(ndcg(score, label, 0, 1), Contains("at least 1"));
    CHECK_THROWS_WITH(ndcg(score, label, 3, 1), Contains("none of the 0 slates"));
    CHECK_THROWS_WITH(ndcg(score, std::vector{0, 0}, 2, 1), Contains("none of the 1 slates of 2 has a label 1"));
    CHECK_THROWS_WITH(ndcg(score, std::vector{0}, 2, 1), Contains("2 predictions for 1 labels"));
}
