/// The results as JSON, for programs: every number of the report, unrounded; what was not measured is null.
#pragma once

#include <feed/recommendation.hpp>
#include <feed/results.hpp>
#include <feed/scaling.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <string>

namespace feed {

using json = nlohmann::ordered_json;

namespace detail {

inline json number(double x) { return std::isfinite(x) ? json(x) : json(nullptr); }
inline json pair(double low, double high) { return json::array({number(low), number(high)}); }
inline json of(length_bucket bucket) { return json::array({bucket.shortest, bucket.longest}); }
inline json of(const heed::metrics::auc_difference& d) {
    return {{"difference", number(d.value)}, {"standard_error", number(d.standard_error)}, {"interval_95", pair(d.confidence.low, d.confidence.high)}, {"p", number(d.p_value)}};
}
inline json of(const heed::metrics::percentiles& p) {
    return {{"samples", p.samples}, {"p50_ms", number(p.p50)}, {"p95_ms", number(p.p95)}, {"p99_ms", number(p.p99)}, {"mean_ms", number(p.mean)}, {"worst_ms", number(p.worst)}};
}
inline json of(const settings& list) {
    json j = json::object();
    for (const auto& [name, value] : list) j[name] = value;
    return j;
}

inline json of(const quality& q) {
    return {{"examples", q.examples},
            {"positives", q.positives},
            {"auc", number(q.auc.value)},
            {"auc_standard_error", number(q.auc.standard_error)},
            {"auc_interval_95", pair(q.auc.confidence.low, q.auc.confidence.high)},
            {"log_loss", number(q.log_loss)},
            {"brier", number(q.brier)},
            {"calibration_error", number(q.calibration_error)},
            {"precision_at_10_percent", number(q.precision_at_10)},
            {"ndcg_at_10", number(q.ndcg_at_10)}};
}

/// With the points of the calibration and ROC plots.
inline json with_curves(const quality& q) {
    json j = of(q);
    j["calibration_bins"] = json::array();
    j["roc"] = json::array();
    for (const auto& b : q.bins)
        j["calibration_bins"].push_back({{"examples", b.examples}, {"mean_prediction", number(b.mean_prediction)}, {"positive_share", number(b.positive_share)},
                                         {"interval_95", pair(b.confidence.low, b.confidence.high)}});
    for (const auto& p : q.roc) j["roc"].push_back(pair(p.false_positive_rate, p.true_positive_rate));
    return j;
}

inline json of(const model_results& m) {
    json j{{"name", m.name},
           {"parameters", m.parameters},
           {"training_seconds", number(m.training_seconds)},
           {"settings", of(m.chosen)},
           {"overall", with_curves(m.overall)},
           {"by_length", json::array()},
           {"latency", json::array()},
           {"latency_by_length", json::array()},
           {"learning_curve", json::array()}};
    for (const auto& row : m.by_length) {
        j["by_length"].push_back(of(row.of));
        j["by_length"].back()["tokens"] = of(row.bucket);
    }
    for (const auto& row : m.latency) {
        j["latency"].push_back(of(row.milliseconds));
        j["latency"].back()["batch"] = row.batch;
    }
    for (const auto& row : m.latency_by_length) {
        j["latency_by_length"].push_back(of(row.milliseconds));
        j["latency_by_length"].back()["tokens"] = of(row.bucket);
    }
    for (const auto& p : m.curve)
        j["learning_curve"].push_back({{"step", p.step}, {"train_loss", number(p.train_loss)}, {"held_out_log_loss", number(p.held_out_log_loss)}, {"held_out_auc", number(p.held_out_auc)}});
    return j;
}

inline json of(const attention_scaling& s) {
    const auto exponent = [&](double attention_cost::*cost) { return number(fit_long(measured(s, cost)).exponent); };
    json j{{"batch", s.batch},
           {"heads", s.heads},
           {"head_dim", s.head_dim},
           {"exponents",
            {{"fused_time", exponent(&attention_cost::fused_milliseconds)},
             {"reference_time", exponent(&attention_cost::reference_milliseconds)},
             {"fused_memory", exponent(&attention_cost::fused_bytes)},
             {"reference_memory", exponent(&attention_cost::reference_bytes)}}},
           {"costs", json::array()}};
    for (const auto& c : s.costs)
        j["costs"].push_back({{"tokens", c.tokens}, {"fused_ms", number(c.fused_milliseconds)}, {"reference_ms", number(c.reference_milliseconds)},
                              {"fused_bytes", number(c.fused_bytes)}, {"reference_bytes", number(c.reference_bytes)}});
    return j;
}

}  // namespace detail

/// The attention map is left to the page.
inline json metrics_json(const results& r) {
    const advice a = recommendation(r);
    json j{{"data", r.data},
           {"machine", r.machine},
           {"settings", detail::of(r.run)},
           {"baseline", detail::of(r.baseline)},
           {"classifier", detail::of(r.classifier)},
           {"gain", detail::of(r.gain)},
           {"gain_by_length", json::array()},
           {"budget_ms", r.budget_milliseconds},
           {"worthwhile_gain", r.worthwhile_gain},
           {"attention", detail::of(r.scaling)},
           {"recommendation",
            {{"choice", a.choice == verdict::classifier ? "classifier" : a.choice == verdict::baseline ? "baseline" : "undecided"}, {"headline", a.headline}, {"text", a.paragraph}}}};
    for (const auto& row : r.gain_by_length) {
        j["gain_by_length"].push_back(detail::of(row.auc));
        j["gain_by_length"].back()["tokens"] = detail::of(row.bucket);
    }
    if (!r.on_gpu.rows.empty()) {
        j["one_gpu"] = {{"source", r.on_gpu.source}, {"measured", r.on_gpu.measured}, {"batches", json::array()}};
        for (const auto& row : r.on_gpu.rows) j["one_gpu"]["batches"].push_back({{"tokens", row.tokens}, {"batch", row.batch}, {"ms", detail::number(row.milliseconds)}});
    }
    if (r.truth) {
        j["oracle"] = detail::with_curves(r.truth->oracle);
        j["additive_oracle"] = detail::with_curves(r.truth->additive);
    }
    return j;
}

}  // namespace feed
