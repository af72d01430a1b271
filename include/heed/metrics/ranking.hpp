/// What a reader of the feed sees: is the top of the list worth it?
///
/// Where scores are equal, the mean over all orders of the equal ones is taken, so that a model gains nothing by
/// chance and nothing depends on the order of the examples within a list.
#pragma once

#include <heed/metrics/series.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace heed::metrics {

/// The share of ones among the best-scored `fraction` of the examples, their number rounded up.
/// value_error: lists of unequal length or empty, a NaN, a label that is no 0 or 1, a fraction outside (0, 1].
inline double precision_at(const series auto& scores, const series auto& labels, double fraction = 0.1) {
    detail::check_labels("precision_at", scores, labels);
    detail::check_numbers("precision_at", scores);
    if (!(fraction > 0 && fraction <= 1)) detail::refuse("precision_at", "the fraction is " + std::to_string(fraction) + ", which is not in (0, 1]");
    const std::size_t examples = detail::size(labels);
    const double wanted = std::ceil(fraction * static_cast<double>(examples) * (1 - 1e-12));   // 0.1 * 30 is 3, not 4
    const std::size_t top = std::clamp(static_cast<std::size_t>(wanted), std::size_t{1}, examples);

    std::vector<double> sorted(examples);
    for (std::size_t i = 0; i < examples; ++i) sorted[i] = detail::at(scores, i);
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(top - 1), sorted.end(), std::greater<>());
    const double cut = sorted[top - 1];

    double above = 0, above_ones = 0, tied = 0, tied_ones = 0;
    for (std::size_t i = 0; i < examples; ++i) {
        const double score = detail::at(scores, i), label = detail::at(labels, i);
        if (score > cut) ++above, above_ones += label;
        if (score == cut) ++tied, tied_ones += label;
    }
    return (above_ones + (static_cast<double>(top) - above) * tied_ones / tied) / static_cast<double>(top);
}

struct ndcg_result {
    double value = 0;                        // mean over the slates that have a one
    std::size_t slates = 0;                  // how many those are
    std::size_t without_positive = 0;        // slates that nothing can be ranked in, left out
    std::size_t left_over = 0;               // examples after the last whole slate, left out
};

/// NDCG@k of lists of `slate` consecutive examples, each ranked by score. A one at rank r (from 1) gains 1 / log2(1 + r);
/// the sum over the first k ranks is divided by that of the best order (K. Jarvelin, J. Kekalainen, 2002).
/// value_error: lists of unequal length or empty, a NaN, a label that is no 0 or 1, k or slate 0, no slate with a one.
inline ndcg_result ndcg(const series auto& scores, const series auto& labels, std::size_t slate = 20, std::size_t k = 10) {
    detail::check_labels("ndcg", scores, labels);
    detail::check_numbers("ndcg", scores);
    if (slate == 0 || k == 0) detail::refuse("ndcg", "slate and k must be at least 1");
    const auto discount = [&](std::size_t rank) { return rank < k ? 1 / std::log2(2.0 + static_cast<double>(rank)) : 0.0; };   // rank from 0

    ndcg_result result;
    std::vector<std::size_t> order(slate);
    const std::size_t lists = detail::size(labels) / slate;
    result.left_over = detail::size(labels) % slate;
    for (std::size_t list = 0; list < lists; ++list) {
        std::iota(order.begin(), order.end(), list * slate);
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return detail::at(scores, a) > detail::at(scores, b); });
        double gain = 0, best = 0;
        std::size_t ones = 0;
        for (std::size_t first = 0; first < slate;) {
            double discounts = 0, tied_ones = 0;
            std::size_t last = first;
            for (; last < slate && detail::at(scores, order[last]) == detail::at(scores, order[first]); ++last) {
                discounts += discount(last);
                tied_ones += detail::at(labels, order[last]);
            }
            gain += discounts * tied_ones / static_cast<double>(last - first);
            ones += static_cast<std::size_t>(tied_ones);
            first = last;
        }
        if (ones == 0) { ++result.without_positive; continue; }
        for (std::size_t rank = 0; rank < ones; ++rank) best += discount(rank);
        result.value += gain / best;
        ++result.slates;
    }
    if (result.slates == 0) detail::refuse("ndcg", "none of the " + std::to_string(lists) + " slates of " + std::to_string(slate) + " has a label 1");
    result.value /= static_cast<double>(result.slates);
    return result;
}

}  // namespace heed::metrics
