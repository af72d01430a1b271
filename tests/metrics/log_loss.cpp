#include <heed/metrics/log_loss.hpp>

#include "../golden/metrics.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <vector>

using namespace heed::metrics;
using Catch::Matchers::Contains;

TEST_CASE("Log-loss and Brier score agree with scikit-learn") {
    CHECK(log_loss(golden::metrics::probability, golden::metrics::label) == Approx(golden::metrics::log_loss).margin(1e-12));
    CHECK(brier_score(golden::metrics::probability, golden::metrics::label) == Approx(golden::metrics::brier).margin(1e-12));
    std::vector<double> logits;
    for (float x : golden::metrics::second) logits.push_back(6.0 * x);
    CHECK(log_loss_of_logits(logits, golden::metrics::label) == Approx(golden::metrics::log_loss_of_logits).margin(1e-12));
}

TEST_CASE("Log-loss of logits is that of their probabilities, and holds where a probability would round to 1") {
    std::vector<double> logits, probabilities;
    std::vector<int> labels;
    for (int i = -20; i <= 20; ++i)
        for (int y : {0, 1}) logits.push_back(0.5 * i), probabilities.push_back(1 / (1 + std::exp(-0.5 * i))), labels.push_back(y);
    CHECK(log_loss_of_logits(logits, labels) == Approx(log_loss(probabilities, labels)).epsilon(1e-10));
    CHECK(log_loss_of_logits(std::vector{800.0, -800.0}, std::vector{0, 1}) == 800);
    CHECK(log_loss_of_logits(std::vector{double(INFINITY), double(-INFINITY)}, std::vector{1, 0}) == 0);
}

TEST_CASE("To be certain costs nothing when right, and everything when wrong") {
    CHECK(log_loss(std::vector{1.0, 0.0}, std::vector{1, 0}) == 0);
    CHECK(log_loss(std::vector{1.0, 0.5}, std::vector{0, 1}) == INFINITY);
    CHECK(brier_score(std::vector{1.0, 0.0}, std::vector{0, 1}) == 1);
}

TEST_CASE("The share of ones is the constant guess with the least log-loss and Brier score") {
    const std::vector<int> labels{1, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    const auto losses = [&](double p) { return std::pair(log_loss(std::vector<double>(10, p), labels), brier_score(std::vector<double>(10, p), labels)); };
    for (double p : {0.05, 0.15, 0.19, 0.21, 0.3, 0.9}) {
        CHECK(losses(p).first > losses(0.2).first);
        CHECK(losses(p).second > losses(0.2).second);
    }
}

TEST_CASE("Log-loss says what is wrong with its input") {
    CHECK_THROWS_WITH(log_loss(std::vector{0.5, 1.5}, std::vector{0, 1}), Contains("probability 1 is 1.5"));
    CHECK_THROWS_WITH(log_loss(std::vector{std::nan("")}, std::vector{0}), Contains("probability 0 is"));
    CHECK_THROWS_WITH(brier_score(std::vector{-0.1}, std::vector{0}), Contains("not between 0 and 1"));
    CHECK_THROWS_WITH(log_loss_of_logits(std::vector{std::nan("")}, std::vector{0}), Contains("score 0 is NaN"));
    CHECK_THROWS_WITH(log_loss(std::vector{0.5}, std::vector{0, 1}), Contains("1 predictions for 2 labels"));
    CHECK_THROWS_WITH(log_loss(std::vector{0.5}, std::vector{-1}), Contains("label 0 is -1"));
    CHECK_THROWS_AS(brier_score(std::vector<float>{}, std::vector<int>{}), heed::value_error);
}
