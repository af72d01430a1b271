#include <heed/fp16.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

using heed::fp16;

TEST_CASE("fp16 keeps what it can hold, and every one of its numbers comes back") {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        fp16 x;
        x.bits = static_cast<std::uint16_t>(bits);
        const float value = x;
        if (std::isnan(value)) {
            if (!std::isnan(static_cast<float>(fp16(value)))) FAIL("a NaN is lost");
        } else if (fp16(value).bits != x.bits) FAIL("bits " << bits << " come back as " << fp16(value).bits);
    }
    CHECK(static_cast<float>(fp16(65504.0f)) == 65504.0f);
    CHECK(static_cast<float>(fp16(-0.0f)) == 0.0f);
    CHECK(fp16(-0.0f).bits == 0x8000);
    CHECK(static_cast<float>(fp16(0x1p-24f)) == 0x1p-24f);
}

TEST_CASE("fp16 rounds to nearest, ties to even") {
    CHECK(static_cast<float>(fp16(1 + 0x1p-11f)) == 1);                   // halfway to 1 + 2^-10: even is below
    CHECK(static_cast<float>(fp16(1 + 3 * 0x1p-11f)) == 1 + 2 * 0x1p-10f);
    CHECK(static_cast<float>(fp16(1 + 0x1p-11f + 0x1p-20f)) == 1 + 0x1p-10f);
    CHECK(static_cast<float>(fp16(0x1p-25f)) == 0);
    CHECK(static_cast<float>(fp16(3 * 0x1p-25f)) == 2 * 0x1p-24f);
    CHECK(static_cast<float>(fp16(65519.0f)) == 65504.0f);
    CHECK(std::isinf(static_cast<float>(fp16(65520.0f))));
    CHECK(static_cast<float>(fp16(-std::numeric_limits<float>::infinity())) == -std::numeric_limits<float>::infinity());
    CHECK(std::isnan(static_cast<float>(fp16(std::numeric_limits<float>::quiet_NaN()))));
}
