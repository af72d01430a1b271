/// The report's charts. The baseline is blue and round, the classifier orange and square, everywhere.
#pragma once

#include <feed/results.hpp>
#include <feed/scaling.hpp>
#include <feed/svg.hpp>
#include <feed/wording.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace feed::charts {

enum colour { of_baseline, of_classifier, of_oracle, of_additive };

namespace detail {

inline std::vector<std::pair<const model_results*, int>> models(const results& r) { return {{&r.baseline, of_baseline}, {&r.classifier, of_classifier}}; }

inline std::vector<std::string> names(const std::vector<length_bucket>& buckets) {
    std::vector<std::string> names;
    for (const auto bucket : buckets) names.push_back(wording::range(bucket));
    return names;
}

/// The buckets that either list has, by length.
template <class Row>
std::vector<length_bucket> buckets_of(const std::vector<Row>& a, const std::vector<Row>& b) {
    std::vector<length_bucket> buckets;
    for (const auto* rows : {&a, &b})
        for (const auto& row : *rows)
            if (std::find(buckets.begin(), buckets.end(), row.bucket) == buckets.end()) buckets.push_back(row.bucket);
    std::sort(buckets.begin(), buckets.end(), [](auto x, auto y) { return x.shortest < y.shortest; });
    return buckets;
}

inline double place_of(const std::vector<length_bucket>& buckets, length_bucket bucket) {
    return static_cast<double>(std::find(buckets.begin(), buckets.end(), bucket) - buckets.begin());
}

/// Beside each other within a category.
inline double aside(int colour) { return colour == of_baseline ? -0.1 : 0.1; }

/// Powers of two, or of four, eight ... , so that at most `most` of them stand on an axis.
inline std::vector<double> powers_of_two(double low, double high, int most) {
    const int first = static_cast<int>(std::ceil(std::log2(low) - 1e-9)), last = static_cast<int>(std::floor(std::log2(high) + 1e-9));
    int stride = 1;
    while ((last - first) / stride + 1 > most) ++stride;
    std::vector<double> at;
    for (int e = first; e <= last; e += stride) at.push_back(std::ldexp(1.0, e));
    return at;
}

}  // namespace detail

inline std::string learning_loss(const results& r) {
    svg::chart chart("Loss while learning", "Training and held-out log-loss of both models against the training step.", {.label = "step"}, {.label = "log-loss, nats"});
    for (const auto& [model, colour] : detail::models(r)) {
        svg::series train{model->name + ", training", {}, colour, svg::drawn::faint_line}, held_out{model->name + ", held out", {}, colour, svg::drawn::line_with_dots};
        for (const auto& p : model->curve) {
            train.points.push_back({static_cast<double>(p.step), p.train_loss});
            if (!std::isnan(p.held_out_log_loss)) held_out.points.push_back({static_cast<double>(p.step), p.held_out_log_loss});
        }
        chart.add(std::move(train));
        chart.add(std::move(held_out));
    }
    return chart.figure();
}

inline std::string learning_auc(const results& r) {
    svg::chart chart("AUC while learning", "Held-out AUC of both models against the training step.", {.label = "step"}, {.label = "AUC, held out"});
    for (const auto& [model, colour] : detail::models(r)) {
        svg::series held_out{model->name, {}, colour, svg::drawn::line_with_dots};
        for (const auto& p : model->curve)
            if (!std::isnan(p.held_out_auc)) held_out.points.push_back({static_cast<double>(p.step), p.held_out_auc});
        chart.add(std::move(held_out));
    }
    return chart.figure();
}

