#include <heed/nn/activations.hpp>

#include <catch2/catch.hpp>

#include <type_traits>

#include "layers.hpp"

using namespace layers;

namespace {
struct model : axis<4> {};
struct hidden : axis<> {};
using padded_input = tensor<float, token, model, batch>;
using ragged_input = tensor<float, texts, model>;
}  // namespace

TEST_CASE("activations have the axes that the equations give them") {
    STATIC_REQUIRE(std::is_same_v<nn::like<const ragged_input&>, ragged_input>);
    STATIC_REQUIRE(std::is_same_v<nn::projected<padded_input, model, hidden>, tensor<float, token, batch, hidden>>);
    STATIC_REQUIRE(std::is_same_v<nn::reduced<padded_input, token>, tensor<float, model, batch>>);
    STATIC_REQUIRE(std::is_same_v<nn::reduced<ragged_input, token>, tensor<float, batch, model>>);
    STATIC_REQUIRE(std::is_same_v<nn::renamed<ragged_input, token, attended<token>>, tensor<float, ragged<batch, attended<token>>, model>>);
    STATIC_REQUIRE(std::is_same_v<nn::looked_up<double, tensor<int, texts>, model>, tensor<double, texts, model>>);
    ragged_input x(texts{2, 0, 3}), y;
    nn::take_shape(y, x);
    CHECK(y.size() == x.size());
    CHECK(y.offsets() == x.offsets());
}
