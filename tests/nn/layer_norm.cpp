#include <heed/nn/layer_norm.hpp>

#include <catch2/catch.hpp>

#include <cmath>

#include "layers.hpp"

using namespace layers;

TEMPLATE_TEST_CASE("the gradients of layer normalisation are its slopes, in every shape", "", of_the_type, of_the_run) {
    using model = typename TestType::model;
    using norm = nn::layer_norm<double, model>;
    CHECK(worst(make<norm, TestType>(), padded<double, model>()) < 1e-6);
    CHECK(worst(make<norm, TestType>(), turned<double, model>()) < 1e-6);
    CHECK(worst(make<norm, TestType>(), packed<double, model>()) < 1e-6);
}

TEST_CASE("a new layer norm gives rows of mean 0 and variance 1, the variance over n") {
    struct model : axis<4> {};
    const nn::layer_norm<double, model> norm;
    const tensor<double, batch, model> x{{1, 2, 3, 4}, {5, 5, 5, 5}};
    const auto y = norm.forward(x);
    for (int i = 0; i < 4; ++i) {
        CHECK(y(0, i) == Approx((i - 1.5) / std::sqrt(1.25 + 1e-5)));
        CHECK(y(1, i) == 0.0);
    }
    auto trace = nn::trace_for(norm, x);
    const auto& kept = norm.forward(x, trace);
    for (int i = 0; i < 4; ++i) CHECK(kept(0, i) == Approx(y(0, i)));
}
