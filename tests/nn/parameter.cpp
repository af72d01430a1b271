#include <heed/nn/parameter.hpp>

#include <catch2/catch.hpp>

#include <cmath>

#include "layers.hpp"

using namespace layers;

namespace {
struct rows : axis<300> {};
struct columns : axis<200> {};

struct two {
    nn::parameter<float, rows, columns> first{nn::role::weight, nn::xavier_uniform(300, 200)};
    nn::parameter<float, rows, columns> second{nn::role::table, nn::scaled_normal(0.02)};
    nn::parameter<float, columns> third{nn::role::gain, nn::constant(1)};
    static void parts(auto& self, auto&& part) {
        part("first", self.first);
        part("second", self.second);
        part("third", self.third);
    }
};
struct only_second {
    nn::parameter<float, rows, columns> second{nn::role::table, nn::scaled_normal(0.02)};
    static void parts(auto& self, auto&& part) { part("second", self.second); }
};
}  // namespace

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

TEST_CASE("initial values follow their distribution, the seed and the name, and nothing else") {
    two a, b;
    only_second c;
    nn::initialise(a, 1), nn::initialise(b, 2), nn::initialise(c, 1);
    auto deviation = [](const auto& parameter) {
        double sum = 0;
        for (const double x : parameter.values()) sum += x * x;
        return std::sqrt(sum / static_cast<double>(parameter.values().size()));
    };
    CHECK(deviation(a.first) == Approx(std::sqrt(2.0 / 500)).epsilon(0.02));
    for (const float x : a.first.values()) CHECK_FALSE(std::abs(x) > std::sqrt(6.0f / 500));
    CHECK(deviation(a.second) == Approx(0.02).epsilon(0.02));
    CHECK(a.third.value(7) == 1.0f);
    CHECK(a.first.value(0, 0) != b.first.value(0, 0));
    CHECK(a.second.value(3, 4) == c.second.value(3, 4));
}
