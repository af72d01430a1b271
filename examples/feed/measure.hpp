/// From logits and labels to the numbers of a report.
#pragma once

#include <feed/results.hpp>

#include <heed/metrics/auc.hpp>
#include <heed/metrics/calibration.hpp>
#include <heed/metrics/log_loss.hpp>
#include <heed/metrics/ranking.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace feed {

/// The buckets that the reports use, in tokens: about doubling, up to the 256 that a post may have.
inline std::vector<length_bucket> usual_buckets() { return {{1, 8}, {9, 16}, {17, 32}, {33, 64}, {65, 128}, {129, 256}}; }

/// Everything about a set of posts that its logits tell. What a small set leaves undefined (an AUC of one class, an
/// interval of a single positive, NDCG without a whole slate) stays NaN. value_error: as the metrics, for NaN logits,
/// labels that are no 0 or 1 and lists of unequal length.
inline quality measure(std::span<const double> logits, std::span<const int> labels) {
    namespace metrics = heed::metrics;
    quality result;
    result.examples = labels.size();
    result.positives = static_cast<std::size_t>(std::count(labels.begin(), labels.end(), 1));
    if (labels.empty() && logits.empty()) return result;

    std::vector<double> probabilities(logits.size());
    std::transform(logits.begin(), logits.end(), probabilities.begin(), [](double z) { return 1 / (1 + std::exp(-z)); });
    result.log_loss = metrics::log_loss_of_logits(logits, labels);
    result.brier = metrics::brier_score(probabilities, labels);
    result.bins = metrics::calibration_bins(probabilities, labels);
    result.calibration_error = metrics::calibration_error(result.bins);
    result.precision_at_10 = metrics::precision_at(logits, labels, 0.1);

    const std::size_t negatives = result.examples - result.positives, fewer = std::min(result.positives, negatives);
    if (fewer >= 1) result.roc = metrics::roc_curve(logits, labels);
    if (fewer >= 2) result.auc = metrics::auc_interval(logits, labels);
    else if (fewer == 1) result.auc.value = metrics::auc(logits, labels);

    const std::size_t slate = 20, in_slates = result.examples / slate * slate;
    if (std::count(labels.begin(), labels.begin() + static_cast<std::ptrdiff_t>(in_slates), 1) > 0)
        result.ndcg_at_10 = metrics::ndcg(logits, labels, slate, 10).value;
    return result;
}

namespace detail {

/// The values at the posts whose length lies in the bucket.
template <class T>
std::vector<T> within(length_bucket bucket, std::span<const T> values, std::span<const int> lengths) {
    if (values.size() != lengths.size()) throw heed::value_error("by length: there are " + std::to_string(values.size()) + " values for " + std::to_string(lengths.size()) + " lengths.");
    std::vector<T> chosen;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (bucket.shortest <= lengths[i] && lengths[i] <= bucket.longest) chosen.push_back(values[i]);
    return chosen;
}

}  // namespace detail

/// `measure`, apart for each bucket of lengths in tokens; buckets without a post are left out.
inline std::vector<bucket_quality> measure_by_length(std::span<const double> logits, std::span<const int> labels, std::span<const int> lengths,
                                                     const std::vector<length_bucket>& buckets = usual_buckets()) {
    std::vector<bucket_quality> result;
    for (const auto bucket : buckets) {
        const auto z = detail::within(bucket, logits, lengths);
        const auto y = detail::within(bucket, labels, lengths);
        if (!y.empty()) result.push_back({bucket, measure(z, y)});
    }
    return result;
}

/// The paired difference apart for each bucket; buckets with fewer than two posts of a class are left out.
inline std::vector<bucket_gain> gain_by_length(std::span<const double> baseline, std::span<const double> classifier, std::span<const int> labels,
                                               std::span<const int> lengths, const std::vector<length_bucket>& buckets = usual_buckets()) {
    std::vector<bucket_gain> result;
    for (const auto bucket : buckets) {
        const auto y = detail::within(bucket, labels, lengths);
        const auto positives = std::count(y.begin(), y.end(), 1);
        if (positives < 2 || std::ssize(y) - positives < 2) continue;
        result.push_back({bucket, heed::metrics::compare_auc(detail::within(bucket, baseline, lengths), detail::within(bucket, classifier, lengths), y)});
    }
    return result;
}

}  // namespace feed
