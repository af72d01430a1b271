#include <heed/nn/embedding.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <vector>

#include "layers.hpp"

using namespace layers;

namespace {
struct vocabulary : axis<> {};
struct place : axis<> {};
struct column : axis<3> {};
struct level : axis<> {};
struct model : axis<4> {};

/// Finite differences of a layer that looks up ids.
template <class Layer, class Ids>
double worst_of_table(Layer& layer, const Ids& ids) {
    auto trace = nn::trace_for(layer, ids);
    auto dy = trace.y;
    unsigned seed = 3;
    nn::visit(layer, [&](std::string_view, auto& parameter) { auto values = parameter.values(); fill(values, seed++); });
    const auto step = [&] {
        const auto& y = layer.forward(ids, trace);
        const double loss = weigh(y, dy);
        layer.backward(dy, ids, trace);
        return loss;
    };
    return train::gradient_check(layer, step, {.print = nullptr}).largest();
}
}  // namespace

TEST_CASE("the gradient of an embedding is its slope, and rows looked up several times have their sum") {
    nn::embedding<double, vocabulary, model> layer(vocabulary{7});
    CHECK(worst_of_table(layer, tensor<int, batch, token>{{6, 1, 1}, {3, 6, 6}}) < 1e-6);
    tensor<int, texts> ids(texts{2, 0, 3});
    ids = 2 * position<token>() + position<batch>();
    CHECK(worst_of_table(layer, ids) < 1e-6);
}

TEST_CASE("a token outside the vocabulary is an error") {
    nn::embedding<float, vocabulary, model> layer(vocabulary{5});
    const tensor<int, token> ids{1, 5};
    CHECK_THROWS_AS(layer.forward(ids), heed::value_error);
}

TEST_CASE("learnt positions are added within each sequence, and their gradient is the slope") {
    nn::learned_positions<double, token, place, model> positions(place{6});
    tensor<double, texts, model> ragged_x(texts{2, 0, 5});
    fill(ragged_x);
    tensor<double, batch, token, model> padded_x(batch{2}, token{3});
    fill(padded_x);
    auto check = [&](const auto& shape) {
        auto y = shape, dy = shape;
        return worst(positions, shape, [&](const auto& x, auto&& accumulate) {
            y = x + positions();
            const double loss = weigh(y, dy);
            positions.backward(dy);
            accumulate(dy);
            return loss;
        });
    };
    CHECK(check(ragged_x) < 1e-6);
    CHECK(check(padded_x) < 1e-6);
    const tensor<double, texts, model> y = ragged_x + positions();
    CHECK(y(2, 1, 3) == ragged_x(2, 1, 3) + positions.table.value(1, 3));
}

TEST_CASE("sinusoidal positions have the values of their definition, and turn alike everywhere") {
    const nn::sinusoidal_positions<double, token, place, model> positions(place{50});
    tensor<double, token, model> x(token{50});
    x = x + positions();
    CHECK(x(0, 0) == 0.0);
    CHECK(x(0, 1) == 1.0);
    CHECK(x(7, 0) == Approx(std::sin(7.0)));
    CHECK(x(7, 3) == Approx(std::cos(7 / 100.0)));
    auto agree = [&](int s, int t) { double sum = 0; for (int m = 0; m < 4; ++m) sum += x(s, m) * x(t, m); return sum; };
    CHECK(agree(3, 8) == Approx(agree(20, 25)));
}

TEST_CASE("categories of several columns are looked up each in its own table, and their gradients are slopes") {
    nn::category_embedding<double, column, level, model> layer(std::vector<int>{2, 5, 3});
    CHECK(nn::parameter_count(layer) == 10 * 4);
    const tensor<int, batch, column> ids{{1, 4, 0}, {0, 4, 2}};
    CHECK(worst_of_table(layer, ids) < 1e-6);
    const auto y = layer.forward(ids);
    for (int m = 0; m < 4; ++m) {
        CHECK(y(0, 0, m) == layer.table.value(1, m));
        CHECK(y(0, 1, m) == layer.table.value(2 + 4, m));
        CHECK(y(1, 2, m) == layer.table.value(7 + 2, m));
    }
    CHECK_THROWS_WITH(layer.forward(tensor<int, batch, column>{{1, 4, 3}, {2, 4, 2}}), Catch::Contains("column 0 has 2 levels"));
    CHECK_THROWS_AS((nn::category_embedding<double, column, level, model>(std::vector<int>{2, 0, 3})), heed::value_error);
}
