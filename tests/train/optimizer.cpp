#include <heed/train/optimizer.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <heed/train/adam.hpp>
#include <heed/train/sgd.hpp>
#include "plain_parameters.hpp"

using heed::nn::role;
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

TEST_CASE("only weights decay unless tables are asked for; biases and gains never do") {
    auto shrunk = [](role kind, train::weight_decay decay) {
        plain_parameter parameter{.numbers = {1}, .kind = kind};
        train::adamw<double> optimizer({.decay = decay});
        optimizer.step(parameter, 0.5);
        return parameter.numbers[0];
    };
    CHECK(shrunk(role::weight, {.weights = 0.1}) == Approx(0.95));
    CHECK(shrunk(role::bias, {.weights = 0.1, .tables = 0.1}) == 1.0);
    CHECK(shrunk(role::gain, {.weights = 0.1, .tables = 0.1}) == 1.0);
    CHECK(shrunk(role::table, {.weights = 0.1}) == 1.0);
    CHECK(shrunk(role::table, {.tables = 0.2}) == Approx(0.9));
}

TEST_CASE("a sparse update moves touched rows as a dense one would, and leaves the others with their moments") {
    plain_table sparse{.columns = 2, .numbers = {1, 2, 3, 4, 5, 6, 7, 8}};
    plain_parameter dense{.numbers = {5, 6}, .kind = role::table};        // row 2 alone
    train::adamw<double> of_sparse, of_dense;

    sparse.touched = {2}; sparse.slopes = {0.3, -0.6};
    dense.slopes = {0.3, -0.6};
    of_sparse.step(sparse, 0.1), of_dense.step(dense, 0.1);
    CHECK(sparse.numbers[4] == dense.numbers[0]);
    CHECK(sparse.numbers[5] == dense.numbers[1]);

    // Rows 0 and 2, out of order. Row 0 begins in step 2, and its bias correction is that of step 2.
    sparse.touched = {2, 0}; sparse.slopes = {0.1, 0.2, 1, -1};
    dense.slopes = {0.1, 0.2};
    of_sparse.step(sparse, 0.1), of_dense.step(dense, 0.1);
    CHECK(sparse.numbers[4] == dense.numbers[0]);
    const double m = 0.1 / (1 - 0.81), v = 0.001 / (1 - 0.999 * 0.999);
    CHECK(sparse.numbers[0] == Approx(1 - 0.1 * m / (std::sqrt(v) + 1e-8)));
    CHECK(sparse.numbers[2] == 3.0);
    CHECK(sparse.numbers[7] == 8.0);

    // Nothing touched: nothing moves, though the moments of rows 0 and 2 are not zero.
    const auto before = sparse.numbers;
    sparse.touched = {}; sparse.slopes = {};
    of_sparse.step(sparse, 0.1);
    CHECK(sparse.numbers == before);
}

TEST_CASE("long arrays, cut into pieces, move as each number would alone") {
    plain_parameter all{.numbers = std::vector<double>(100'003)};
    plain_table rows{.columns = 7, .numbers = std::vector<double>(70'000)};
    for (std::size_t i = 0; i < all.numbers.size(); ++i) all.slopes[i] = std::sin(static_cast<double>(i));
    for (int r = 9'999; r >= 0; r -= 2) {
        rows.touched.push_back(r);
        for (int c = 0; c < 7; ++c) rows.slopes.push_back(r + c);
    }
    train::sgd<double> a, b;
    a.step(all, 2, 0.5), b.step(rows, 1);
    for (std::size_t i = 0; i < all.numbers.size(); ++i)
        if (all.numbers[i] != -std::sin(static_cast<double>(i))) FAIL("number " << i);
    for (int r = 0; r < 10'000; ++r)
        for (int c = 0; c < 7; ++c)
            if (rows.numbers[static_cast<std::size_t>(r * 7 + c)] != (r % 2 == 1 ? -(r + c) : 0)) FAIL("row " << r);
}

TEST_CASE("a frozen parameter stays, and goes on when it is thawed") {
    plain_parameter weight{.numbers = {1}, .slopes = {1}, .frozen = true};
    train::adam<double> optimizer;
    optimizer.step(weight, 0.1);
    CHECK(weight.numbers[0] == 1.0);
    weight.frozen = false;
    optimizer.step(weight, 0.1);
    CHECK(weight.numbers[0] < 1.0);
}

TEST_CASE("settings and steps that make no sense are errors in words") {
    CHECK_THROWS_WITH(train::sgd<double>({.momentum = 1}), Catch::Contains("momentum must lie in [0, 1)"));
    CHECK_THROWS_WITH(train::sgd<double>({.nesterov = true}), Catch::Contains("Nesterov"));
    CHECK_THROWS_WITH(train::adamw<double>({.beta2 = 1}), Catch::Contains("adamw: beta1 and beta2"));
    CHECK_THROWS_WITH(train::adam<double>({.epsilon = 0}), Catch::Contains("epsilon"));

    train::adam<double> optimizer;
    plain_parameter one{.numbers = {1}}, two{.numbers = {1, 2}};
    CHECK_THROWS_WITH(optimizer.step(one, -1), Catch::Contains("rate is -1"));
    optimizer.step(one, 0.1);
    CHECK_THROWS_WITH(optimizer.step(two, 0.1), Catch::Contains("belongs to one model"));
    CHECK(optimizer.steps() == 1);
}
