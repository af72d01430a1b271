#include <heed/train/schedule.hpp>

#include <catch2/catch.hpp>

#include <cmath>

using heed::train::decay;
using heed::train::schedule;

TEST_CASE("the rate climbs along a line to its peak at the end of the warm-up") {
    const schedule rate{.peak = 0.8, .warm_up = 4, .total = 20};
    CHECK(rate(1) == Approx(0.2));
    CHECK(rate(2) == Approx(0.4));
    CHECK(rate(4) == Approx(0.8));
}

TEST_CASE("a cosine is at the middle half way, and ends on the floor") {
    const schedule rate{.peak = 1, .warm_up = 10, .total = 30, .shape = decay::cosine, .floor = 0.1};
    CHECK(rate(20) == Approx(0.55));
    CHECK(rate(15) == Approx(0.1 + 0.9 * (1 + std::cos(std::acos(-1.0) / 4)) / 2));
    CHECK(rate(30) == Approx(0.1));
    CHECK(rate(31) == Approx(0.1));
}

TEST_CASE("a linear decay falls by equal amounts") {
    const schedule rate{.peak = 1, .warm_up = 0, .total = 4, .shape = decay::linear};
    CHECK(rate(1) == Approx(0.75));
    CHECK(rate(2) == Approx(0.5));
    CHECK(rate(3) == Approx(0.25));
    CHECK(rate(4) == 0.0);
}

TEST_CASE("without decay the rate stays at its peak for ever") {
    const schedule rate{.peak = 0.3, .warm_up = 3, .shape = decay::none};
    CHECK(rate(1) == Approx(0.1));
    CHECK(rate(1'000'000) == Approx(0.3));
}

TEST_CASE("a schedule that makes no sense is an error with its numbers") {
    CHECK_THROWS_WITH((schedule{.peak = 1, .total = 5}(0)), Catch::Contains("update 0"));
    CHECK_THROWS_WITH((schedule{.peak = 1, .warm_up = 9, .total = 5}(1)), Catch::Contains("warm-up of 9") && Catch::Contains("into 5"));
    CHECK_THROWS_AS((schedule{.peak = std::nan(""), .total = 5}(1)), heed::value_error);
    CHECK_THROWS_AS((schedule{.peak = -1, .total = 5}(1)), heed::value_error);
}
