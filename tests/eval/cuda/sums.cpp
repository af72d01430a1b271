// Sums over much on a GPU: cut among blocks, whole again.
#include "simulator.hpp"

#include <heed/heed.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

using namespace heed;

namespace {
struct batch : axis<> {};
struct token : axis<> {};
struct model : axis<> {};
using texts = ragged<batch, token>;

template <class T, class... A>
double worst(const tensor<T, A...>& a, const tensor<T, A...>& b) {
    double most = a.size() == b.size() ? 0 : INFINITY;
    for (std::ptrdiff_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(double(a.data()[i]) - double(b.data()[i])) / (1 + std::abs(double(b.data()[i]))));
    return most;
}
void fill(auto& t) {
    std::mt19937 random(3);
    std::uniform_real_distribution<float> number(-1, 1);
    for (float& x : t) x = number(random);
}
}  // namespace

TEST_CASE("a sum over all positions, as of a bias's gradient, in parts") {
    for (const int models : {1, 5, 64}) {
        tensor<float, batch, token, model> x(batch{7}, token{601}, model{models});
        fill(x);
        const cuda::tensor<float, batch, token, model> there = x;
        const long before = simulated::device::launches;
        const tensor<float, model> sums = sum<batch, token>(there), means = exp(mean<batch, token>(there));
        CHECK(simulated::device::launches - before == 4);
        CHECK(worst(sums, tensor<float, model>(reference::eval(sum<batch, token>(x)))) < 1e-4);
        CHECK(worst(means, tensor<float, model>(reference::eval(exp(mean<batch, token>(x))))) < 1e-5);
    }
}

TEST_CASE("long rows, whole and ragged, in parts") {
    tensor<float, batch, token> x(batch{3}, token{4096});
    fill(x);
    const cuda::tensor<float, batch, token> there = x;
    CHECK(worst(tensor<float, batch>(sum<token>(there)), tensor<float, batch>(reference::eval(sum<token>(x)))) < 1e-4);
    CHECK(worst(tensor<float, batch>(max<token>(there)), tensor<float, batch>(reference::eval(max<token>(x)))) == 0);
    CHECK(float(sum<batch, token>(there)) == Approx(float(reference::eval(sum<batch, token>(x)))).margin(1e-3));

    tensor<float, texts, model> packed(texts{3000, 0, 17, 2111}, model{3});
    fill(packed);
    const cuda::tensor<float, texts, model> packed_there = packed;
    CHECK(worst(tensor<float, batch, model>(mean<token>(packed_there)), tensor<float, batch, model>(reference::eval(mean<token>(packed)))) < 1e-4);
    CHECK(worst(tensor<float, model>(sum<batch, token>(packed_there)), tensor<float, model>(reference::eval(sum<batch, token>(packed)))) < 1e-4);
}
