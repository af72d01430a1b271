#include <heed/metrics/calibration.hpp>

#include "../golden/metrics.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace heed::metrics;
using Catch::Matchers::Contains;

TEST_CASE("Calibration bins and error agree with the definition in numpy") {
    CHECK(calibration_error(golden::metrics::probability, golden::metrics::label) == Approx(golden::metrics::calibration_error).margin(1e-12));
    const auto bins = calibration_bins(golden::metrics::probability, golden::metrics::label);
    REQUIRE(bins.size() == std::size(golden::metrics::calibration_counts));
    for (std::size_t b = 0; b < bins.size(); ++b) CHECK(bins[b].examples == std::size_t(golden::metrics::calibration_counts[b]));
}

TEST_CASE("Distinct probabilities fall into bins of equal mass, whose means lie in order and in range") {
    std::mt19937 random(1);
    std::uniform_real_distribution<double> uniform;
    std::vector<double> p(1500);
    std::vector<int> y;
    for (auto& x : p) x = uniform(random), y.push_back(uniform(random) < x);
    const auto bins = calibration_bins(p, y);
    REQUIRE(bins.size() == 15);
    double before = -1;
    for (const auto& bin : bins) {
        CHECK(bin.examples == 100);
        CHECK(bin.lowest > before);
        CHECK(bin.mean_prediction >= bin.lowest);
        CHECK(bin.mean_prediction <= bin.highest);
        CHECK(bin.confidence.contains(bin.positive_share));
        before = bin.highest;
    }
}

TEST_CASE("A model that tells the truth has a small calibration error, one that is sure of itself a large one") {
    std::mt19937 random(2);
    std::uniform_real_distribution<double> uniform;
    std::vector<double> honest(60000), bold;
    std::vector<int> y;
    for (auto& x : honest) {
        x = uniform(random);
        y.push_back(uniform(random) < x);
        bold.push_back(x < 0.5 ? 0.1 * x : 1 - 0.1 * (1 - x));
    }
    CHECK(calibration_error(honest, y) < 0.01);
    CHECK(calibration_error(bold, y, 16) == Approx(0.225).margin(0.01));    // the mean of 0.9 * min(p, 1 - p)
    CHECK(calibration_error(bold, y, 1) < 0.01);                            // the two halves cancel in a single bin
}

TEST_CASE("Calibration does not depend on the order of the examples, however many predictions are equal") {
    std::mt19937 random(3);
    std::vector<std::pair<double, int>> examples;
    for (int i = 0; i < 400; ++i) examples.emplace_back(double(random() % 7) / 10, int(random() % 2));
    const auto error = [&] {
        std::vector<double> p;
        std::vector<int> y;
        for (auto [a, b] : examples) p.push_back(a), y.push_back(b);
        return calibration_error(p, y);
    };
    const double once = error();
    for (int i = 0; i < 5; ++i) {
        std::shuffle(examples.begin(), examples.end(), random);
        CHECK(error() == Approx(once).margin(1e-12));
    }
    const auto constant = calibration_bins(std::vector<double>(40, 0.3), std::vector<int>(40, 1));
    REQUIRE(constant.size() == 1);
    CHECK(calibration_error(constant) == Approx(0.7));
}

TEST_CASE("Fewer examples than bins still count") {
    CHECK(calibration_error(std::vector{0.2, 0.6}, std::vector{0, 1}) == Approx(0.3));
    CHECK(calibration_bins(std::vector{0.2, 0.6}, std::vector{0, 1}).size() == 2);
}

TEST_CASE("Calibration says what is wrong with its input") {
    CHECK_THROWS_WITH(calibration_bins(std::vector{0.5}, std::vector{1}, 0), Contains("at least one bin"));
    CHECK_THROWS_WITH(calibration_error(std::vector{1.01}, std::vector{1}), Contains("not between 0 and 1"));
    CHECK_THROWS_WITH(calibration_error(std::vector{0.5}, std::vector{1, 0}), Contains("1 predictions for 2 labels"));
    CHECK_THROWS_WITH(calibration_error(std::vector{0.5}, std::vector{3}), Contains("label 0 is 3"));
}
