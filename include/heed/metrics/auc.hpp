/// The area under the ROC curve, how sure it is, and whether two models differ in it.
///
/// The AUC is the chance that a positive drawn at random scores above a negative drawn at random, ties counted half.
/// Its interval is DeLong's. Call V_i the share of negatives that positive i beats, W_j the share of positives that
/// beat negative j, ties counted half. Both lists have the AUC as their mean, and
///
///     variance(AUC) = variance(V) / positives + variance(W) / negatives.
///
/// For two models on the same examples the same holds of the differences V' - V and W' - W, which is what makes the
/// comparison paired: what both models find hard cancels. One sort gives all V and W, so everything is O(n log n).
/// E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44 (1988); X. Sun, W. Xu, IEEE Signal Processing Letters 21 (2014).
#pragma once

#include <heed/metrics/series.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace heed::metrics {

struct auc_estimate {
    double value = 0;
    double standard_error = 0;
    interval confidence;                     // value +- 1.96 standard errors, cut to [0, 1]
    std::size_t positives = 0, negatives = 0;
};

/// The second model's AUC less the first's.
struct auc_difference {
    double value = 0;
    double standard_error = 0;
    interval confidence;                     // value +- 1.96 standard errors, cut to [-1, 1]
    double p_value = 1;                      // two-sided, of the hypothesis that there is no difference
};

/// A point of the ROC curve: the rates where everything that scores `threshold` or more is called positive.
struct roc_point {
    double false_positive_rate = 0, true_positive_rate = 0;
    double threshold = 0;                    // +infinity at the first point, (0, 0)
};

namespace detail {

/// The examples from the highest score to the lowest.
inline std::vector<std::size_t> by_falling_score(const series auto& scores) {
    std::vector<std::size_t> order(size(scores));
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const double x = at(scores, a), y = at(scores, b);
        return x != y ? x > y : a < b;
    });
    return order;
}

/// One past the last place of `order` whose score equals the one at `first`.
inline std::size_t end_of_tie(const series auto& scores, const std::vector<std::size_t>& order, std::size_t first) {
    std::size_t last = first + 1;
    while (last < order.size() && at(scores, order[last]) == at(scores, order[first])) ++last;
    return last;
}

/// Per example, V of the positives and W of the negatives (see above).
inline std::vector<double> placements(const series auto& scores, const series auto& labels, std::size_t positives) {
    const auto order = by_falling_score(scores);
    const std::size_t negatives = order.size() - positives;
    std::vector<double> placement(order.size());
    std::size_t positives_above = 0, negatives_above = 0;
    for (std::size_t first = 0; first < order.size();) {
        const std::size_t last = end_of_tie(scores, order, first);
        std::size_t tied_positives = 0;
        for (std::size_t place = first; place < last; ++place) tied_positives += at(labels, order[place]) == 1;
        const std::size_t tied_negatives = last - first - tied_positives;
        const double beaten = static_cast<double>(negatives - negatives_above) - 0.5 * static_cast<double>(tied_negatives);
        const double beaten_by = static_cast<double>(positives_above) + 0.5 * static_cast<double>(tied_positives);
        for (std::size_t place = first; place < last; ++place)
            placement[order[place]] = at(labels, order[place]) == 1 ? beaten / static_cast<double>(negatives)
                                                                    : beaten_by / static_cast<double>(positives);
        positives_above += tied_positives;
        negatives_above += tied_negatives;
        first = last;
    }
    return placement;
}

struct mean_and_error {
    double mean = 0, standard_error = 0;
};

/// Mean over the positives, and the standard error by the formula above, of V and W or of their differences.
inline mean_and_error delong(const std::vector<double>& placement, const series auto& labels, std::size_t positives) {
    const double count[2] = {static_cast<double>(placement.size() - positives), static_cast<double>(positives)};
    double mean[2] = {0, 0}, squares[2] = {0, 0};
    const auto label = [&](std::size_t i) { return at(labels, i) == 1 ? 1 : 0; };
    for (std::size_t i = 0; i < placement.size(); ++i) mean[label(i)] += placement[i];
    for (int c : {0, 1}) mean[c] /= count[c];
    for (std::size_t i = 0; i < placement.size(); ++i) {
        const double off = placement[i] - mean[label(i)];
        squares[label(i)] += off * off;
    }
    double variance = 0;
    for (int c : {0, 1}) variance += squares[c] / (count[c] - 1) / count[c];
    return {mean[1], std::sqrt(variance)};
}

