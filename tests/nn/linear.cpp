#include <heed/nn/linear.hpp>

#include <catch2/catch.hpp>

#include <sstream>

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

TEST_CASE("a packed projection computes the same, until its weights are written") {
    using in = of_the_run::model;
    using out = of_the_run::hidden;
    nn::linear<float, in, out> layer(in{70}, out{130});
    nn::initialise(layer, 4);
    const auto with = [&](int rows) {
        tensor<float, batch, in> x(batch{rows}, in{70});
        fill(x);
        return layer.forward(x);
    };
    const auto off = [](const auto& a, const auto& b) { return max<batch, out>(abs(a - b)); };
    const auto text = [&] {
        std::ostringstream plan;
        const tensor<float, batch, in> x(batch{5}, in{70});
        plan << explain(layer(x));
        return plan.str();
    };
    const auto one = with(1), some = with(37), many = with(200);
    CHECK(text().find("packed before") == std::string::npos);
    nn::pack(layer);
    CHECK(text().find("packed before") != std::string::npos);
    CHECK(off(with(1), one) < 1e-5);
    CHECK(off(with(37), some) < 1e-5);
    CHECK(off(with(200), many) < 1e-5);

    nn::pack<bf16>(layer);
    CHECK(off(with(200), many) < 0.02);
    CHECK(off(with(200), many) > 0);
    nn::pack(layer);
    const auto copy = layer;                    // with its pack
    for (float& w : layer.weight.values()) w += 1;
    CHECK(text().find("packed before") == std::string::npos);
    CHECK(off(with(37), some) > 0.1);
    layer = copy;
    CHECK(off(with(37), some) < 1e-5);
}
