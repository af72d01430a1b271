#include <heed/generate/draw.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

using namespace heed;

TEST_CASE("the bound of a weight is never below it by more than rounding, and at most 6.2 % above") {
    const generate::weight_bound bound({2.0f, 0.7});
    const generate::token_weight weight{2.0f, 0.7};
    std::array<float, cpu::simd<float>::lanes> logits, bounds;
    for (float x = -55; x < 40; x += 0.37f) {
        for (float& l : logits) l = x += 0.0071f;
        cpu::from_bits<float>(bound(cpu::simd<float>::load(logits.data())).value).store(bounds.data());
        for (std::size_t i = 0; i < logits.size(); ++i) {
            const double ratio = static_cast<double>(bounds[i]) / weight(logits[i]);
            CHECK(ratio > 1 - 5e-5);
            CHECK(ratio < 1.062);
        }
    }
}

TEST_CASE("the bound of a logit of -infinity is 0, at whatever temperature") {
    const cpu::simd<float> nothing(-std::numeric_limits<float>::infinity());
    for (const double temperature : {1e-300, 1e-3, 1.0, 1e30}) {
        const generate::weight_bound bound({1e30f, temperature});
        CHECK(reduce_max(bound(nothing)) == 0);
    }
}

TEST_CASE("a reference far below another logit, and a NaN, are noticed before anything is drawn") {
    for (const float wrong : {89.0f, 200.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        for (const std::size_t n : {1, 3, 16, 300, 1000}) {
            std::vector<float> logits(n, 0.0f);
            logits[n - 1] = wrong;
            random_stream random(1);
            CHECK_FALSE(generate::draw(cpu::row_blocks(logits), {0, 1}, generate::every_token{}, [](auto) { return true; }, random));
            CHECK(random.bits() == random_stream(1).bits());
        }
    }
}
