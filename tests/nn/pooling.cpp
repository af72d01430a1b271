#include <heed/nn/pooling.hpp>

#include <catch2/catch.hpp>

#include <limits>

#include "layers.hpp"

using namespace layers;

TEST_CASE("the gradients of mean pooling are its slopes, in every shape") {
    using model = of_the_type::model;
    using pooling = nn::mean_pooling<token>;
    CHECK(worst(pooling(), padded<double, model>()) < 1e-6);
    CHECK(worst(pooling(), turned<double, model>()) < 1e-6);
    CHECK(worst(pooling(), packed<double, model>()) < 1e-6);
}

TEST_CASE("and so behind a mask") {
    const auto shape = padded<double, of_the_type::model>();
    const tensor<int, batch> lengths{3, 0};
    nn::mean_pooling<token> pooling;
    auto trace = nn::trace_for(pooling, shape);
    auto dy = trace.y;
    CHECK(worst(pooling, shape, [&](const auto& x, auto&& accumulate) {
              const auto mask = position<token>() < lengths;
              const double loss = weigh(pooling.forward(x, mask, trace), dy);
              accumulate(pooling.backward(dy, x, mask, trace));
              return loss;
          }) < 1e-6);
}

TEST_CASE("a masked mean counts what it sees: NaN behind the mask has no influence, and a mean over nothing is 0") {
    struct model : axis<2> {};
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const tensor<float, batch, token, model> x{{{1, 2}, {3, 6}, {nan, nan}}, {{nan, 1}, {1, nan}, {1, 1}}};
    const tensor<int, batch> lengths{2, 0};
    nn::mean_pooling<token> pooling;
    auto trace = nn::trace_for(pooling, x);
    const auto& y = pooling.forward(x, position<token>() < lengths, trace);
    CHECK(y(0, 0) == 2.0f);
    CHECK(y(0, 1) == 4.0f);
    CHECK(y(1, 0) == 0.0f);
    const tensor<float, batch, model> dy{{1, 1}, {1, 1}};
    const auto& dx = pooling.backward(dy, x, position<token>() < lengths, trace);
    CHECK(dx(0, 1, 0) == 0.5f);
    CHECK(dx(0, 2, 0) == 0.0f);
    CHECK(dx(1, 2, 1) == 0.0f);
}

TEST_CASE("each ragged text has a mean of its own, an empty one 0") {
    struct model : axis<1> {};
    tensor<float, texts, model> x(texts{2, 0, 3});
    x = broadcast<batch, model>(1 + position<token>());
    nn::mean_pooling<token> pooling;
    auto trace = nn::trace_for(pooling, x);
    const auto& y = pooling.forward(x, trace);
    CHECK(y(0, 0) == 1.5f);
    CHECK(y(1, 0) == 0.0f);
    CHECK(y(2, 0) == 2.0f);
}
