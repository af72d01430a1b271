#include <heed/train/sgd.hpp>

#include <catch2/catch.hpp>

#include "../golden/layers.hpp"
#include "plain_parameters.hpp"

namespace train = heed::train;

TEST_CASE("plain gradient descent goes against the gradient by the rate") {
    plain_parameter weight{.numbers = {1, -2}, .slopes = {0.5, 0.25}};
    train::sgd<double> optimizer;
    optimizer.step(weight, 0.1);
    CHECK(weight.numbers[0] == Approx(1 - 0.05));
    CHECK(weight.numbers[1] == Approx(-2 - 0.025));
}

TEST_CASE("momentum adds the steps before, and Nesterov's looks one ahead") {
    plain_parameter plain{.numbers = {0}, .slopes = {1}}, ahead = plain;
    train::sgd<double> heavy({.momentum = 0.9}), nesterov({.momentum = 0.9, .nesterov = true});
    for (int t = 0; t < 3; ++t) heavy.step(plain, 1), nesterov.step(ahead, 1);
    // velocities 1, 1.9, 2.71
    CHECK(plain.numbers[0] == Approx(-(1 + 1.9 + 2.71)));
    CHECK(ahead.numbers[0] == Approx(-(1.9 + (1 + 0.9 * 1.9) + (1 + 0.9 * 2.71))));
}

TEST_CASE("settings of SGD that make no sense are errors in words") {
    CHECK_THROWS_WITH(train::sgd<double>({.momentum = 1}), Catch::Contains("momentum must lie in [0, 1)"));
    CHECK_THROWS_WITH(train::sgd<double>({.nesterov = true}), Catch::Contains("Nesterov"));
}

TEST_CASE("SGD takes PyTorch's steps") {
    CHECK(off(four_steps(train::sgd<double>({.momentum = 0.9, .decay = {.weights = 0.01}}), 0.1), golden::layers::sgd) < 1e-14);
    CHECK(off(four_steps(train::sgd<double>({.momentum = 0.9, .nesterov = true}), 0.1), golden::layers::nesterov) < 1e-14);
}
