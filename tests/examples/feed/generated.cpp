#include "feed/generated.hpp"

#include <heed/metrics/auc.hpp>
#include <heed/metrics/log_loss.hpp>

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

using feed::generated_language;
using feed::generator;

namespace {

std::vector<feed::post> sample(const generator& posts, std::uint64_t first, std::size_t count) {
    std::vector<feed::post> made(count);
    for (std::size_t i = 0; i < count; ++i) posts.fill(made[i], first + i);
    return made;
}

template <class Of>
std::vector<double> each(const std::vector<feed::post>& posts, Of of) {
    std::vector<double> values;
    for (const feed::post& post : posts) values.push_back(of(post));
    return values;
}

double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

double covariance(const std::vector<double>& a, const std::vector<double>& b) {
    const double mean_a = mean(a), mean_b = mean(b);
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
    return sum / static_cast<double>(a.size());
}

double variance(const std::vector<double>& values) { return covariance(values, values); }

bool same(const feed::post& a, const feed::post& b) {
    const auto same_bits = [](float x, float y) { return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y); };
    return a.tokens == b.tokens && std::ranges::equal(a.metadata, b.metadata, same_bits) && a.label == b.label &&
           a.probability == b.probability && a.additive_probability == b.additive_probability;
}

double logit(const feed::logit_parts& parts) { return parts.sum(); }

}  // namespace

TEST_CASE("a post is a function of seed and number, whatever was made before it") {
    const generator posts(1), again(1), other(2);
    const feed::post seventh = posts(7);
    feed::post reused = posts(1'234'567);
    again.fill(reused, 7);
    CHECK(same(reused, seventh));
    CHECK_FALSE(same(posts(8), seventh));
    CHECK_FALSE(same(posts(generator::first_validation + 7), seventh));
    CHECK_FALSE(same(other(7), seventh));
}

