/// For or against attention in this feed, as it follows from the numbers.
///
/// 1. Does it rank better? The 95 % interval of the paired difference in AUC lies above zero, below it, or around it.
/// 2. Is the difference worth a dearer model? It reaches `results::worthwhile_gain`.
/// 3. Is it fast enough? The 95th percentile of a batch, at least of one post, lies within `results::budget_milliseconds`.
///
/// Only three times yes recommends the classifier. The rest of the paragraph says what the answer costs and where it ends.
#pragma once

#include <feed/results.hpp>
#include <feed/scaling.hpp>
#include <feed/wording.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace feed {

enum class verdict { classifier, baseline, undecided };

struct advice {
    verdict choice = verdict::undecided;
    std::string headline;                        // one sentence
    std::string paragraph;
};

namespace detail {

/// The latency at this size of batch.
inline const batch_latency* at_batch(const model_results& model, std::size_t batch) {
    const auto found = std::find_if(model.latency.begin(), model.latency.end(), [&](const auto& row) { return row.batch == batch; });
    return found == model.latency.end() ? nullptr : &*found;
}

/// The largest batch up to which every measured batch stays within the budget.
inline std::optional<std::size_t> largest_batch_in_time(const model_results& model, double budget) {
    std::optional<std::size_t> largest;
    for (const auto& row : model.latency) {
        if (row.milliseconds.p95 > budget) break;
        largest = row.batch;
    }
    return largest;
}

inline std::string on_quality(const results& r) {
    const auto& gain = r.gain;
    std::string text = fmt::format("On {} posts the classifier's AUC is {} and the baseline's {}, a paired difference of {} (95 % interval {}): ",
                                   wording::count(r.classifier.overall.examples), wording::fixed(r.classifier.overall.auc.value, 4),
                                   wording::fixed(r.baseline.overall.auc.value, 4), wording::change(gain.value, 4), wording::change_range(gain.confidence, 4));
    if (gain.confidence.low > 0)
        text += gain.value >= r.worthwhile_gain ? "attention ranks better, and not by chance."
                                                : fmt::format("attention ranks better, but by less than the {:g} that is worth a dearer model.", r.worthwhile_gain);
    else if (gain.confidence.high < 0) text += "attention ranks worse, and not by chance.";
    else text += "the interval includes zero, so these posts do not show which ranks better.";

    if (r.truth) {
        const double gap = r.truth->oracle.auc.value - r.baseline.overall.auc.value;
        if (gap > 0) text += fmt::format(" The true probabilities reach {}; of the gap between the baseline and them the classifier closes {}.",
                                         wording::fixed(r.truth->oracle.auc.value, 4), wording::percent(gain.value / gap, 0));
    }
    const bool better = gain.confidence.low > 0;
    const double more_loss = r.classifier.overall.log_loss - r.baseline.overall.log_loss;
    if (better && more_loss > 0) text += fmt::format(" Its log-loss is higher all the same, by {:.4f}: it orders posts better than it knows their probabilities.", more_loss);
    if (r.classifier.overall.calibration_error >= 0.02)
        text += fmt::format(" Its probabilities are off by {} on average and want recalibrating before they are used as such.", wording::percent(r.classifier.overall.calibration_error));
    if (!better) {
        const auto best = std::max_element(r.gain_by_length.begin(), r.gain_by_length.end(), [](const auto& a, const auto& b) { return a.auc.value < b.auc.value; });
        if (best != r.gain_by_length.end() && best->auc.confidence.low > 0)
            text += fmt::format(" Among posts of {} tokens it does rank better ({}); that is the best of {} buckets, so a hint and no proof.",
                                wording::range(best->bucket), wording::change(best->auc.value, 4), r.gain_by_length.size());
    }
    return text;
}

inline std::string on_time(const results& r) {
    const auto& rows = r.classifier.latency;
    if (rows.empty()) return " Latency was not measured.";
    const auto in_time = largest_batch_in_time(r.classifier, r.budget_milliseconds);
    std::string text;
    if (!in_time) {
        text = fmt::format(" Its encoder takes {} for a batch of {} at the 95th percentile, which exceeds the budget of {:g} ms.",
                           wording::milliseconds(rows.front().milliseconds.p95), rows.front().batch, r.budget_milliseconds);
    } else {
        text = fmt::format(" Within the budget of {:g} ms at the 95th percentile its encoder scores batches of up to {} ({})", r.budget_milliseconds, *in_time,
                           wording::milliseconds(at_batch(r.classifier, *in_time)->milliseconds.p95));
        const auto first_late = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.milliseconds.p95 > r.budget_milliseconds; });
        text += first_late == rows.end() ? ", the largest measured." : fmt::format("; a batch of {} takes {}.", first_late->batch, wording::milliseconds(first_late->milliseconds.p95));
    }
    // The largest batch that both were measured at tells the cost a post apart from fixed costs.
    for (auto row = rows.rbegin(); row != rows.rend(); ++row)
        if (const auto* other = at_batch(r.baseline, row->batch); other && other->milliseconds.p50 > 0) {
            text += fmt::format(" A post in a batch of {} costs {} times what it costs the baseline ({} against {}).", row->batch,
                                wording::three_digits(row->milliseconds.p50 / other->milliseconds.p50), wording::milliseconds(row->milliseconds.p50 / static_cast<double>(row->batch)),
                                wording::milliseconds(other->milliseconds.p50 / static_cast<double>(row->batch)));
            break;
        }
    if (!r.machine.empty()) text += " These times are of " + r.machine + "; on another machine, measure again.";
    return text;
}