inline std::string roc(const results& r) {
    const auto share = [](std::string label) { return svg::axis{.label = std::move(label), .low = 0, .high = 1}; };
    svg::chart chart("ROC curves", "Share of positives found against share of negatives taken for positive, for every threshold.", share("false positive rate"), share("true positive rate"));
    const auto add = [&](const std::string& name, const quality& q, int colour, svg::drawn as) {
        svg::series curve{fmt::format("{} ({})", name, wording::fixed(q.auc.value, 3)), {}, colour, as};
        for (const auto& p : q.roc) curve.points.push_back({p.false_positive_rate, p.true_positive_rate});
        chart.add(std::move(curve));
    };
    if (r.truth) {
        add("true probability", r.truth->oracle, of_oracle, svg::drawn::dashed_line);
        add("true additive part", r.truth->additive, of_additive, svg::drawn::dashed_line);
    }
    for (const auto& [model, colour] : detail::models(r)) add(model->name, model->overall, colour, svg::drawn::line);
    chart.diagonal("chance (0.5)");
    return chart.figure();
}

inline std::string calibration(const results& r) {
    svg::chart chart("Calibration", "Share of positives against mean prediction in 15 bins of equal mass, with 95 % intervals.", {.label = "mean prediction", .low = 0},
                     {.label = "share of positives, with 95 % intervals", .low = 0});
    for (const auto& [model, colour] : detail::models(r)) {
        svg::series bins{fmt::format("{} (error {})", model->name, wording::fixed(model->overall.calibration_error, 4)), {}, colour, svg::drawn::dots};
        for (const auto& bin : model->overall.bins) bins.points.push_back({bin.mean_prediction, bin.positive_share, bin.confidence.low, bin.confidence.high});
        chart.add(std::move(bins));
    }
    chart.diagonal("calibrated");
    return chart.figure();
}

inline std::string auc_by_length(const results& r) {
    const auto buckets = detail::buckets_of(r.baseline.by_length, r.classifier.by_length);
    svg::chart chart("AUC by length", "AUC of both models with 95 % intervals in buckets of the post's length.", {.label = "tokens in the post", .categories = detail::names(buckets)},
                     {.label = "AUC, with 95 % intervals"});
    for (const auto& [model, colour] : detail::models(r)) {
        svg::series aucs{model->name, {}, colour, svg::drawn::dots};
        for (const auto& [bucket, q] : model->by_length)
            aucs.points.push_back({detail::place_of(buckets, bucket) + detail::aside(colour), q.auc.value, q.auc.confidence.low, q.auc.confidence.high});
        chart.add(std::move(aucs));
    }
    return chart.figure();
}

inline std::string gain_by_length(const results& r) {
    const auto buckets = detail::buckets_of(r.gain_by_length, r.gain_by_length);
    svg::chart chart("What attention adds, by length", "Paired difference in AUC with 95 % intervals in buckets of the post's length.",
                     {.label = "tokens in the post", .categories = detail::names(buckets)},
                     {.label = "AUC less the baseline's, with 95 % intervals"});
    svg::series gains{"classifier less baseline", {}, of_oracle, svg::drawn::dots};
    for (const auto& [bucket, gain] : r.gain_by_length)
        gains.points.push_back({detail::place_of(buckets, bucket), gain.value, gain.confidence.low, gain.confidence.high});
    chart.add(std::move(gains));
    chart.limit(0, "no difference");
    return chart.figure();
}

inline std::string latency_by_batch(const results& r) {
    std::vector<std::size_t> batches;
    for (const auto& [model, colour] : detail::models(r))
        for (const auto& row : model->latency)
            if (std::find(batches.begin(), batches.end(), row.batch) == batches.end()) batches.push_back(row.batch);
    std::sort(batches.begin(), batches.end());
    std::vector<std::string> names;
    for (const auto batch : batches) names.push_back(wording::count(batch));

    svg::chart chart("Latency by batch", "95th percentile of a batch's latency, with a bar from the 50th to the 99th, by number of posts in the batch.",
                     {.label = "posts in the batch", .categories = std::move(names)}, {.label = "P95, with P50 to P99, ms", .logarithmic = true});
    for (const auto& [model, colour] : detail::models(r)) {
        svg::series p95{model->name, {}, colour, svg::drawn::dots};
        for (const auto& [batch, ms] : model->latency)
            p95.points.push_back({static_cast<double>(std::find(batches.begin(), batches.end(), batch) - batches.begin()) + detail::aside(colour), ms.p95, ms.p50, ms.p99});
        chart.add(std::move(p95));
    }
    chart.limit(r.budget_milliseconds, fmt::format("budget {:g} ms", r.budget_milliseconds));
    return chart.figure();
}

