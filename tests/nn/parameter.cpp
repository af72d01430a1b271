#include <heed/nn/parameter.hpp>

#include <catch2/catch.hpp>

#include "layers.hpp"

using namespace layers;

TEST_CASE("a parameter takes the sizes that it has, and leaves the others") {
    struct model : axis<> {};
    struct hidden : axis<3> {};
    const nn::parameter<float, hidden, model, prime<model>> square(batch{9}, model{5});
    CHECK(square.shape() == std::vector<std::int64_t>{3, 5, 5});
    CHECK(square.values().size() == 75);
    const nn::parameter<float, hidden> fixed(batch{9}, model{5});
    CHECK(fixed.values().size() == 3);
}

TEST_CASE("a parameter accumulates the sum over all axes that it lacks") {
    struct in : axis<2> {};
    struct out : axis<2> {};
    nn::parameter<double, out, in> weight;
    tensor<double, texts, in> x(texts{2, 0, 1});
    tensor<double, texts, out> dy(texts{2, 0, 1});
    fill(x), fill(dy, 2);
    weight.accumulate(x * dy);
    weight.accumulate(x * dy);
    for (int i = 0; i < 2; ++i)
        for (int o = 0; o < 2; ++o) {
            double sum = 0;
            for (int row = 0; row < 3; ++row) sum += x.data()[2 * row + i] * dy.data()[2 * row + o];
            CHECK(weight.gradient(o, i) == Approx(2 * sum));
        }
    weight.clear_gradient();
    CHECK(weight.gradient(1, 1) == 0.0);
}
