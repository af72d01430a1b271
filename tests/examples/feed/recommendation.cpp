#include <feed/recommendation.hpp>

#include "made_up_results.hpp"

#include <catch2/catch.hpp>

using Catch::Matchers::Contains;
using feed::verdict;

namespace {

feed::results with_gain(double gain, double half_interval) {
    auto r = made_up::results();
    r.gain = {gain, half_interval / heed::metrics::normal_975, {gain - half_interval, gain + half_interval}, 0.5};
    return r;
}

}  // namespace

TEST_CASE("Better, by enough, and in time: attention") {
    const auto a = feed::recommendation(with_gain(0.03, 0.004));
    CHECK(a.choice == verdict::classifier);
    CHECK_THAT(a.headline, Contains("Use attention"));
    CHECK_THAT(a.paragraph, Contains("+0.0300 (95 % interval +0.0260 to +0.0340)"));
    CHECK_THAT(a.paragraph, Contains("ranks better, and not by chance"));
    CHECK_THAT(a.paragraph, Contains("batches of up to 32 (14.3 ms); a batch of 128 takes 54.7 ms"));
    CHECK_THAT(a.paragraph, Contains("times what it costs the baseline"));
    CHECK_THAT(a.paragraph, Contains("of the gap between the baseline and them the classifier closes"));
}

TEST_CASE("An interval that includes zero is for the baseline, and says that nothing is shown") {
    const auto a = feed::recommendation(with_gain(0.003, 0.004));
    CHECK(a.choice == verdict::baseline);
    CHECK_THAT(a.headline, Contains("not shown to rank better"));
    CHECK_THAT(a.paragraph, Contains("the interval includes zero"));
    CHECK_THAT(a.paragraph, Contains("a hint and no proof"));                 // the made-up buckets do differ
}

TEST_CASE("An interval below zero says that attention ranks worse") {
    const auto a = feed::recommendation(with_gain(-0.006, 0.002));
    CHECK(a.choice == verdict::baseline);
    CHECK_THAT(a.headline, Contains("ranks worse"));
    CHECK_THAT(a.paragraph, Contains("-0.0060 (95 % interval -0.0080 to -0.0040)"));
}

TEST_CASE("A gain that is real but small does not pay") {
    const auto a = feed::recommendation(with_gain(0.0015, 0.0005));
    CHECK(a.choice == verdict::baseline);
    CHECK_THAT(a.headline, Contains("too little"));
    CHECK_THAT(a.paragraph, Contains("less than the 0.002"));
}

TEST_CASE("A model that is late even for one post is not recommended, however well it ranks") {
    auto r = with_gain(0.05, 0.004);
    for (auto& row : r.classifier.latency) row.milliseconds.p95 += 20;
    const auto a = feed::recommendation(r);
    CHECK(a.choice == verdict::baseline);
    CHECK_THAT(a.headline, Contains("not within the time allowed"));
    CHECK_THAT(a.paragraph, Contains("21.3 ms for a batch of 1 at the 95th percentile, which exceeds the budget of 20 ms"));
}

TEST_CASE("Within the budget means the 95th percentile, up to and including the budget itself") {
    auto r = with_gain(0.05, 0.004);
    r.classifier.latency = {{1, {100, 5, 20, 300, 9, 400}}};
    CHECK(feed::recommendation(r).choice == verdict::classifier);
    r.classifier.latency[0].milliseconds.p95 = 20.001;
    CHECK(feed::recommendation(r).choice == verdict::baseline);
}

TEST_CASE("What was not measured is not recommended upon") {
    auto r = with_gain(0.05, 0.004);
    r.classifier.latency.clear();
    CHECK(feed::recommendation(r).choice == verdict::undecided);
    CHECK_THAT(feed::recommendation(r).paragraph, Contains("Latency was not measured"));
    r.gain.value = r.gain.confidence.low = r.gain.confidence.high = feed::not_measured;
    CHECK(feed::recommendation(r).choice == verdict::undecided);
    CHECK(feed::recommendation(feed::results{}).choice == verdict::undecided);
    CHECK_THAT(feed::recommendation(feed::results{}).paragraph, Contains("no paired difference"));
}

TEST_CASE("The text names weak calibration, and a log-loss that is worse all the same") {
    auto r = with_gain(0.01, 0.004);
    CHECK_THAT(feed::recommendation(r).paragraph, !Contains("recalibrating"));
    r.classifier.overall.calibration_error = 0.031;
    r.classifier.overall.log_loss = r.baseline.overall.log_loss + 0.012;
    const auto a = feed::recommendation(r);
    CHECK_THAT(a.paragraph, Contains("off by 3.1 % on average and want recalibrating"));
    CHECK_THAT(a.paragraph, Contains("Its log-loss is higher all the same, by 0.0120"));
}

TEST_CASE("The length from which attention takes the whole budget is read off the measured line, or told as a guess beyond it") {
    auto r = with_gain(0.03, 0.004);
    CHECK_THAT(feed::recommendation(r).paragraph, Contains("takes the whole budget from about 2,500 tokens on;"));
    for (auto& c : r.scaling.costs) c.fused_milliseconds /= 100;
    CHECK_THAT(feed::recommendation(r).paragraph, Contains("beyond the 4,096 that were measured"));
    for (auto& c : r.scaling.costs) c.fused_milliseconds *= 1e6;
    CHECK_THAT(feed::recommendation(r).paragraph, Contains("exceeds the budget at every length measured, from 64 tokens on"));
    for (auto& c : r.scaling.costs) c.fused_milliseconds = 1;
    CHECK_THAT(feed::recommendation(r).paragraph, Contains("stays within the budget at every length measured, up to 4,096 tokens"));
    r.scaling.costs.clear();
    CHECK_THAT(feed::recommendation(r).paragraph, !Contains("Attention alone"));
}