inline std::string on_length(const results& r) {
    const auto fused = measured(r.scaling, &attention_cost::fused_milliseconds);
    if (fused.size() < 2) return "";
    const std::string what = fmt::format(" Attention alone (batch {}, {} heads of {})", r.scaling.batch, r.scaling.heads, r.scaling.head_dim);
    const auto limit = where_it_exceeds(fused, r.budget_milliseconds);
    if (!limit && fused.back().cost > r.budget_milliseconds) return what + fmt::format(" exceeds the budget at every length measured, from {} tokens on.", wording::count(fused.front().tokens));
    if (!limit) return what + fmt::format(" stays within the budget at every length measured, up to {} tokens.", wording::count(fused.back().tokens));
    return what + fmt::format(" grows as T^{:.2f} and takes the whole budget from about {} tokens on{}; longer texts want windows or a shorter cut.", fit_long(fused).exponent,
                              wording::two_digits(limit->tokens), limit->extrapolated ? fmt::format(", beyond the {} that were measured", wording::count(fused.back().tokens)) : "");
}

}  // namespace detail

/// The advice that these results support.
inline advice recommendation(const results& r) {
    advice a;
    const bool better = r.gain.confidence.low > 0, worse = r.gain.confidence.high < 0, enough = r.gain.value >= r.worthwhile_gain;
    const bool timed = !r.classifier.latency.empty(), in_time = detail::largest_batch_in_time(r.classifier, r.budget_milliseconds).has_value();
    if (std::isnan(r.gain.value) || std::isnan(r.gain.confidence.low) || std::isnan(r.gain.confidence.high)) {
        a.headline = "No recommendation: the two models were not compared.";
        a.paragraph = "There is no paired difference between the models, so nothing can be said for or against attention here.";
        return a;
    }
    if (!better) {
        a.choice = verdict::baseline;
        a.headline = worse ? "Use the baseline: attention ranks worse here." : "Use the baseline: attention is not shown to rank better here.";
    } else if (!enough) {
        a.choice = verdict::baseline;
        a.headline = "Use the baseline: attention ranks better, but by too little to pay for it.";
    } else if (!timed) {
        a.headline = "No recommendation yet: attention ranks better, but its latency was not measured.";
    } else if (!in_time) {
        a.choice = verdict::baseline;
        a.headline = "Use the baseline: attention ranks better, but not within the time allowed.";
    } else {
        a.choice = verdict::classifier;
        a.headline = "Use attention: it ranks better, by enough, and within the time allowed.";
    }
    a.paragraph = detail::on_quality(r) + detail::on_time(r) + detail::on_length(r);
    return a;
}

}  // namespace feed
