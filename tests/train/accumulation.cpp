#include <heed/train/accumulation.hpp>

#include <catch2/catch.hpp>

TEST_CASE("batches weigh by what they count: the mean is that of all examples, not of the batches' means") {
    heed::train::accumulation sums;
    CHECK(sums.mean_loss() == 0);
    CHECK(sums.gradient_scale() == 0);
    sums.add(6.0, 2);       // mean 3
    sums.add(1.0, 8);       // mean 1/8
    CHECK(sums.count() == 10);
    CHECK(sums.mean_loss() == Approx(0.7));
    CHECK(sums.gradient_scale() == Approx(0.1));
    sums.clear();
    CHECK(sums.count() == 0);
    CHECK_THROWS_AS(sums.add(1, -1), heed::value_error);
}
