// An encoder of bf16 or fp16 on a GPU: the same layers, half the bytes.
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

TEMPLATE_TEST_CASE("an encoder of 16 bits computes what one of float does, to what it holds", "", bf16, fp16) {
    encoder<float> here(2);
    nn::initialise(here, 5);
    encoder<cuda::on<TestType>> there(2);
    nn::copy_values(here, there);
    tensor<float, posts, model> x(posts{5, 0, 17, 1});
    for (std::ptrdiff_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
    cuda::tensor<TestType, posts, model> x_there = as<TestType>(x);
    const tensor<float, posts, model> expected = here.forward(x, nn::everything{});
    const tensor<float, posts, model> computed = as<float>(there.forward(x_there, nn::everything{}));
    double worst = 0;
    for (std::ptrdiff_t i = 0; i < expected.size(); ++i) worst = std::max(worst, double(std::abs(computed.data()[i] - expected.data()[i])));
    CHECK(worst < (std::is_same_v<TestType, bf16> ? 6e-2 : 8e-3));
    CHECK(worst > 0);
}
