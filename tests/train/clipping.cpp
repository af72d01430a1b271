#include <heed/train/clipping.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "plain_parameters.hpp"

namespace train = heed::train;

namespace {
plain_model with_gradients() {
    plain_model model{.words = {.columns = 2, .numbers = {1, 2, 3, 4}}, .block = {{.weight = {.numbers = {1, 2}}}}};
    model.words.touched = {1};
    model.words.slopes = {1, 2};                    // row 1, looked up several times: their sum
    model.block[0].weight.slopes = {4, 0};
    model.block[0].bias.slopes = {2};
    return model;                                   // squares 1 + 4 + 16 + 4 = 25
}
}  // namespace

TEST_CASE("the global norm is that of all gradients as one vector, sparse rows included") {
    CHECK(train::global_norm(with_gradients()) == Approx(5));
    CHECK(train::global_norm(with_gradients(), 0.1) == Approx(0.5));
}

TEST_CASE("what is longer than the limit is shortened to it, and nothing else is changed") {
    const auto model = with_gradients();
    const auto long_one = train::clip_by_global_norm(model, 2);
    CHECK(long_one.norm == Approx(5));
    CHECK(long_one.scale == Approx(2.0 / 5));
    CHECK(train::global_norm(model, long_one.scale) == Approx(2));
    const auto short_one = train::clip_by_global_norm(model, 2, 0.25);
    CHECK(short_one.norm == Approx(1.25));
    CHECK(short_one.scale == 0.25);
}

TEST_CASE("frozen parameters do not count") {
    auto model = with_gradients();
    model.block[0].weight.frozen = true;
    CHECK(train::global_norm(model) == Approx(3));
}

TEST_CASE("a gradient that is not finite is an error that names the parameter") {
    auto model = with_gradients();
    model.block[0].bias.slopes[0] = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_WITH(train::clip_by_global_norm(model, 1), Catch::Contains("block0.bias"));
    CHECK_THROWS_WITH(train::clip_by_global_norm(with_gradients(), 0), Catch::Contains("limit"));
}

TEST_CASE("the norm of a long vector agrees with a plain sum, over any length") {
    for (const std::size_t size : {0, 1, 15, 16, 17, 8191, 8192, 8193, 1'000'003}) {
        plain_parameter weight{.numbers = std::vector<double>(size)};
        long double squares = 0;
        for (std::size_t i = 0; i < size; ++i) {
            weight.slopes[i] = std::cos(static_cast<double>(i));
            squares += static_cast<long double>(weight.slopes[i]) * weight.slopes[i];
        }
        CHECK(train::global_norm(weight) == Approx(static_cast<double>(std::sqrt(squares))).epsilon(1e-12));
    }
}
