/// Results of a run that never was, for tests of what is made of results.
#pragma once

#include <feed/measure.hpp>
#include <feed/results.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace made_up {

/// Posts whose true logit is metadata + words + order. The baseline sees the first two through noise, the classifier
/// all three where `attention_helps`.
inline feed::results results(double attention_helps = 1, int posts = 4000) {
    std::mt19937 random(11);
    std::normal_distribution<double> normal;
    std::lognormal_distribution<double> lognormal(std::log(40.0), 1);
    std::vector<double> truth, additive, baseline, classifier;
    std::vector<int> labels, lengths;
    for (int i = 0; i < posts; ++i) {
        const double words = 0.8 * normal(random), order = 0.7 * normal(random);
        truth.push_back(-1.9 + words + order);
        additive.push_back(-1.75 + words);
        baseline.push_back(-1.7 + 0.9 * words + 0.15 * normal(random));
        classifier.push_back(-1.8 + 0.9 * words + 0.7 * attention_helps * order + 0.2 * normal(random));
        labels.push_back(std::uniform_real_distribution<double>()(random) < 1 / (1 + std::exp(-truth.back())));
        lengths.push_back(std::clamp(static_cast<int>(lognormal(random)), 4, 256));
    }

    feed::results r;
    r.data = "Generated posts, seed 1: 300,000 for training, 50,000 for testing";
    r.machine = "a made-up processor, avx512, 2 threads";
    r.run = {{"seed", "1"}, {"vocabulary", "50,000 pieces"}, {"tokens at most", "256"}};
    r.baseline.name = "mean of embeddings";
    r.classifier.name = "attention";
    r.baseline.parameters = 6'480'129;
    r.classifier.parameters = 6'908'417;
    r.baseline.training_seconds = 41.7;
    r.classifier.training_seconds = 251.3;
    r.baseline.chosen = {{"learning rate", "0.004"}, {"passes", "2"}};
    r.classifier.chosen = {{"learning rate", "0.001"}, {"passes", "3"}};
    r.baseline.overall = feed::measure(baseline, labels);
    r.classifier.overall = feed::measure(classifier, labels);
    r.truth = feed::known_truth{feed::measure(truth, labels), feed::measure(additive, labels)};
    r.baseline.by_length = feed::measure_by_length(baseline, labels, lengths);
    r.classifier.by_length = feed::measure_by_length(classifier, labels, lengths);
    r.gain = heed::metrics::compare_auc(baseline, classifier, labels);
    r.gain_by_length = feed::gain_by_length(baseline, classifier, labels, lengths);

    for (std::size_t step = 20; step <= 1200; step += 20) {
        const double done = static_cast<double>(step) / 1200;
        const auto point = [&](double end, double pace) {
            feed::learning_point p{step, end + 0.12 * std::exp(-pace * done) + 0.006 * normal(random), feed::not_measured, feed::not_measured};
            if (step % 120 == 0) p.held_out_log_loss = end + 0.004 + 0.12 * std::exp(-pace * done), p.held_out_auc = 0.5 + 0.24 * (0.5 - end) * 20 * (1 - std::exp(-pace * done));
            return p;
        };
        if (step <= 800) r.baseline.curve.push_back(point(0.452, 9));
        r.classifier.curve.push_back(point(0.441, 5));
    }
    for (std::size_t batch : {1u, 8u, 32u, 128u}) {
        const double n = static_cast<double>(batch);
        r.baseline.latency.push_back({batch, {500, 0.004 + 0.002 * n, 0.006 + 0.003 * n, 0.009 + 0.004 * n, 0.005 + 0.0021 * n, 0.05 + 0.01 * n}});
        r.classifier.latency.push_back({batch, {500, 0.3 + 0.3 * n, 0.9 + 0.42 * n, 1.2 + 0.5 * n, 0.35 + 0.31 * n, 2 + 0.7 * n}});
    }
    for (const auto bucket : feed::usual_buckets()) {
        const double t = bucket.longest;
        r.baseline.latency_by_length.push_back({bucket, {100, 0.003 + 2e-5 * t, 0.004 + 3e-5 * t, 0.006 + 3e-5 * t, 0.004, 0.02}});
        r.classifier.latency_by_length.push_back({bucket, {100, 0.08 + 0.006 * t, 0.1 + 0.008 * t, 0.12 + 0.012 * t, 0.1, 2}});
    }
    r.scaling = {1, 4, 32, {}};
    for (int tokens = 64; tokens <= 4096; tokens *= 2) {
        const double t = tokens;
        r.scaling.costs.push_back({tokens, 0.002 + 6e-6 * std::pow(t, 1.92), 0.004 + 7e-5 * t * t, 65536 + 16 * t, tokens <= 2048 ? 4 * 4 * t * t : feed::not_measured});
    }

    feed::attention_map map;
    map.title = "Second layer, the first test post";
    map.tokens = {"[CLS]", "why", "does", "nobody", "read", "the", "<script>alert(1)</script>", "manual", "?", "\"&amp;'", "größe", "##ness", "一", "answer", "##ing"};
    map.heads = 4;
    const std::size_t t = map.tokens.size();
    for (std::size_t head = 0; head < map.heads; ++head)
        for (std::size_t i = 0; i < t; ++i) {
            std::vector<double> row(t);
            double sum = 0;
            for (std::size_t j = 0; j < t; ++j) sum += row[j] = std::exp(head == 0 ? -std::abs(double(i) - double(j)) : head == 1 ? (j == 6 ? 3.0 : 0.5 * normal(random)) : normal(random));
            for (double w : row) map.weights.push_back(static_cast<float>(w / sum));
        }
    r.map = map;
    return r;
}

}  // namespace made_up
