#include <heed/metrics/auc.hpp>

#include "../golden/metrics.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>
#include <span>
#include <string>
#include <vector>

using namespace heed::metrics;
using Catch::Matchers::Contains;

namespace {

struct sample {
    std::vector<double> first, second;
    std::vector<int> label;
};

/// Two models that see the same hidden cause through noise of their own, `coarse` rounding some scores together.
sample draw(std::mt19937& random, int examples, double positive_share, bool coarse = false) {
    std::normal_distribution<double> normal;
    std::bernoulli_distribution positive(positive_share);
    sample s;
    for (int i = 0; i < examples; ++i) {
        const int y = positive(random);
        const double seen = y + normal(random);
        const double a = seen + normal(random), b = seen + 0.5 * normal(random);
        s.label.push_back(y);
        s.first.push_back(coarse ? std::round(a * 2) : a);
        s.second.push_back(coarse ? std::round(b * 2) : b);
    }
    return s;
}

double auc_by_pairs(const std::vector<double>& score, const std::vector<int>& label) {
    double wins = 0, pairs = 0;
    for (std::size_t i = 0; i < score.size(); ++i)
        for (std::size_t j = 0; j < score.size(); ++j)
            if (label[i] == 1 && label[j] == 0) {
                wins += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
                ++pairs;
            }
    return wins / pairs;
}

}  // namespace

TEST_CASE("AUC, its error and the paired difference agree with scikit-learn and with DeLong's definition") {
    namespace expected = golden::metrics;
    CHECK(auc(expected::first, expected::label) == Approx(expected::auc_first).margin(1e-12));
    const auto one = auc_interval(expected::first, expected::label), two = auc_interval(expected::second, expected::label);
    CHECK(one.value == Approx(expected::auc_first).margin(1e-12));
    CHECK(one.standard_error == Approx(expected::auc_error_first).margin(1e-12));
    CHECK(two.value == Approx(expected::auc_second).margin(1e-12));
    CHECK(two.standard_error == Approx(expected::auc_error_second).margin(1e-12));
    CHECK(one.positives + one.negatives == std::size(expected::label));
    const auto gain = compare_auc(expected::first, expected::second, expected::label);
    CHECK(gain.value == Approx(expected::auc_difference).margin(1e-12));
    CHECK(gain.standard_error == Approx(expected::auc_difference_error).margin(1e-12));
    CHECK(gain.confidence.high - gain.value == Approx(1.959964 * expected::auc_difference_error).epsilon(1e-6));
}

TEST_CASE("AUC is the share of pairs in the right order, ties counted half") {
    std::mt19937 random(3);
    for (int examples : {2, 3, 10, 61})
        for (bool coarse : {false, true}) {
            auto s = draw(random, examples, 0.4, coarse);
            s.label[0] = 0, s.label[1] = 1;
            CHECK(auc(s.first, s.label) == Approx(auc_by_pairs(s.first, s.label)).margin(1e-13));
        }
    CHECK(auc(std::vector{2.0, 2.0, 2.0}, std::vector{1, 0, 0}) == 0.5);
    CHECK(auc(std::vector<double>{-INFINITY, 0, INFINITY}, std::vector{0, 1, 1}) == 1.0);
}

TEST_CASE("AUC does not change when a rising function is applied, and turns round when the scores or labels do") {
    std::mt19937 random(4);
    auto s = draw(random, 500, 0.2, true);
    auto squashed = s.first, negated = s.first;
    std::vector<std::uint8_t> other_class;
    for (auto& x : squashed) x = 1 / (1 + std::exp(-0.3 * x));
    for (auto& x : negated) x = -x;
    for (int y : s.label) other_class.push_back(y == 0);
    const auto plain = auc_interval(s.first, s.label), turned = auc_interval(negated, s.label);
    CHECK(auc_interval(squashed, s.label).standard_error == plain.standard_error);
    CHECK(auc(squashed, s.label) == plain.value);
    CHECK(turned.value == Approx(1 - plain.value).margin(1e-13));
    CHECK(turned.standard_error == Approx(plain.standard_error).margin(1e-13));
    CHECK(auc(s.first, other_class) == Approx(1 - plain.value).margin(1e-13));
    CHECK(compare_auc(s.first, s.second, s.label).value == Approx(-compare_auc(s.second, s.first, s.label).value).margin(1e-15));
}

TEST_CASE("A model does not differ from itself, and the difference is that of the two AUCs") {
    std::mt19937 random(5);
    const auto s = draw(random, 300, 0.3, true);
    const auto none = compare_auc(s.first, s.first, s.label);
    CHECK(none.value == 0);
    CHECK(none.standard_error == 0);
    CHECK(none.p_value == 1);
    CHECK(compare_auc(s.first, s.second, s.label).value == Approx(auc(s.second, s.label) - auc(s.first, s.label)).margin(1e-13));
}

