/// Gradients summed over several batches, as if they had been one.
#pragma once

#include <string>

#include <heed/error.hpp>
#include <heed/target.hpp>

namespace heed::inline HEED_TARGET::train {

/// Weighs by what was counted. If batches hold different numbers of examples (or of tokens that are scored), then the
/// mean of their means is not the mean of all. So each batch adds the gradient of its *summed* loss, and the update
/// divides once by the number of all:
///
///     clear_gradients(model);  accumulation sums;
///     for (batch : batches) { loss = ...;  model.backward(gradient of the summed loss);  sums.add(loss, examples); }
///     optimizer.step(model, rate, sums.gradient_scale());
class accumulation {
public:
    /// Throws value_error where the count is negative or not finite.
    void add(double summed_loss, double count) {
        if (!(count >= 0 && count < 1e300)) throw value_error("accumulation: " + std::to_string(count) + " examples cannot be counted.");
        loss_ += summed_loss;
        count_ += count;
    }
    double count() const noexcept { return count_; }
    /// The mean loss of an example; 0 where there was none.
    double mean_loss() const noexcept { return count_ > 0 ? loss_ / count_ : 0; }
    /// What turns the gradient of the sum into that of the mean; 0 where nothing was counted.
    double gradient_scale() const noexcept { return count_ > 0 ? 1 / count_ : 0; }
    void clear() noexcept { *this = {}; }

private:
    double loss_ = 0;
    double count_ = 0;
};

}  // namespace heed::inline HEED_TARGET::train
