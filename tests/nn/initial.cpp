#include <heed/nn/initial.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
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
    const auto [least, most] = std::minmax_element(a.first.values().begin(), a.first.values().end());
    CHECK(*least >= -std::sqrt(6.0f / 500));
    CHECK(*most <= std::sqrt(6.0f / 500));
    CHECK(*most > 0.99f * std::sqrt(6.0f / 500));
    CHECK(deviation(a.second) == Approx(0.02).epsilon(0.02));
    CHECK(a.third.value(7) == 1.0f);
    CHECK(a.first.value(0, 0) != b.first.value(0, 0));
    CHECK(a.second.value(3, 4) == c.second.value(3, 4));
}
