#include <heed/metrics/latency.hpp>

#include "../golden/metrics.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <cmath>
#include <vector>

using namespace heed::metrics;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

TEST_CASE("Percentiles by nearest rank agree with numpy's inverted_cdf") {
    CHECK(percentile(golden::metrics::second, 50) == golden::metrics::percentile_50);
    CHECK(percentile(golden::metrics::second, 95) == golden::metrics::percentile_95);
    CHECK(percentile(golden::metrics::second, 99) == golden::metrics::percentile_99);
}

TEST_CASE("A percentile is one of the values, and 95 % of 20 values is the nineteenth") {
    std::vector<int> twenty;
    for (int i = 20; i >= 1; --i) twenty.push_back(i);
    CHECK(percentile(twenty, 50) == 10);
    CHECK(percentile(twenty, 95) == 19);
    CHECK(percentile(twenty, 95.1) == 20);
    CHECK(percentile(twenty, 100) == 20);
    CHECK(percentile(twenty, 0.1) == 1);
    CHECK(percentile(std::vector{7.0}, 99) == 7);
}

TEST_CASE("A recorder keeps milliseconds, summarizes them, and never allocates after its construction") {
    latency_recorder latency(100);
    latency.record(1us);
    const double* memory = latency.milliseconds().data();
    for (int i = 2; i <= 100; ++i) latency.record(i * 1us);
    CHECK(latency.full());
    CHECK(latency.milliseconds().data() == memory);
    const auto summary = latency.summary();
    CHECK(summary.samples == 100);
    CHECK(summary.p50 == Approx(0.050));
    CHECK(summary.p95 == Approx(0.095));
    CHECK(summary.p99 == Approx(0.099));
    CHECK(summary.worst == Approx(0.100));
    CHECK(summary.mean == Approx(0.0505));
    CHECK_THROWS_WITH(latency.record(1ms), Contains("room for 100 samples"));
    latency.clear();
    CHECK_NOTHROW(latency.record(1ms));
    CHECK(latency.milliseconds().data() == memory);
}

TEST_CASE("A recorder measures the work it is given") {
    latency_recorder latency(1);
    latency.measure([] {
        const auto start = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() - start < 2ms) {}
    });
    CHECK(latency.summary().p50 >= 2);
}

TEST_CASE("Latency says what is wrong with its input") {
    CHECK_THROWS_WITH(percentile(std::vector<double>{}, 50), Contains("no values"));
    CHECK_THROWS_WITH(percentile(std::vector{1.0}, 0), Contains("not in (0, 100]"));
    CHECK_THROWS_WITH(percentile(std::vector{1.0}, 101), Contains("not in (0, 100]"));
    CHECK_THROWS_WITH(percentile(std::vector{std::nan("")}, 50), Contains("NaN"));
    latency_recorder latency(1);
    CHECK_THROWS_AS(latency.summary(), heed::value_error);
    CHECK_THROWS_AS(latency.record(-1ms), heed::value_error);
}
