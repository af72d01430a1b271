#include <feed/measure.hpp>
#include <feed/scaling.hpp>

#include "made_up_results.hpp"

#include <heed/metrics/log_loss.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <vector>

using Catch::Matchers::Contains;

TEST_CASE("A set of posts is measured from its logits alone") {
    std::vector<double> logits;
    std::vector<int> labels;
    for (int i = 0; i < 200; ++i) logits.push_back(0.03 * (i - 150)), labels.push_back(i % 5 == 0 || i > 181);
    const auto q = feed::measure(logits, labels);
    CHECK(q.examples == 200);
    CHECK(q.auc.value == heed::metrics::auc(logits, labels));
    CHECK(q.log_loss == heed::metrics::log_loss_of_logits(logits, labels));
    CHECK(q.precision_at_10 == Approx(0.95));
    CHECK(q.bins.size() == 15);
    CHECK(q.roc.size() > 10);
    CHECK(q.ndcg_at_10 > 0);
    CHECK(q.brier < 0.25);
}

TEST_CASE("What a small set leaves undefined is not a number, and no error") {
    const auto of_one_class = feed::measure(std::vector{0.1, 0.2}, std::vector{0, 0});
    CHECK(std::isnan(of_one_class.auc.value));
    CHECK(std::isnan(of_one_class.ndcg_at_10));
    CHECK(std::isfinite(of_one_class.log_loss));
    const auto single_positive = feed::measure(std::vector{0.1, 0.2, 0.3}, std::vector{0, 1, 0});
    CHECK(single_positive.auc.value == 0.5);
    CHECK(std::isnan(single_positive.auc.confidence.low));
    CHECK(feed::measure(std::vector<double>{}, std::vector<int>{}).examples == 0);
    CHECK_THROWS_AS(feed::measure(std::vector{std::nan("")}, std::vector{0}), heed::value_error);
    CHECK_THROWS_AS(feed::measure(std::vector{0.0, 1.0}, std::vector{0}), heed::value_error);
}

TEST_CASE("Buckets part the posts by length, and every post is in one") {
    const std::vector<double> logits{0.1, 0.9, 0.3, 0.4, 0.2, 0.7};
    const std::vector<int> labels{0, 1, 0, 1, 0, 1}, lengths{8, 9, 16, 17, 256, 1};
    const auto buckets = feed::measure_by_length(logits, labels, lengths);
    REQUIRE(buckets.size() == 4);
    std::size_t posts = 0;
    for (const auto& b : buckets) posts += b.of.examples;
    CHECK(posts == 6);
    CHECK(buckets[0].bucket == feed::length_bucket{1, 8});
    CHECK(buckets[1].of.examples == 2);
    CHECK(buckets[3].bucket == feed::length_bucket{129, 256});
    CHECK(feed::gain_by_length(logits, logits, labels, lengths).empty());
    CHECK_THROWS_WITH(feed::measure_by_length(logits, labels, std::vector{1}), Contains("6 values for 1 lengths"));
}

TEST_CASE("A power law is found again, and where it meets a limit") {
    std::vector<feed::cost_point> points;
    for (double t = 64; t <= 4096; t *= 2) points.push_back({t, 3e-6 * std::pow(t, 1.9)});
    CHECK(feed::fit(points).exponent == Approx(1.9));
    CHECK(feed::fit(points).factor == Approx(3e-6));
    CHECK(feed::fit_long(points)(1000) == Approx(3e-6 * std::pow(1000, 1.9)));
    const double meets = std::pow(1.0 / 3e-6, 1 / 1.9);
    const auto within = feed::where_it_exceeds(points, 1.0), beyond = feed::where_it_exceeds(points, 1000.0);
    REQUIRE(within);
    CHECK(within->tokens == Approx(meets));
    CHECK_FALSE(within->extrapolated);
    REQUIRE(beyond);
    CHECK(beyond->tokens == Approx(std::pow(1000 / 3e-6, 1 / 1.9)));
    CHECK(beyond->extrapolated);
    CHECK_FALSE(feed::where_it_exceeds(points, 1e-9));
    CHECK_FALSE(feed::where_it_exceeds({}, 1));
    CHECK_FALSE(feed::where_it_exceeds({{64, 1}, {128, 1}}, 2));
    CHECK(std::isnan(feed::fit({{64, 1}}).exponent));
}

TEST_CASE("A limit that noise crosses twice is exceeded from the last crossing on") {
    const std::vector<feed::cost_point> noisy{{64, 1}, {128, 3}, {256, 1.5}, {512, 6}};
    const auto limit = feed::where_it_exceeds(noisy, 2);
    REQUIRE(limit);
    CHECK(limit->tokens > 256);
    CHECK(limit->tokens < 512);
}
