/// Do things that are given 30 % happen in 30 % of the cases?
///
/// The examples are cut by rising probability into bins of equal mass, and each bin's mean prediction is held against
/// the share of its labels that are 1. Equal probabilities never part: they go to the bin in which the middle one of
/// them falls, so that the result does not depend on the order of the examples. Bins that stay empty are left out.
#pragma once

#include <heed/metrics/series.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

namespace heed::metrics {

/// One point of a reliability plot.
struct calibration_bin {
    std::size_t examples = 0;
    double lowest = 0, highest = 0;          // probabilities in the bin
    double mean_prediction = 0;
    double positive_share = 0;
    interval confidence;                     // of the positive share: Wilson's score interval, 95 %
};

namespace detail {

/// Wilson's interval of a share, which stays within [0, 1] and is right for few examples (E. Wilson, JASA 22, 1927).
inline interval wilson(double share, double examples) {
    const double z2 = normal_975 * normal_975 / examples;
    const double middle = (share + z2 / 2) / (1 + z2);
    const double half = normal_975 / (1 + z2) * std::sqrt(share * (1 - share) / examples + z2 / (4 * examples));
    return {std::max(0.0, std::min(share, middle - half)), std::min(1.0, std::max(share, middle + half))};   // rounding must not shut it out
}

}  // namespace detail

/// The bins, by rising probability: at most `bins` of them.
/// value_error: lists of unequal length or empty, a probability outside [0, 1], a label that is no 0 or 1, no bins.
inline std::vector<calibration_bin> calibration_bins(const series auto& probabilities, const series auto& labels, std::size_t bins = 15) {
    detail::check_labels("calibration_bins", probabilities, labels);
    detail::check_probabilities("calibration_bins", probabilities);
    if (bins == 0) detail::refuse("calibration_bins", "there must be at least one bin");

    const std::size_t examples = detail::size(labels);
    const auto p = [&](std::size_t i) { return detail::at(probabilities, i); };
    std::vector<std::size_t> order(examples);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p(a) != p(b) ? p(a) < p(b) : a < b; });

    std::vector<calibration_bin> filled(bins);                       // sums first; means below
    for (std::size_t first = 0; first < examples;) {
        std::size_t last = first + 1;
        while (last < examples && p(order[last]) == p(order[first])) ++last;
        calibration_bin& bin = filled[(first + last - 1) / 2 * bins / examples];
        if (bin.examples == 0) bin.lowest = p(order[first]);
        bin.highest = p(order[first]);
        for (; first < last; ++first) {
            ++bin.examples;
            bin.mean_prediction += p(order[first]);
            bin.positive_share += detail::at(labels, order[first]);
        }
    }
    std::erase_if(filled, [](const calibration_bin& bin) { return bin.examples == 0; });
    for (auto& bin : filled) {
        const double count = static_cast<double>(bin.examples);
        bin.mean_prediction /= count;
        bin.positive_share /= count;
        bin.confidence = detail::wilson(bin.positive_share, count);
    }
    return filled;
}

/// Expected calibration error: the mean over the examples of |mean prediction - positive share| of their bin.
inline double calibration_error(std::span<const calibration_bin> bins) {
    double sum = 0, examples = 0;
    for (const auto& bin : bins) {
        sum += static_cast<double>(bin.examples) * std::abs(bin.mean_prediction - bin.positive_share);
        examples += static_cast<double>(bin.examples);
    }
    return examples > 0 ? sum / examples : 0;
}

/// The same from the predictions. value_error: as `calibration_bins`.
inline double calibration_error(const series auto& probabilities, const series auto& labels, std::size_t bins = 15) {
    return calibration_error(calibration_bins(probabilities, labels, bins));
}

}  // namespace heed::metrics
