#include <heed/metrics/perplexity.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <vector>

using namespace heed::metrics;
using Catch::Matchers::Contains;

TEST_CASE("A model that knows nothing of k tokens has perplexity k") {
    for (double k : {1.0, 2.0, 50000.0}) {
        perplexity_sum sum;
        sum.add(std::log(k), 17);
        CHECK(sum.perplexity() == Approx(k));
        CHECK(sum.bits_per_token() == Approx(std::log2(k)).margin(1e-12));
    }
}

TEST_CASE("Batches weigh by their tokens, so that how the text is cut into batches changes nothing") {
    const std::vector<double> losses{1.0, 2.0, 4.0};
    CHECK(perplexity(losses, std::vector{1, 2, 1}) == Approx(std::exp((1 + 4 + 4) / 4.0)));
    CHECK(perplexity(std::vector{1.0, (4.0 + 4.0) / 3}, std::vector{1, 3}) == Approx(perplexity(losses, std::vector{1, 2, 1})));
    perplexity_sum sum;
    sum.add(1.0, 1), sum.add(99.0, 0), sum.add(2.0, 2), sum.add(4.0, 1);
    CHECK(sum.tokens() == 4);
    CHECK(sum.mean_loss() == Approx(2.25));
}

TEST_CASE("Perplexity says what is wrong with its input") {
    CHECK_THROWS_WITH(perplexity_sum().perplexity(), Contains("no tokens"));
    CHECK_THROWS_WITH(perplexity_sum().add(std::nan(""), 3), Contains("nats is none"));
    CHECK_THROWS_WITH(perplexity_sum().add(-0.1, 3), Contains("nats is none"));
    CHECK_THROWS_WITH(perplexity(std::vector{1.0}, std::vector{1, 2}), Contains("1 losses for 2 numbers of tokens"));
    CHECK_THROWS_WITH(perplexity(std::vector{1.0}, std::vector{-1}), Contains("batch 0 has -1"));
    CHECK_THROWS_AS(perplexity(std::vector{1.0}, std::vector{0}), heed::value_error);
}
