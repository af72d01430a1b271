/// How long things take, by percentile, measured without disturbing what is measured.
#pragma once

#include <heed/metrics/series.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace heed::metrics {

/// The percentile by nearest rank: the smallest value that at least `percent` % of the values do not exceed. It is
/// always one of the values; nothing is interpolated. value_error: no values, a NaN, a percent outside (0, 100].
inline double percentile(const series auto& values, double percent) {
    if (detail::size(values) == 0) detail::refuse("percentile", "there are no values");
    if (!(percent > 0 && percent <= 100)) detail::refuse("percentile", std::to_string(percent) + " % is not in (0, 100]");
    detail::check_numbers("percentile", values);
    std::vector<double> sorted(detail::size(values));
    for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = detail::at(values, i);
    const double rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()) * (1 - 1e-12));   // 95 % of 20 is 19
    const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(std::max(rank, 1.0)) - 1;
    std::nth_element(sorted.begin(), place, sorted.end());
    return *place;
}

/// In the unit of the samples.
struct percentiles {
    std::size_t samples = 0;
    double p50 = 0, p95 = 0, p99 = 0, mean = 0, worst = 0;
};

/// P50, P95 and P99 by nearest rank, with mean and maximum. value_error: no values, a NaN.
inline percentiles summarize(const series auto& values) {
    percentiles result{detail::size(values), percentile(values, 50), percentile(values, 95), percentile(values, 99), 0, percentile(values, 100)};
    for (std::size_t i = 0; i < result.samples; ++i) result.mean += detail::at(values, i) / static_cast<double>(result.samples);
    return result;
}

/// Collects durations in milliseconds. All memory is taken at construction: recording never allocates.
///
///     latency_recorder latency(2000);
///     while (!latency.full()) latency.measure([&] { model.forward(batch, trace); });
///     percentiles p = latency.summary();
class latency_recorder {
public:
    explicit latency_recorder(std::size_t capacity) { milliseconds_.reserve(capacity); room_ = capacity; }

    /// value_error where the recorder is full, or the duration is negative or NaN.
    void record(std::chrono::duration<double, std::milli> duration) {
        if (full()) detail::refuse("latency_recorder", "it has room for " + std::to_string(room_) + " samples, and they are taken");
        if (!(duration.count() >= 0)) detail::refuse("latency_recorder", "a duration of " + std::to_string(duration.count()) + " ms is none");
        milliseconds_.push_back(duration.count());
    }

    /// Runs `work` once and records how long it took by the steady clock.
    template <class Work>
    void measure(Work&& work) {
        const auto start = std::chrono::steady_clock::now();
        std::forward<Work>(work)();
        record(std::chrono::steady_clock::now() - start);
    }

    bool full() const { return milliseconds_.size() == room_; }
    void clear() { milliseconds_.clear(); }
    std::span<const double> milliseconds() const { return milliseconds_; }
    percentiles summary() const { return summarize(milliseconds_); }

private:
    std::vector<double> milliseconds_;
    std::size_t room_ = 0;
};

}  // namespace heed::metrics
