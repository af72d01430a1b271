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

TEST_CASE("a step that makes no sense, or of another model, is an error in words and changes nothing") {
    train::adam<double> optimizer;
    plain_parameter one{.numbers = {1}}, two{.numbers = {1, 2}};
    CHECK_THROWS_WITH(optimizer.step(one, -1), Catch::Contains("rate is -1"));
    optimizer.step(one, 0.1);
    CHECK_THROWS_WITH(optimizer.step(two, 0.1), Catch::Contains("belongs to one model"));
    CHECK(optimizer.steps() == 1);
}