inline std::size_t check_ranking(const char* metric, const series auto& scores, const series auto& labels) {
    const std::size_t positives = check_labels(metric, scores, labels);
    check_numbers(metric, scores);
    check_both_classes(metric, positives, size(labels));
    return positives;
}

inline void check_two_of_each(const char* metric, std::size_t positives, std::size_t examples) {
    if (positives < 2 || examples - positives < 2)
        refuse(metric, "an interval needs two examples of each class, and there are " + std::to_string(positives) + " positive and " +
                           std::to_string(examples - positives) + " negative ones");
}

}  // namespace detail

/// Area under the ROC curve, ties counted half. Scores may be probabilities, logits or ranks, infinities included.
/// value_error: lists of unequal length or empty, a NaN, a label that is no 0 or 1, a single class.
inline double auc(const series auto& scores, const series auto& labels) {
    const std::size_t positives = detail::check_ranking("auc", scores, labels);
    const auto placement = detail::placements(scores, labels, positives);
    double sum = 0;
    for (std::size_t i = 0; i < placement.size(); ++i)
        if (detail::at(labels, i) == 1) sum += placement[i];
    return sum / static_cast<double>(positives);
}

/// The AUC with DeLong's standard error and 95 % interval. value_error: as `auc`, or fewer than two of a class.
inline auc_estimate auc_interval(const series auto& scores, const series auto& labels) {
    const std::size_t positives = detail::check_ranking("auc_interval", scores, labels);
    detail::check_two_of_each("auc_interval", positives, detail::size(labels));
    const auto [value, error] = detail::delong(detail::placements(scores, labels, positives), labels, positives);
    return {value, error, {std::max(0.0, value - normal_975 * error), std::min(1.0, value + normal_975 * error)},
            positives, detail::size(labels) - positives};
}

/// How much higher the second model's AUC is than the first's, on the same examples in the same order.
/// value_error: as `auc_interval`, for either model.
inline auc_difference compare_auc(const series auto& first, const series auto& second, const series auto& labels) {
    const std::size_t positives = detail::check_ranking("compare_auc", first, labels);
    detail::check_ranking("compare_auc", second, labels);
    detail::check_two_of_each("compare_auc", positives, detail::size(labels));
    auto difference = detail::placements(second, labels, positives);
    const auto of_first = detail::placements(first, labels, positives);
    for (std::size_t i = 0; i < difference.size(); ++i) difference[i] -= of_first[i];
    const auto [value, error] = detail::delong(difference, labels, positives);
    const double p = error > 0 ? std::erfc(std::abs(value) / error / std::sqrt(2.0)) : value == 0 ? 1.0 : 0.0;
    return {value, error, {std::max(-1.0, value - normal_975 * error), std::min(1.0, value + normal_975 * error)}, p};
}

/// The ROC curve from (0, 0) to (1, 1). Each point is one of the exact curve; between those that are left out nothing
/// moves further than 2 / (most_points - 1) along the sum of both rates. value_error: as `auc`, or fewer than two points.
inline std::vector<roc_point> roc_curve(const series auto& scores, const series auto& labels, std::size_t most_points = 200) {
    const std::size_t positives = detail::check_ranking("roc_curve", scores, labels);
    if (most_points < 2) detail::refuse("roc_curve", "a curve has at least two points, and " + std::to_string(most_points) + " were asked for");
    const auto order = detail::by_falling_score(scores);
    const double step = 2.0 / static_cast<double>(most_points - 1);
    std::vector<roc_point> curve{{0, 0, INFINITY}};
    double kept = 0;
    std::size_t true_positives = 0, false_positives = 0;
    for (std::size_t first = 0; first < order.size();) {
        const std::size_t last = detail::end_of_tie(scores, order, first);
        for (std::size_t place = first; place < last; ++place) ++(detail::at(labels, order[place]) == 1 ? true_positives : false_positives);
        const roc_point point{static_cast<double>(false_positives) / static_cast<double>(order.size() - positives),
                              static_cast<double>(true_positives) / static_cast<double>(positives), detail::at(scores, order[first])};
        const double along = point.false_positive_rate + point.true_positive_rate;
        const bool at_the_end = last == order.size(), room = curve.size() + 1 < most_points;
        if (at_the_end || (room && along - kept >= step)) {
            curve.push_back(point);
            kept = along;
        }
        first = last;
    }
    return curve;
}

}  // namespace heed::metrics