TEST_CASE("words are in the vocabulary, lengths in 4 to 256 about a median of 40") {
    const generator posts(3);
    std::vector<std::size_t> lengths;
    for (const feed::post& post : sample(posts, 0, 20'000)) {
        lengths.push_back(post.tokens.size());
        REQUIRE(std::ranges::all_of(post.tokens, [](int word) { return 0 <= word && word < generator::vocabulary; }));
    }
    std::ranges::sort(lengths);
    CHECK(lengths.front() == 4);
    CHECK(lengths.back() == 256);
    const auto percentile = [&](double share) { return static_cast<double>(lengths[static_cast<std::size_t>(share * 20'000)]); };
    CHECK(percentile(0.5) == Approx(40).margin(1.5));
    CHECK(percentile(0.8413) == Approx(40 * std::exp(1)).epsilon(0.05));   // one sigma above
    CHECK(percentile(0.1587) == Approx(40 * std::exp(-1)).epsilon(0.05));  // and below
}

TEST_CASE("word frequencies follow Zipf's law from the first word to the rarest") {
    const generator posts(4);
    std::vector<double> seen(generator::vocabulary);
    double all = 0;
    for (const feed::post& post : sample(posts, 0, 20'000))
        for (const int word : post.tokens) ++seen[static_cast<std::size_t>(word)], ++all;
    double harmonic = 0;
    for (int rank = 1; rank <= generator::vocabulary; ++rank) harmonic += 1.0 / rank;
    // In bands of rank that double, the share of the tokens beside the law's.
    for (int first = 1; 2 * first <= generator::vocabulary; first *= 2) {
        double share = 0, expected = 0;
        for (int rank = first; rank < 2 * first; ++rank) {
            share += seen[static_cast<std::size_t>(rank - 1)] / all;
            expected += 1 / (rank * harmonic);
        }
        CAPTURE(first);
        CHECK(share == Approx(expected).epsilon(0.08));
    }
}

TEST_CASE("twelve columns of numbers and categories are each empty in 6 % of the posts") {
    const feed::columns columns = generator::describe_columns();
    CHECK(std::ranges::count_if(columns, &feed::column::is_category) == 4);
    const auto posts = sample(generator(5), 0, 20'000);
    for (std::size_t c = 0; c < columns.size(); ++c) {
        CAPTURE(columns[c].name);
        double empty = 0;
        std::set<float> values;
        for (const feed::post& post : posts) {
            if (feed::is_missing(post.metadata[c])) ++empty;
            else values.insert(post.metadata[c]);
        }
        CHECK(empty / 20'000 == Approx(0.06).margin(0.006));
        CHECK(values.size() > 1);
        if (columns[c].is_category()) {
            CHECK(*values.begin() == 0);
            CHECK(values.size() == static_cast<std::size_t>(columns[c].kinds));
            CHECK(*values.rbegin() == static_cast<float>(columns[c].kinds - 1));
        }
    }
}

TEST_CASE("for any seed the base rate, the shares of variance and the oracle's AUC are what they should be") {
    const auto seed = GENERATE(std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{20130820}, ~std::uint64_t{0});
    CAPTURE(seed);
    const generator generate(seed);
    const auto posts = sample(generate, 0, 30'000);
    const auto part = [&](double feed::logit_parts::*which) {
        return each(posts, [&](const feed::post& post) { return generate.parts(post).*which; });
    };
    const auto labels = each(posts, [](const feed::post& post) { return post.label; });
    const auto truth = each(posts, [](const feed::post& post) { return post.probability; });
    const auto additive_truth = each(posts, [](const feed::post& post) { return post.additive_probability; });
    const auto metadata = part(&feed::logit_parts::metadata), additive = part(&feed::logit_parts::additive);
    const auto interactions = each(posts, [&](const feed::post& post) { return generate.parts(post).interactions(); });
    const double all = variance(each(posts, [&](const feed::post& post) { return logit(generate.parts(post)); }));

    CHECK(mean(labels) == Approx(generator::base_rate).margin(0.01));
    CHECK(mean(truth) == Approx(generator::base_rate).margin(0.006));
    CHECK(variance(metadata) / all == Approx(0.25).margin(0.02));
    CHECK(variance(additive) / all == Approx(0.35).margin(0.02));
    CHECK(variance(interactions) / all == Approx(0.40).margin(0.02));
    CHECK(covariance(metadata, additive) / all == Approx(0).margin(0.01));
    CHECK(covariance(additive, interactions) / all == Approx(0).margin(0.02));
    for (const auto which : {&feed::logit_parts::negation, &feed::logit_parts::pairs, &feed::logit_parts::cues})
        CHECK(variance(part(which)) / all > 0.04);

    const double oracle = heed::metrics::auc(truth, labels);
    CHECK(oracle > 0.78);
    CHECK(oracle < 0.82);
    CHECK(heed::metrics::auc(additive_truth, labels) < oracle - 0.04);
    CHECK(heed::metrics::log_loss(additive_truth, labels) > heed::metrics::log_loss(truth, labels) + 0.02);
}

TEST_CASE("both true probabilities are calibrated") {
    const auto posts = sample(generator(6), 0, 60'000);
    for (const auto which : {&feed::post::probability, &feed::post::additive_probability})
        for (double low = 0; low < 0.6; low += 0.1) {
            double count = 0, expected = 0, positive = 0;
            for (const feed::post& post : posts) {
                if (post.*which < low || post.*which >= low + 0.1) continue;
                ++count;
                expected += post.*which;
                positive += post.label;
            }
            CAPTURE(low, count);
            const double standard_error = std::sqrt(expected / count * (1 - expected / count) / count);
            CHECK(std::abs(positive - expected) / count < 4 * standard_error + 0.01);
        }
}

TEST_CASE("there are over a thousand kinds of content words in sixteen classes, frequent ones all") {
    const generated_language language{heed::random_stream(1)};
    std::map<int, std::set<int>> kinds;
    for (int word = 0; word < generator::vocabulary; ++word)
        if (language.is_content(word)) kinds[language.class_of(word)].insert(word);
    CHECK(kinds.size() == 16);
    for (const auto& [number, words] : kinds) {
        CHECK(0 <= number);
        CHECK(number < 16);
        CHECK(words.size() == 64);
        CHECK(*words.begin() < 31);  // every class has one of the sixteen most frequent
    }
}

TEST_CASE("content words, cues and targets have additive effects of their own") {
    const generated_language language{heed::random_stream(1)};
    std::set<double> effects;
    for (int word = generated_language::first_cue; word < generated_language::end_of_content; ++word)
        effects.insert(language.read(std::vector<int>{word}).additive);
    CHECK(effects.size() == generated_language::end_of_content - generated_language::first_cue);
}

TEST_CASE("a negator turns the words after it and not those before") {
    const generated_language language{heed::random_stream(2)};
    const int negator = generated_language::first_negator, word = 100, other = 200, general = 2000;
    const auto negation = [&](std::vector<int> tokens) { return language.read(tokens).negation; };
    const double of_word = language.read(std::vector<int>{word}).additive, of_other = language.read(std::vector<int>{other}).additive;
    CHECK(negation({word, negator, general}) - negation({negator, word, general}) == Approx(of_word / 3));
    CHECK(negation({negator, general, word}) == Approx(negation({negator, word, general})));
    CHECK(negation({word, negator, other}) - negation({negator, word, other}) == Approx(of_word / 3));
    CHECK(negation({word, negator, other}) - negation({word, other, negator}) == Approx(-of_other / 3));
    CHECK(negation({negator, general}) == 0);
}

TEST_CASE("a cue counts more before its target than after, and not at all without") {
    const generated_language language{heed::random_stream(2)};
    const int cue = generated_language::first_cue, target = generated_language::first_target, general = 2000;
    const auto cues = [&](std::vector<int> tokens) { return language.read(tokens).cues; };
    CHECK(cues({cue, general, general, target}) > 0);
    CHECK(cues({cue, general, general, target}) == Approx(cues({general, cue, target})));
    CHECK(cues({target, cue}) == Approx(-cues({cue, target})));
    CHECK(cues({cue, cue, general}) == 0);
    CHECK(cues({general, target}) == 0);
}

TEST_CASE("a pair of topics counts wherever its words stand") {
    const generated_language language{heed::random_stream(2)};
    const auto word_about = [&](int topic) {
        int word = generated_language::first_content;
        while (language.class_of(word) / 2 != topic) ++word;
        return word;
    };
    const auto pairs = [&](std::vector<int> tokens) { return language.read(tokens).pairs; };
    const int general = 2000;
    CHECK(pairs({word_about(0), word_about(2)}) > 0);  // they agree
    CHECK(pairs({word_about(0), word_about(1)}) < 0);  // they quarrel
    CHECK(pairs({word_about(1), general, general, word_about(0)}) == Approx(pairs({word_about(0), word_about(1)})));
    CHECK(pairs({word_about(3), word_about(3)}) == Approx(0).margin(1e-12));
    CHECK(pairs({word_about(3)}) == Approx(0).margin(1e-12));
}

TEST_CASE("counting words says next to nothing of negation and cues") {
    // The best guess from a text's words alone, whatever the order, is their mean over orders: take the order away.
    const generator generate(8);
    auto posts = sample(generate, 0, 10'000);
    const auto order_effects = [&] {
        return each(posts, [&](const feed::post& post) { return generate.parts(post).negation + generate.parts(post).cues; });
    };
    const auto told = order_effects();
    for (std::size_t i = 0; i < posts.size(); ++i) {
        heed::random_stream random(8, 0, i);
        auto& words = posts[i].tokens;
        for (auto left = static_cast<std::uint32_t>(words.size()); left > 1; --left) std::swap(words[left - 1], words[random.below(left)]);
    }
    const auto shuffled = order_effects();
    const double correlation = covariance(told, shuffled) / std::sqrt(variance(told) * variance(shuffled));
    CHECK(std::abs(correlation) < 0.15);
    CHECK(variance(shuffled) < 0.5 * variance(told));
}

TEST_CASE("a weighted choice draws in proportion to the weights, and never what weighs nothing") {
    const std::vector<double> weights{1, 0, 5, 2, 0.5, 0, 1.5};
    const feed::weighted_choice choose(weights);
    std::vector<int> drawn(weights.size());
    heed::random_stream random(3);
    for (int i = 0; i < 100'000; ++i) ++drawn[static_cast<std::size_t>(choose(random))];
    for (std::size_t i = 0; i < weights.size(); ++i) CHECK(drawn[i] == Approx(weights[i] * 10'000).margin(400).epsilon(0));
    CHECK(drawn[1] == 0);
    CHECK(drawn[5] == 0);
}
