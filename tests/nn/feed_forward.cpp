#include <heed/nn/feed_forward.hpp>

#include <catch2/catch.hpp>

#include <cmath>

#include "layers.hpp"

using namespace layers;

TEMPLATE_TEST_CASE("the gradients of the feed-forward network are its slopes, in every shape", "", of_the_type, of_the_run) {
    using model = typename TestType::model;
    using network = nn::feed_forward<double, model, typename TestType::hidden>;
    CHECK(worst(make<network, TestType>(), padded<double, model>()) < 1e-6);
    CHECK(worst(make<network, TestType>(), packed<double, model>()) < 1e-6);
}

TEMPLATE_TEST_CASE("and so with GELU by tanh and with a rectifier", "", nn::gelu_by_tanh, nn::rectifier) {
    using network = nn::feed_forward<double, of_the_type::model, of_the_type::hidden, TestType>;
    CHECK(worst(network(), padded<double, of_the_type::model>()) < 1e-6);
}

TEST_CASE("both forms of GELU have the values of their definitions") {
    const tensor<double, token> x{-3, -1, -0.1, 0, 0.5, 2};
    const tensor<double, token> by_erf = nn::gelu_by_erf::value(x), by_tanh = nn::gelu_by_tanh::value(x);
    for (int i = 0; i < 6; ++i) {
        const double exact = 0.5 * x(i) * (1 + std::erf(x(i) / std::sqrt(2.0)));
        CHECK(by_erf(i) == Approx(exact).margin(1e-15));
        CHECK(by_tanh(i) == Approx(exact).margin(5e-4));
        const double u = std::sqrt(2 / std::acos(-1.0)) * (x(i) + 0.044715 * x(i) * x(i) * x(i));
        CHECK(by_tanh(i) == Approx(0.5 * x(i) * (1 + std::tanh(u))).margin(1e-15));
    }
}

TEST_CASE("the pass without a trace gives what the pass with one gives") {
    nn::feed_forward<float, of_the_type::model, of_the_type::hidden> network;
    nn::initialise(network, 3);
    auto x = packed<float, of_the_type::model>();
    fill(x);
    auto trace = nn::trace_for(network, x);
    const auto plain = network.forward(x);
    const auto& kept = network.forward(x, trace);
    for (int i = 0; i < plain.size(); ++i) CHECK(plain.data()[i] == Approx(kept.data()[i]).margin(1e-6));
}
