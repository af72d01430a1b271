#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include <heed/bf16.hpp>

using heed::bf16;

TEST_CASE("a number that fits bf16 comes back as it was") {
    for (const float x : {0.0f, 1.0f, -1.0f, 0.5f, 255.0f, -0x1.fep100f, 0x1p-133f}) CHECK(static_cast<float>(bf16(x)) == x);
    CHECK(std::signbit(static_cast<float>(bf16(-0.0f))));
}

TEST_CASE("bf16 rounds to nearest, ties to even") {
    CHECK(static_cast<float>(bf16(1.0f + 0x1p-8f)) == 1.0f);
    CHECK(static_cast<float>(bf16(1.0f + 0x1p-8f + 0x1p-20f)) == 1.0f + 0x1p-7f);
    CHECK(static_cast<float>(bf16(1.0f + 3 * 0x1p-8f)) == 1.0f + 0x1p-6f);
    CHECK(static_cast<float>(bf16(-1.0f - 3 * 0x1p-8f)) == -1.0f - 0x1p-6f);
}

TEST_CASE("bf16 keeps infinities and NaN, and what is beyond its range becomes an infinity") {
    const float infinity = std::numeric_limits<float>::infinity();
    CHECK(static_cast<float>(bf16(infinity)) == infinity);
    CHECK(static_cast<float>(bf16(-infinity)) == -infinity);
    CHECK(static_cast<float>(bf16(std::numeric_limits<float>::max())) == infinity);
    CHECK(std::isnan(static_cast<float>(bf16(std::numeric_limits<float>::quiet_NaN()))));
    CHECK(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(0x7f800001u)))));
}
