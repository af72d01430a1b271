#include <heed/train/adam.hpp>

#include <catch2/catch.hpp>

#include <cmath>

#include "../golden/layers.hpp"
#include "plain_parameters.hpp"

namespace train = heed::train;

TEST_CASE("the first step of Adam has the length of the rate, whatever the size of the gradient") {
    plain_parameter weight{.numbers = {0, 0, 0}, .slopes = {1e-4, -7, 1e4}};
    train::adam<double> optimizer;
    optimizer.step(weight, 0.01);
    CHECK(weight.numbers[0] == Approx(-0.01).epsilon(1e-3));
    CHECK(weight.numbers[1] == Approx(0.01));
    CHECK(weight.numbers[2] == Approx(-0.01));
}

TEST_CASE("Adam follows its definition, epsilon outside the root") {
    const double beta1 = 0.8, beta2 = 0.95, epsilon = 0.1, rate = 0.02;
    plain_parameter weight{.numbers = {0.7}, .slopes = {0}};
    train::adam<double> optimizer({.beta1 = beta1, .beta2 = beta2, .epsilon = epsilon});
    double value = 0.7, m = 0, v = 0;
    for (int t = 1; t <= 5; ++t) {
        const double g = std::sin(t) / 3;
        weight.slopes[0] = g;
        optimizer.step(weight, rate);
        m = beta1 * m + (1 - beta1) * g;
        v = beta2 * v + (1 - beta2) * g * g;
        value -= rate * (m / (1 - std::pow(beta1, t))) / (std::sqrt(v / (1 - std::pow(beta2, t))) + epsilon);
        CHECK(weight.numbers[0] == Approx(value).epsilon(1e-13));
    }
    CHECK(optimizer.steps() == 5);
}

TEST_CASE("AdamW shrinks every weight by the same factor; Adam's L2 hardly pulls where gradients are large") {
    const double rate = 0.01, decay = 0.1;
    auto after = [&](auto optimizer, double slope) {
        plain_parameter weight{.numbers = {2}, .slopes = {slope}};
        for (int t = 0; t < 10; ++t) optimizer.step(weight, rate);
        return weight.numbers[0];
    };
    auto l2 = [&](double pull) { return train::adam<double>({.decay = {.weights = pull}}); };
    auto decoupled = [&](double pull) { return train::adamw<double>({.decay = {.weights = pull}}); };

    for (const double slope : {0.01, 100.0}) {
        // Without decay the two are the same; with it, AdamW's value is the shrunken one plus the shrunken steps.
        CHECK(after(l2(0), slope) == after(decoupled(0), slope));
        double value = 2;
        for (int t = 0; t < 10; ++t) value = value * (1 - rate * decay) - rate;       // each step has the length of the rate
        CHECK(after(decoupled(decay), slope) == Approx(value).epsilon(1e-5));
    }
    // L2 goes through both moments: with gradients of 100, a pull of 0.2 changes nothing to be seen.
    CHECK(after(l2(decay), 100.0) == Approx(2 - 10 * rate).epsilon(1e-6));
    CHECK(2 - 10 * rate - after(decoupled(decay), 100.0) > 0.01);
    // Without any gradient L2 still steps by the rate, and AdamW only shrinks.
    CHECK(after(l2(decay), 0.0) == Approx(2 - 10 * rate).epsilon(1e-3));
    CHECK(after(decoupled(decay), 0.0) == Approx(2 * std::pow(1 - rate * decay, 10)));
}

TEST_CASE("settings of Adam that make no sense are errors in words") {
    CHECK_THROWS_WITH(train::adamw<double>({.beta2 = 1}), Catch::Contains("adamw: beta1 and beta2"));
    CHECK_THROWS_WITH(train::adam<double>({.epsilon = 0}), Catch::Contains("epsilon"));
}

TEST_CASE("Adam and AdamW take PyTorch's steps") {
    CHECK(off(four_steps(train::adam<double>({.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .decay = {.weights = 0.1}}), 0.1), golden::layers::adam) < 1e-14);
    CHECK(off(four_steps(train::adamw<double>({.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .decay = {.weights = 0.1}}), 0.1), golden::layers::adamw) < 1e-14);
}
