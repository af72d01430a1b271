/// The report's tables, made once for the terminal and for the page.
#pragma once

#include <feed/results.hpp>
#include <feed/scaling.hpp>
#include <feed/wording.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace feed {

/// Texts in rows of equal length; the first row is the head.
struct table {
    std::string caption;
    std::vector<std::vector<std::string>> rows;
    std::vector<std::size_t> words{0};           // the columns that stand to the left; numbers stand to the right

    bool of_words(std::size_t column) const { return std::find(words.begin(), words.end(), column) != words.end(); }
};

namespace detail {

inline std::vector<std::string> quality_row(std::string name, const quality& q) {
    return {std::move(name), wording::fixed(q.auc.value, 4), std::isnan(q.auc.confidence.low) ? "–" : wording::range(q.auc.confidence, 4), wording::fixed(q.log_loss, 4),
            wording::fixed(q.brier, 4), wording::fixed(q.calibration_error, 4), wording::fixed(q.precision_at_10, 4), wording::fixed(q.ndcg_at_10, 4)};
}

/// Letters as a terminal shows them, one a column: bytes that begin a letter of UTF-8.
inline std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace detail

inline table quality_table(const results& r) {
    table t{"Quality on the test posts", {{"model", "AUC", "95 % interval", "log-loss", "Brier", "calibration error", "precision at 10 %", "NDCG@10"}}};
    t.rows.push_back(detail::quality_row(r.baseline.name, r.baseline.overall));
    t.rows.push_back(detail::quality_row(r.classifier.name, r.classifier.overall));
    if (r.truth) {
        t.rows.push_back(detail::quality_row("true additive part", r.truth->additive));
        t.rows.push_back(detail::quality_row("true probability", r.truth->oracle));
    }
    return t;
}

inline table models_table(const results& r) {
    table t{"The models", {{"model", "parameters", "training time"}}};
    for (const auto* model : {&r.baseline, &r.classifier}) t.rows.push_back({model->name, wording::count(model->parameters), wording::seconds(model->training_seconds)});
    return t;
}

inline table gain_table(const results& r) {
    table t{"AUC of the classifier less that of the baseline, paired", {{"tokens", "difference", "95 % interval", "p"}}};
    const auto row = [](std::string name, const heed::metrics::auc_difference& gain) {
        return std::vector<std::string>{std::move(name), wording::change(gain.value, 4), std::isnan(gain.confidence.low) ? "–" : wording::change_range(gain.confidence, 4),
                                        std::isnan(gain.value) ? "–" : gain.p_value < 0.0001 ? "< 0.0001" : wording::fixed(gain.p_value, 4)};
    };
    t.rows.push_back(row("all", r.gain));
    for (const auto& bucket : r.gain_by_length) t.rows.push_back(row(wording::range(bucket.bucket), bucket.auc));
    return t;
}

inline table length_table(const results& r) {
    table t{"Quality by length of the post", {{"tokens", "posts", "model", "AUC", "95 % interval", "log-loss", "Brier", "calibration error", "precision at 10 %", "NDCG@10"}}, {0, 2}};
    for (const auto& of_baseline : r.baseline.by_length)
        for (const auto* model : {&r.baseline, &r.classifier})
            for (const auto& [bucket, q] : model->by_length) {
                if (!(bucket == of_baseline.bucket)) continue;
                auto row = detail::quality_row(model->name, q);
                row.insert(row.begin(), {wording::range(bucket), wording::count(q.examples)});
                t.rows.push_back(std::move(row));
            }
    return t;
}

inline table latency_table(const results& r) {
    table t{fmt::format("Latency of a batch in milliseconds, against a budget of {:g} ms at P95", r.budget_milliseconds),
            {{"model", "batch", "samples", "P50", "P95", "P99", "worst", "P95 within budget"}}, {0, 7}};
    for (const auto* model : {&r.baseline, &r.classifier})
        for (const auto& [batch, ms] : model->latency)
            t.rows.push_back({model->name, wording::count(batch), wording::count(ms.samples), wording::three_digits(ms.p50), wording::three_digits(ms.p95), wording::three_digits(ms.p99),
                              wording::three_digits(ms.worst), ms.p95 <= r.budget_milliseconds ? "yes" : "no"});
    return t;
}

inline table length_latency_table(const results& r) {
    table t{"Latency of a single post in milliseconds, by its length", {{"model", "tokens", "samples", "P50", "P95", "P99"}}};
    for (const auto* model : {&r.baseline, &r.classifier})
        for (const auto& [bucket, ms] : model->latency_by_length)
            t.rows.push_back({model->name, wording::range(bucket), wording::count(ms.samples), wording::three_digits(ms.p50), wording::three_digits(ms.p95), wording::three_digits(ms.p99)});
    return t;
}

/// Costs against T, and as the last row the exponents of T that fit the upper half of the lengths.
inline table scaling_table(const results& r) {
    table t{fmt::format("Attention alone, forward, batch {}, {} heads of {}", r.scaling.batch, r.scaling.heads, r.scaling.head_dim),
            {{"tokens T", "fused, ms", "reference, ms", "ratio", "fused, memory", "reference, memory"}}};
    for (const auto& c : r.scaling.costs)
        t.rows.push_back({wording::count(static_cast<double>(c.tokens)), wording::three_digits(c.fused_milliseconds), wording::three_digits(c.reference_milliseconds),
                          wording::three_digits(c.reference_milliseconds / c.fused_milliseconds), wording::bytes(c.fused_bytes), wording::bytes(c.reference_bytes)});
    const auto exponent = [&](double attention_cost::*cost) { return wording::fixed(fit_long(measured(r.scaling, cost)).exponent, 2); };
    if (!r.scaling.costs.empty())
        t.rows.push_back({"exponent of T", exponent(&attention_cost::fused_milliseconds), exponent(&attention_cost::reference_milliseconds), "", exponent(&attention_cost::fused_bytes),
                          exponent(&attention_cost::reference_bytes)});
    return t;
}

/// What one GPU scores within the budget, measured or computed.
inline table budget_table(const results& r) {
    table t{fmt::format("One GPU within {:g} ms: {}", r.budget_milliseconds, r.on_gpu.source), {{"tokens a post", "posts in a batch at most", "that takes, ms"}}};
    for (const auto& row : r.on_gpu.rows)
        t.rows.push_back({std::to_string(row.tokens), row.batch > 0 ? wording::count(static_cast<double>(row.batch)) : "none", wording::three_digits(row.milliseconds)});
    return t;
}

inline table settings_table(const results& r) {
    table t{"Settings", {{"setting", "value"}}, {0, 1}};
    for (const auto& [name, value] : r.run) t.rows.push_back({name, value});
    for (const auto* model : {&r.baseline, &r.classifier})
        for (const auto& [name, value] : model->chosen) t.rows.push_back({model->name + ": " + name, value});
    return t;
}

/// For a terminal: columns two spaces apart, the head underlined.
inline void print(std::ostream& out, const table& t) {
    std::vector<std::size_t> width(t.rows.front().size(), 0);
    for (const auto& row : t.rows)
        for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], detail::columns_of(row[c]));
    out << "\n" << t.caption << "\n";
    for (std::size_t r = 0; r < t.rows.size(); ++r) {
        std::string line;
        for (std::size_t c = 0; c < width.size(); ++c) {
            const std::string& cell = t.rows[r][c];
            const std::string space(width[c] - detail::columns_of(cell), ' ');
            line += t.of_words(c) ? cell + space : space + cell;
            line += "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out << "  " << line << "\n";
        if (r > 0) continue;
        std::string under = "  ";
        for (const auto w : width) {
            for (std::size_t i = 0; i < w; ++i) under += "─";
            under += "  ";
        }
        under.erase(under.find_last_not_of(' ') + 1);
        out << under << "\n";
    }
}

}  // namespace feed
