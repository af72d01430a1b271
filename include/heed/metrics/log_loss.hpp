/// How good probabilities are, example by example: log-loss and Brier score. Lower is better for both.
#pragma once

#include <heed/metrics/series.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace heed::metrics {

/// Mean of -ln(probability given to what happened), in nats. A probability of exactly 0 for what happened costs
/// infinity: a float sigmoid reaches 1 at a logit of 17, so score logits by `log_loss_of_logits` where they are at hand.
/// value_error: lists of unequal length or empty, a probability outside [0, 1] or NaN, a label that is no 0 or 1.
inline double log_loss(const series auto& probabilities, const series auto& labels) {
    detail::check_labels("log_loss", probabilities, labels);
    detail::check_probabilities("log_loss", probabilities);
    double sum = 0;
    for (std::size_t i = 0; i < detail::size(labels); ++i) {
        const double p = detail::at(probabilities, i);
        sum -= detail::at(labels, i) == 1 ? std::log(p) : std::log1p(-p);
    }
    return sum / static_cast<double>(detail::size(labels));
}

/// The same of p = 1 / (1 + exp(-logit)), as ln(1 + exp(-+logit)), which no logit makes overflow.
/// value_error: lists of unequal length or empty, a NaN, a label that is no 0 or 1.
inline double log_loss_of_logits(const series auto& logits, const series auto& labels) {
    detail::check_labels("log_loss_of_logits", logits, labels);
    detail::check_numbers("log_loss_of_logits", logits);
    double sum = 0;
    for (std::size_t i = 0; i < detail::size(labels); ++i) {
        const double against = detail::at(labels, i) == 1 ? -detail::at(logits, i) : detail::at(logits, i);
        sum += std::max(against, 0.0) + std::log1p(std::exp(-std::abs(against)));
    }
    return sum / static_cast<double>(detail::size(labels));
}

/// Mean squared difference of probability and label (G. Brier, 1950). value_error: as `log_loss`.
inline double brier_score(const series auto& probabilities, const series auto& labels) {
    detail::check_labels("brier_score", probabilities, labels);
    detail::check_probabilities("brier_score", probabilities);
    double sum = 0;
    for (std::size_t i = 0; i < detail::size(labels); ++i) {
        const double off = detail::at(probabilities, i) - detail::at(labels, i);
        sum += off * off;
    }
    return sum / static_cast<double>(detail::size(labels));
}

}  // namespace heed::metrics
