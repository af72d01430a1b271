/// What trained models are asked: how well they rank, how fast they are, and who reads whom.
#pragma once

#include <feed/batches.hpp>
#include <feed/interrupt.hpp>
#include <feed/learner.hpp>
#include <feed/levels.hpp>
#include <feed/measure.hpp>
#include <feed/results.hpp>
#include <feed/trainer.hpp>

#include <heed/metrics/auc.hpp>
#include <heed/metrics/latency.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace feed {

/// Fills in what the logits tell, apart for each model and paired.
inline void compare(results& r, const scored_posts& baseline, const scored_posts& classifier) {
    const auto fill = [](model_results& of, const scored_posts& scored) {
        of.overall = measure(scored.logits, scored.labels);
        of.by_length = measure_by_length(scored.logits, scored.labels, scored.lengths);
    };
    fill(r.baseline, baseline);
    fill(r.classifier, classifier);
    const auto positives = std::count(baseline.labels.begin(), baseline.labels.end(), 1);
    if (positives >= 2 && std::ssize(baseline.labels) - positives >= 2) r.gain = heed::metrics::compare_auc(baseline.logits, classifier.logits, baseline.labels);
    r.gain_by_length = gain_by_length(baseline.logits, classifier.logits, baseline.labels, baseline.lengths);
}

/// What the true probabilities of generated posts reach.
inline known_truth truth_of(const post_source& posts) {
    std::vector<double> oracle, additive;
    std::vector<int> labels;
    const auto logit = [](double p) { return std::log(p / (1 - p)); };
    post p;
    for (std::size_t i = 0; i < posts.count; ++i) {
        posts.read(i, p);
        oracle.push_back(logit(p.probability)), additive.push_back(logit(p.additive_probability)), labels.push_back(p.label);
    }
    return {measure(oracle, labels), measure(additive, labels)};
}

/// Milliseconds a batch of posts as drawn, the model warm, of tokens that lie ready: 2,000 batches in all, most of them
/// small. Single posts count by their length too.
inline void measure_latency(model_results& of, learner& model, const post_source& posts, const field_levels& fields) {
    const std::vector<std::pair<std::size_t, std::size_t>> batches{{1, 1250}, {8, 450}, {32, 200}, {128, 100}};
    const auto buckets = usual_buckets();
    std::vector<std::vector<double>> by_length(buckets.size());
    std::vector<double> logits;
    post p;
    batch b;
    std::size_t next = 0;
    for (const auto& [size, samples] : batches) {
        heed::metrics::latency_recorder recorder(samples);
        for (std::size_t i = 0; i < samples + 5; ++i) {
            stop_if_interrupted();
            b.clear();
            while (b.size() < size) {
                posts.read(next++ % posts.count, p);
                b.add(p, fields);
            }
            logits.clear();
            if (i < 5) {
                model.logits(b, logits);
                continue;
            }
            recorder.measure([&] { model.logits(b, logits); });
            if (size != 1) continue;
            for (std::size_t k = 0; k < buckets.size(); ++k)
                if (buckets[k].shortest <= b.lengths[0] && b.lengths[0] <= buckets[k].longest) by_length[k].push_back(recorder.milliseconds().back());
        }
        of.latency.push_back({size, recorder.summary()});
    }
    for (std::size_t k = 0; k < buckets.size(); ++k)
        if (!by_length[k].empty()) of.latency_by_length.push_back({buckets[k], heed::metrics::summarize(by_length[k])});
}

/// Attention alone, from 64 to 4,096 tokens.
inline attention_scaling measure_scaling() {
    attention_scaling scaling{1, static_cast<int>(attention_heads), 32, {}};
    for (int tokens = 64; tokens <= 4096; tokens *= 2) {
        stop_if_interrupted();
        const auto run = time_attention(tokens, 0.15);
        scaling.costs.push_back({tokens, run.fused_milliseconds, run.matrix_milliseconds, run.fused_bytes, run.matrix_bytes});
    }
    return scaling;
}

/// The last layer's attention over the first post of 12 to 32 tokens.
inline std::optional<attention_map> map_of(learner& classifier, const post_source& posts, const field_levels& fields, const std::function<std::string(int)>& name) {
    post p;
    for (std::size_t i = 0; i < std::min<std::size_t>(posts.count, 1000); ++i) {
        posts.read(i, p);
        if (p.tokens.size() < 12 || p.tokens.size() > 32) continue;
        batch b;
        b.add(p, fields);
        attention_map map;
        map.title = fmt::format("The last layer reads test post {}", i + 1);
        for (const int token : p.tokens) map.tokens.push_back(name(token));
        map.heads = attention_heads;
        map.weights = classifier.attention_weights(b);
        return map;
    }
    return {};
}

}  // namespace feed
