// An encoder of bf16 on a GPU: the same layers, half the bytes.
#include "simulator.hpp"

#include <heed/heed.hpp>
#include <heed/nn/copy.hpp>

#include <catch2/catch.hpp>

#include <cmath>

using namespace heed;

namespace {
struct post : axis<> {};
struct token : axis<> {};
struct model : axis<16> {};
struct hidden : axis<32> {};
struct head : axis<2> {};
struct depth : axis<8> {};
using posts = ragged<post, token>;
template <class T> using encoder = nn::transformer_encoder<T, token, model, head, depth, hidden>;
}  // namespace

TEST_CASE("an encoder of bf16 computes what one of float does, to its eight bits") {
    encoder<float> here(2);
    nn::initialise(here, 5);
    encoder<cuda::on<bf16>> there(2);
    nn::copy_values(here, there);
    tensor<float, posts, model> x(posts{5, 0, 17, 1});
    for (std::ptrdiff_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
    cuda::tensor<bf16, posts, model> x_there = as<bf16>(x);
    const tensor<float, posts, model> expected = here.forward(x, nn::everything{});
    const tensor<float, posts, model> computed = as<float>(there.forward(x_there, nn::everything{}));
    double worst = 0;
    for (std::ptrdiff_t i = 0; i < expected.size(); ++i) worst = std::max(worst, double(std::abs(computed.data()[i] - expected.data()[i])));
    CHECK(worst < 6e-2);
    CHECK(worst > 0);
}
