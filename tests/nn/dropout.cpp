#include <heed/nn/dropout.hpp>

#include <catch2/catch.hpp>

#include <cmath>

#include "layers.hpp"

using namespace layers;

namespace {
struct model : axis<64> {};
}

TEST_CASE("dropout zeroes its share of the numbers and keeps their mean") {
    tensor<float, batch, model> x(batch{1000});
    x = 1.0f;
    const nn::dropout drop(0.25);
    auto y = x;
    y = drop(x, nn::random_key{1, 2});
    int zeros = 0;
    double sum = 0;
    for (const float value : y) {
        CHECK_FALSE((value != 0 && std::abs(value - 4 / 3.0f) > 1e-6f));
        zeros += value == 0;
        sum += static_cast<double>(value);
    }
    // 64,000 draws: a deviation of sqrt(n p q) = 110
    CHECK(std::abs(zeros - 16000) < 550);
    CHECK(sum / 64000 == Approx(1).margin(0.01));
}

TEST_CASE("the same key drops the same numbers, forward and backward; another seed, step or site others") {
    tensor<double, texts, model> x(texts{2, 0, 3});
    x = 1.0;
    const nn::dropout drop(0.5);
    auto dropped = [&](nn::random_key key) {
        auto y = x;
        y = drop(x, key);
        return y;
    };
    auto differing = [](const auto& a, const auto& b) {
        int count = 0;
        for (int i = 0; i < a.size(); ++i) count += a.data()[i] != b.data()[i];
        return count;
    };
    const nn::random_key key{5, 6};
    const auto first = dropped(key);
    CHECK(differing(first, dropped(key)) == 0);
    for (const auto& other : {nn::random_key{4, 6}, nn::random_key{5, 7}, key.site(0), key.site(1), key.site(1).site(0)}) {
        const int differ = differing(first, dropped(other));
        CHECK(differ > 100);         // of 320, half on average
        CHECK(differ < 220);
    }
}

TEST_CASE("the gradient of dropout is its slope") {
    tensor<double, batch, token, of_the_type::model> shape(batch{2}, token{3});
    nn::dropout drop(0.3);
    auto trace = nn::trace_for(drop, shape);
    auto dy = shape;
    const nn::random_key key{1, 1};
    CHECK(worst(drop, shape, [&](const auto& x, auto&& accumulate) {
              const double loss = weigh(drop.forward(x, key, trace), dy);
              accumulate(drop.backward(dy, key, trace));
              return loss;
          }) < 1e-6);
    CHECK_THROWS_WITH(nn::dropout(1.0), Catch::Contains("rate must lie in [0, 1)"));
}
