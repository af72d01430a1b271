#include <heed/nn/linear.hpp>

#include <catch2/catch.hpp>

#include "layers.hpp"

using namespace layers;

TEMPLATE_TEST_CASE("the gradients of a projection are its slopes, in every shape", "", of_the_type, of_the_run) {
    using model = typename TestType::model;
    using projection = nn::linear<double, model, typename TestType::hidden>;
    CHECK(worst(make<projection, TestType>(), padded<double, model>()) < 1e-6);
    CHECK(worst(make<projection, TestType>(), turned<double, model>()) < 1e-6);
    CHECK(worst(make<projection, TestType>(), packed<double, model>()) < 1e-6);
}

TEST_CASE("a projection is x W + b, whatever axes x has beside") {
    struct in : axis<2> {};
    struct out : axis<3> {};
    nn::linear<float, in, out> layer;
    layer.weight.value = tensor<float, in, out>{{1, 2, 3}, {4, 5, 6}};
    layer.bias.value = tensor<float, out>{0.5f, 0, -1};
    const tensor<float, in> x{1, 10};
    const auto y = layer.forward(x);
    CHECK(y(0) == 41.5f);
    CHECK(y(1) == 52.0f);
    CHECK(y(2) == 62.0f);
    const tensor<float, batch, in> many{{1, 10}, {0, 1}};
    CHECK(layer.forward(many)(1, 2) == 5.0f);
}

TEST_CASE("gradients of parameters add up over passes until they are cleared") {
    struct in : axis<2> {};
    struct out : axis<1> {};
    nn::linear<double, in, out> layer;
    const tensor<double, batch, in> x{{1, 2}, {3, 4}};
    const tensor<double, batch, out> dy{{1}, {10}};
    auto trace = nn::trace_for(layer, x);
    layer.backward(dy, x, trace);
    layer.backward(dy, x, trace);
    CHECK(layer.weight.gradient(1, 0) == 84.0);
    CHECK(layer.bias.gradient(0) == 22.0);
    nn::clear_gradients(layer);
    CHECK(layer.weight.gradient(1, 0) == 0.0);
}
