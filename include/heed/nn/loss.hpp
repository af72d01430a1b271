/// Cross-entropy on logits, through log-sum-exp, so that no probability is ever rounded to 0 or 1 before its logarithm.
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/language.hpp>

#include <type_traits>

namespace heed::inline HEED_TARGET::nn {

/// A loss summed over what was counted. Gradients of a loss are those of the sum; to learn from the mean, divide once, by
/// the count of all batches that an update takes together (train::accumulation).
struct summed_loss {
    double sum = 0;
    double count = 0;
    /// 0 where nothing was counted.
    double mean() const { return count > 0 ? sum / count : 0; }
};

/// Yes or no: labels in [0, 1] (0 and 1, or a probability), one for each logit, in the logits' element type.
///
///     loss(z, y) = log(1 + e^z) - y z = max(z, 0) - y z + log(1 + e^-|z|)
///     dloss/dz   = sigmoid(z) - y
///
/// A label below 0 is not counted: its loss and gradient are 0.
struct binary_cross_entropy {
    static summed_loss forward(const auto& logits, const auto& labels) {
        auto counted = labels >= 0;
        auto each = max(logits, 0) - logits * labels + log(1 + exp(-abs(logits)));
        const double sum = sum_to<axes<>>(where(counted, each, 0.0));
        const int count = sum_to<axes<>>(where(counted, 1, 0));
        return {sum, static_cast<double>(count)};
    }
    /// As forward, and leaves the gradient of the sum in dlogits.
    static summed_loss forward(const auto& logits, const auto& labels, auto& dlogits) {
        dlogits = where(labels >= 0, sigmoid(logits) - labels, 0.0);
        return forward(logits, labels);
    }
};

/// One of many: labels are integers that name a place along Class, over all other axes of the logits.
///
///     loss(z, c) = logsumexp(z) - z_c = -log_softmax(z)_c            dloss/dz_i = softmax(z)_i - [i = c]
///
/// With label smoothing e, the target is (1 - e) [i = c] + e / C over the C classes (as in PyTorch), so that
///
///     loss(z, c) = logsumexp(z) - z_c + e (z_c - mean(z))         dloss/dz_i = softmax(z)_i - (1 - e) [i = c] - e / C
///
/// A label below 0 is not counted: its loss and gradient are 0. (So a padded target is -1.) A label beyond the classes is
/// a value_error, and so is a smoothing outside [0, 1].
template <class Class>
struct categorical_cross_entropy {
    double smoothing = 0;

    explicit categorical_cross_entropy(double e = 0) : smoothing(e) {
        if (!(e >= 0 && e <= 1)) throw value_error("categorical_cross_entropy: label smoothing must lie in [0, 1], and is " + std::to_string(e) + ".");
    }

    summed_loss forward(const auto& logits, const auto& labels) const {
        const int wrong = sum_to<axes<>>(where(labels >= static_cast<int>(extent_of<Class>(logits)), 1, 0));
        if (wrong > 0)
            throw value_error("categorical_cross_entropy: " + std::to_string(wrong) + " labels lie beyond the " +
                              std::to_string(extent_of<Class>(logits)) + " classes.");
        double sum = -sum_to<axes<>>(where(position<Class>() == labels, log_softmax<Class>(logits), 0.0));
        if (smoothing > 0) {
            auto chosen = heed::sum<Class>(where(position<Class>() == labels, logits, 0.0));
            const double above_mean = sum_to<axes<>>(where(labels >= 0, chosen - mean<Class>(logits), 0.0));
            sum += smoothing * above_mean;
        }
        const int count = sum_to<axes<>>(where(labels >= 0, 1, 0));
        return {sum, static_cast<double>(count)};
    }
    /// As forward, and leaves the gradient of the sum in dlogits.
    summed_loss forward(const auto& logits, const auto& labels, auto& dlogits) const {
        const summed_loss result = forward(logits, labels);
        const double spread = smoothing / static_cast<double>(extent_of<Class>(logits));
        dlogits = where(labels >= 0, softmax<Class>(logits) - where(position<Class>() == labels, 1 - smoothing + spread, spread), 0.0);
        return result;
    }
};

}  // namespace heed::inline HEED_TARGET::nn
