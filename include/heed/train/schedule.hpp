/// The learning rate as a function of the step: a linear warm-up, then a decay along a cosine or a line.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>

#include <heed/error.hpp>
#include <heed/target.hpp>

namespace heed::inline HEED_TARGET::train {

/// What the rate does between the end of the warm-up and the last step.
enum class decay { none, linear, cosine };

/// The rate of update t = 1, 2, ..., total:
///
///     t <= warm_up       peak * t / warm_up                     the first update already moves
///     t >  warm_up       floor + (peak - floor) * shape(p)      p = (t - warm_up) / (total - warm_up), from 0 to 1
///     t >  total         floor                                  (peak, where nothing decays)
///
///     shape: linear 1 - p;  cosine (1 + cos(pi p)) / 2;  none 1.
///
/// Source of the cosine: I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.
struct schedule {
    double peak = 1e-3;
    std::int64_t warm_up = 0;
    std::int64_t total = 0;
    decay shape = decay::cosine;
    double floor = 0;

    /// Throws value_error where step < 1, a rate is negative or not finite, or the warm-up is longer than the whole.
    double operator()(std::int64_t step) const {
        if (step < 1) throw value_error("schedule: updates are counted from 1, and this is update " + std::to_string(step) + ".");
        if (!(peak >= 0 && floor >= 0 && std::isfinite(peak) && std::isfinite(floor)))
            throw value_error("schedule: the rates must be finite and not negative; peak is " + std::to_string(peak) +
                              " and floor " + std::to_string(floor) + ".");
        if (shape != decay::none && (warm_up < 0 || total < warm_up))
            throw value_error("schedule: a warm-up of " + std::to_string(warm_up) + " updates does not fit into " +
                              std::to_string(total) + ".");
        if (step <= warm_up) return peak * static_cast<double>(step) / static_cast<double>(warm_up);
        if (shape == decay::none) return peak;
        if (step >= total) return floor;
        const double progress = static_cast<double>(step - warm_up) / static_cast<double>(total - warm_up);
        const double left = shape == decay::linear ? 1 - progress : (1 + std::cos(std::numbers::pi * progress)) / 2;
        return floor + (peak - floor) * left;
    }
};

}  // namespace heed::inline HEED_TARGET::train
