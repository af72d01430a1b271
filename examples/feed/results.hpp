/// Everything that a run of the feed example finds out, as plain numbers. The report is made from this and nothing else.
///
/// A number that was not measured is NaN: tables show it as a dash, metrics.json as null.
#pragma once

#include <heed/metrics/auc.hpp>
#include <heed/metrics/calibration.hpp>
#include <heed/metrics/latency.hpp>

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace feed {

inline constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

/// How well scores fit the labels of one set of posts. `measure` in measure.hpp fills it.
struct quality {
    std::size_t examples = 0, positives = 0;
    heed::metrics::auc_estimate auc{not_measured, not_measured, {not_measured, not_measured}, 0, 0};
    double log_loss = not_measured;              // nats
    double brier = not_measured;
    double calibration_error = not_measured;     // 15 bins of equal mass
    double precision_at_10 = not_measured;       // among the best-scored 10 %
    double ndcg_at_10 = not_measured;            // over slates of 20 consecutive posts
    std::vector<heed::metrics::calibration_bin> bins;
    std::vector<heed::metrics::roc_point> roc;
};

/// Posts of `shortest` to `longest` tokens, both included.
struct length_bucket {
    int shortest = 0, longest = 0;
    bool operator==(const length_bucket&) const = default;
};

struct bucket_quality {
    length_bucket bucket;
    quality of;
};

/// The classifier's AUC less the baseline's, on the same posts.
struct bucket_gain {
    length_bucket bucket;
    heed::metrics::auc_difference auc;
};

/// A moment of the training. The held-out numbers come from the part of the training data that is kept for choosing.
struct learning_point {
    std::size_t step = 0;
    double train_loss = not_measured;            // nats, smoothed over the steps since the last point
    double held_out_log_loss = not_measured;
    double held_out_auc = not_measured;
};

/// Milliseconds a batch.
struct batch_latency {
    std::size_t batch = 1;
    heed::metrics::percentiles milliseconds;
};

/// Milliseconds a post, alone in its batch, of this many tokens.
struct length_latency {
    length_bucket bucket;
    heed::metrics::percentiles milliseconds;
};

using settings = std::vector<std::pair<std::string, std::string>>;   // name and value, in the order shown

struct model_results {
    std::string name;
    std::size_t parameters = 0;
    double training_seconds = not_measured;
    settings chosen;                             // learning rate, passes, ...
    std::vector<learning_point> curve;
    quality overall;
    std::vector<bucket_quality> by_length;
    std::vector<batch_latency> latency;          // of lengths as drawn from the data
    std::vector<length_latency> latency_by_length;
};

/// What the generator itself knows: what can be reached at all, and what by additive effects alone.
struct known_truth {
    quality oracle, additive;
};

/// Attention alone, forward, over T tokens: the fused kernel, and the reference that writes the T x T matrix out.
struct attention_cost {
    int tokens = 0;
    double fused_milliseconds = not_measured, reference_milliseconds = not_measured;
    double fused_bytes = not_measured, reference_bytes = not_measured;          // temporaries, without q, k, v and the output
};

struct attention_scaling {
    int batch = 1, heads = 0, head_dim = 0;
    std::vector<attention_cost> costs;           // by rising T
};

/// The largest batch of posts of a length that one GPU scores within the budget; 0 where not one post.
struct budget_row {
    int tokens = 0;
    std::size_t batch = 0;
    double milliseconds = not_measured;          // of that batch
};
struct device_budget {
    std::string source;                          // a line: measured on what, or computed from what
    bool measured = false;
    std::vector<budget_row> rows;
};

/// Who reads whom in one example: weights[(head * T + reader) * T + read], each row sums to one.
struct attention_map {
    std::string title;                           // which layer, which post
    std::vector<std::string> tokens;             // T of them, as the tokenizer cut the post
    std::size_t heads = 0;
    std::vector<float> weights;
};

struct results {
    std::string data;                            // a line: where the posts come from, how many train and test
    std::string machine;                         // a line: processor, instruction set, threads
    settings run;                                // seed, vocabulary, tokens at most, ...
    model_results baseline, classifier;
    heed::metrics::auc_difference gain{not_measured, not_measured, {not_measured, not_measured}, not_measured};   // the classifier's AUC less the baseline's
    std::vector<bucket_gain> gain_by_length;
    std::optional<known_truth> truth;            // where the posts are generated
    double budget_milliseconds = 20;             // for the 95th percentile of a batch
    double worthwhile_gain = 0.002;              // the least difference in AUC that is worth a dearer model
    attention_scaling scaling;
    device_budget on_gpu;
    std::optional<attention_map> map;
};

}  // namespace feed
