#include <heed/nn/feed_forward.hpp>

#include <catch2/catch.hpp>

#include "../golden/layers.hpp"
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

TEST_CASE("both forms of GELU have PyTorch's values") {
    tensor<double, token> x(token{12});
    wave(x, 3);
    x = 4 * x;
    const tensor<double, token> by_erf = nn::gelu_by_erf::value(x), by_tanh = nn::gelu_by_tanh::value(x);
    CHECK(off(by_erf, golden::layers::gelu_by_erf) < 1e-14);
    CHECK(off(by_tanh, golden::layers::gelu_by_tanh) < 1e-14);
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