TEST_CASE("95 % intervals cover the true AUC and the true difference in 95 % of the draws") {
    // With scores normal about the label, AUC = Phi(1 / (sqrt 2 sd)): sd = sqrt 2 for the first, sqrt 1.25 for the second.
    const auto truth = [](double sd) { return 0.5 * std::erfc(-1 / (std::sqrt(2.0) * sd) / std::sqrt(2.0)); };
    const double first = truth(std::sqrt(2.0)), second = truth(std::sqrt(1.25));
    std::mt19937 random(6);
    const int draws = 2000;
    int covered = 0, covered_difference = 0;
    for (int i = 0; i < draws; ++i) {
        const auto s = draw(random, 200, 0.25);
        covered += auc_interval(s.first, s.label).confidence.contains(first);
        covered_difference += compare_auc(s.first, s.second, s.label).confidence.contains(second - first);
    }
    CHECK(covered > 0.93 * draws);                  // four standard errors of a share of 0.95 in 2,000 draws: 0.0195
    CHECK(covered < 0.97 * draws);
    CHECK(covered_difference > 0.93 * draws);
    CHECK(covered_difference < 0.97 * draws);
}

TEST_CASE("The ROC curve rises from (0, 0) to (1, 1), encloses the AUC, and stays within the number of points") {
    std::mt19937 random(7);
    const auto s = draw(random, 5000, 0.2);
    const auto area = [](const std::vector<roc_point>& curve) {
        double sum = 0;
        for (std::size_t i = 1; i < curve.size(); ++i)
            sum += (curve[i].false_positive_rate - curve[i - 1].false_positive_rate) * (curve[i].true_positive_rate + curve[i - 1].true_positive_rate) / 2;
        return sum;
    };
    CHECK(area(roc_curve(s.first, s.label, 100000)) == Approx(auc(s.first, s.label)).margin(1e-12));
    for (std::size_t most : {2u, 3u, 50u, 200u}) {
        const auto curve = roc_curve(s.first, s.label, most);
        CHECK(curve.size() <= most);
        CHECK(curve.front().true_positive_rate == 0);
        CHECK(curve.front().false_positive_rate == 0);
        CHECK(curve.back().true_positive_rate == 1);
        CHECK(curve.back().false_positive_rate == 1);
        for (std::size_t i = 1; i < curve.size(); ++i) {
            CHECK(curve[i].threshold < curve[i - 1].threshold);
            CHECK(curve[i].true_positive_rate >= curve[i - 1].true_positive_rate);
            CHECK(curve[i].false_positive_rate >= curve[i - 1].false_positive_rate);
        }
    }
    CHECK(area(roc_curve(s.first, s.label, 200)) == Approx(auc(s.first, s.label)).margin(1e-3));
}

TEST_CASE("AUC takes spans of float, vectors of double, arrays and any kind of label") {
    const std::vector<float> f{0.1f, 0.4f, 0.35f, 0.8f};
    const float y[] = {0, 0, 1, 1};
    CHECK(auc(std::span<const float>(f), y) == 0.75);
    CHECK(auc(f, std::vector<bool>{false, false, true, true}) == 0.75);
    CHECK(auc(std::vector<double>(f.begin(), f.end()), std::vector<unsigned char>{0, 0, 1, 1}) == 0.75);
}

TEST_CASE("AUC says what is wrong with its input") {
    const std::vector<double> two{0.1, 0.2};
    CHECK_THROWS_WITH(auc(two, std::vector{0, 1, 1}), Contains("2 predictions for 3 labels"));
    CHECK_THROWS_WITH(auc(std::vector<double>{}, std::vector<int>{}), Contains("no examples"));
    CHECK_THROWS_WITH(auc(std::vector{0.1, std::nan("")}, std::vector{0, 1}), Contains("score 1 is NaN"));
    CHECK_THROWS_WITH(auc(two, std::vector{0, 2}), Contains("label 1 is 2"));
    CHECK_THROWS_WITH(auc(two, std::vector{0.0, std::nan("")}), Contains("label 1 is"));
    CHECK_THROWS_WITH(auc(two, std::vector{1, 1}), Contains("all 2 labels are 1"));
    CHECK_THROWS_WITH(auc(two, std::vector{0, 0}), Contains("all 2 labels are 0"));
    CHECK_THROWS_WITH(auc_interval(two, std::vector{0, 1}), Contains("two examples of each class"));
    CHECK_THROWS_WITH(compare_auc(two, std::vector{0.1}, std::vector{0, 1}), Contains("1 predictions for 2 labels"));
    CHECK_THROWS_AS(roc_curve(two, std::vector{0, 1}, 1), heed::value_error);
}