inline std::string latency_by_length(const results& r) {
    const auto buckets = detail::buckets_of(r.baseline.latency_by_length, r.classifier.latency_by_length);
    svg::chart chart("Latency of a single post by its length", "95th percentile of the latency, with a bar from the 50th to the 99th, in buckets of the post's length.",
                     {.label = "tokens in the post", .categories = detail::names(buckets)}, {.label = "P95, with P50 to P99, ms", .logarithmic = true});
    for (const auto& [model, colour] : detail::models(r)) {
        svg::series p95{model->name, {}, colour, svg::drawn::dots};
        for (const auto& [bucket, ms] : model->latency_by_length) p95.points.push_back({detail::place_of(buckets, bucket) + detail::aside(colour), ms.p95, ms.p50, ms.p99});
        chart.add(std::move(p95));
    }
    chart.limit(r.budget_milliseconds, fmt::format("budget {:g} ms", r.budget_milliseconds));
    return chart.figure();
}

namespace detail {

inline svg::axis length_axis(const results& r) {
    svg::axis x{.label = "tokens T", .logarithmic = true};
    for (const auto& cost : r.scaling.costs) x.ticks.push_back(static_cast<double>(cost.tokens));
    x.format = [](double t) { return wording::count(t); };
    return x;
}

inline void add_cost(svg::chart& chart, const results& r, const char* name, double attention_cost::*cost, int colour) {
    const auto points = measured(r.scaling, cost);
    svg::series s{fmt::format("{}, ~ T^{}", name, wording::fixed(fit_long(points).exponent, 2)), {}, colour, svg::drawn::line_with_dots};
    for (const auto& p : points) s.points.push_back({p.tokens, p.cost});
    chart.add(std::move(s));
}

}  // namespace detail

inline std::string scaling_time(const results& r) {
    svg::chart chart("Time of attention alone", "Milliseconds of one attention against the number of tokens, on logarithmic axes, with fitted exponents.", detail::length_axis(r),
                     {.label = "time, ms", .logarithmic = true});
    detail::add_cost(chart, r, "fused", &attention_cost::fused_milliseconds, 2);
    detail::add_cost(chart, r, "reference", &attention_cost::reference_milliseconds, 3);
    if (!r.scaling.costs.empty()) chart.limit(r.budget_milliseconds, fmt::format("budget {:g} ms", r.budget_milliseconds));
    return chart.figure();
}

inline std::string scaling_memory(const results& r) {
    double low = INFINITY, high = 0;
    for (auto cost : {&attention_cost::fused_bytes, &attention_cost::reference_bytes})
        for (const auto& p : measured(r.scaling, cost)) low = std::min(low, p.cost), high = std::max(high, p.cost);
    svg::axis y{.label = "memory beside q, k, v and the output", .logarithmic = true, .format = [](double b) { return wording::bytes(b); }};
    if (high > 0) {
        const double from = std::exp2(std::floor(std::log2(low))), to = std::exp2(std::ceil(std::log2(high) + 1e-9));
        y.low = from, y.high = std::max(to, 2 * from), y.ticks = detail::powers_of_two(from, y.high, 7);
    }
    svg::chart chart("Memory of attention alone", "Bytes of temporaries of one attention against the number of tokens, on logarithmic axes, with fitted exponents.", detail::length_axis(r),
                     std::move(y));
    detail::add_cost(chart, r, "fused", &attention_cost::fused_bytes, 2);
    detail::add_cost(chart, r, "reference", &attention_cost::reference_bytes, 3);
    return chart.figure();
}

}  // namespace feed::charts
