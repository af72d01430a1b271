/// How many posts of a length one GPU scores within the budget: measured where the models run on one, else computed from what
/// its arithmetic and its memory cannot do faster.
///
/// The roofline of a kernel is max(operations / peak, bytes / bandwidth), every operand read or written once; a batch takes the
/// sum over its kernels, and for each the time to launch it. That is a bound: kernels reach some 0.6 to 0.95 of it.
#pragma once

#include <feed/interrupt.hpp>
#include <feed/learner.hpp>
#include <feed/results.hpp>

#include <heed/metrics/latency.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace feed {

/// What a device can do at most.
struct device_figures {
    std::string name;
    double operations;                  ///< a second, of float
    double bytes;                       ///< a second, from and to memory
    double launch;                      ///< seconds a kernel
};

/// An H200: 67 TFLOP/s of float (NVIDIA's data sheet of 2024), 4.3 TB/s as copies reach (the sheet says 4.8), and some 4
/// microseconds for a statement to become a kernel.
inline const device_figures h200{"H200", 67e12, 4.3e12, 4e-6};

/// The classifier's sizes, as model.hpp has them.
struct encoder_sizes {
    double width = 128, hidden = 512, layers = 2, joint = 128, fields = 12, feature = 16;
};

/// Seconds for a batch of so many posts of so many tokens each, at the least.
inline double roofline_seconds(const device_figures& device, const encoder_sizes& e, double posts, double tokens) {
    const double n = posts * tokens;
    double seconds = 0;
    const auto kernel = [&](double operations, double numbers) { seconds += std::max(operations / device.operations, numbers * sizeof(float) / device.bytes) + device.launch; };
    const auto product = [&](double rows, double in, double out, double beside = 0) { kernel(2 * rows * in * out, rows * in + in * out + rows * out + beside); };
    const auto pass = [&](double reads_and_writes) { kernel(0, reads_and_writes); };
    pass(2 * n * e.width), pass(3 * n * e.width);                                       // words, positions
    for (int layer = 0; layer < e.layers; ++layer) {
        pass(2 * n * e.width);                                                          // norm
        for (int i = 0; i < 3; ++i) product(n, e.width, e.width);                       // q, k, v
        kernel(4 * n * tokens * e.width, 4 * n * e.width);                              // attention
        product(n, e.width, e.width, n * e.width);                                      // o, and the residual
        pass(2 * n * e.width);
        product(n, e.width, e.hidden), pass(2 * n * e.hidden);                          // the bend is a pass of its own
        product(n, e.hidden, e.width, n * e.width);
    }
    pass(2 * n * e.width);
    pass(n * e.width), pass(n * e.width);                                               // both means
    product(posts, e.width, e.joint), product(posts, e.width, e.joint), product(posts, e.fields * e.feature, e.joint), product(posts, e.joint, 1);
    return seconds;
}

namespace detail {

inline constexpr int budget_lengths[] = {16, 32, 64, 128, 256};
inline constexpr std::size_t most_posts = std::size_t{1} << 16;

/// The most posts whose time is within the budget: by doubling, then by halving the step. milliseconds(posts) rises.
inline budget_row largest_batch(int tokens, double budget, std::size_t most, const auto& milliseconds) {
    budget_row found{tokens, 0, not_measured};
    const auto within = [&](std::size_t posts) {
        const double took = milliseconds(posts);
        if (took <= budget) found.batch = posts, found.milliseconds = took;
        return took <= budget;
    };
    std::size_t step = 1;
    while (step <= most && within(step)) step *= 2;
    for (step /= 4; step > 0 && found.batch > 0 && found.batch < most; step /= 2)
        if (found.batch + step <= most) within(found.batch + step);
    return found;
}

/// Posts of this many tokens, as a batch.
inline batch made_up_batch(std::size_t posts, int tokens, const model_shape& shape) {
    batch b;
    b.lengths.assign(posts, tokens);
    b.labels.assign(posts, 0);
    b.tokens.resize(posts * static_cast<std::size_t>(tokens));
    for (std::size_t i = 0; i < b.tokens.size(); ++i) b.tokens[i] = static_cast<int>(i * 7919 % static_cast<std::size_t>(shape.vocabulary));
    b.levels.assign(posts * shape.levels.size(), 0);
    return b;
}

}  // namespace detail

/// By the roofline of an H200.
inline device_budget computed_budget(double budget) {
    device_budget result{fmt::format("computed, not measured: the roofline of an {} at {:.0f} TFLOP/s of float and {:.1f} TB/s, with {:.0f} us to launch a kernel. No kernel is faster", h200.name,
                                     h200.operations / 1e12, h200.bytes / 1e12, h200.launch * 1e6),
                         false, {}};
    for (const int tokens : detail::budget_lengths)
        result.rows.push_back(detail::largest_batch(tokens, budget, detail::most_posts, [&](std::size_t posts) { return 1e3 * roofline_seconds(h200, {}, static_cast<double>(posts), tokens); }));
    return result;
}

/// By the 95th percentile of a model that runs on a GPU.
inline device_budget measured_budget(learner& model, const model_shape& shape, double budget, const std::string& machine) {
    device_budget result{"measured on " + machine + ", the 95th percentile of 40 batches", true, {}};
    std::vector<double> logits;
    for (const int tokens : detail::budget_lengths)
        result.rows.push_back(detail::largest_batch(tokens, budget, detail::most_posts / 4, [&](std::size_t posts) {
            const batch b = detail::made_up_batch(posts, tokens, shape);
            heed::metrics::latency_recorder recorder(40);
            for (int i = 0; i < 45; ++i) {
                stop_if_interrupted();
                logits.clear();
                if (i < 5) model.logits(b, logits);
                else recorder.measure([&] { model.logits(b, logits); });
            }
            return recorder.summary().p95;
        }));
    return result;
}

}  // namespace feed
