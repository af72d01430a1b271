/// bfloat16, the upper half of a float: eight bits of exponent, eight of precision. heed stores it and computes in float.
#pragma once

#include <heed/target.hpp>

#include <cstdint>

namespace heed {

/// A float kept in 16 bits. Conversion from float rounds to nearest, ties to even; a NaN stays a NaN, and is quiet.
struct bf16 {
    std::uint16_t bits = 0;

    bf16() = default;

    HEED_HOST_DEVICE constexpr explicit bf16(float value) noexcept {
        const auto all = __builtin_bit_cast(std::uint32_t, value);
        // Adding half of the last kept place, less one where that place is even, carries exactly when rounding is up.
        bits = (all & 0x7fffffffu) > 0x7f800000u ? static_cast<std::uint16_t>((all >> 16) | 0x40u)
                                                 : static_cast<std::uint16_t>((all + 0x7fffu + ((all >> 16) & 1u)) >> 16);
    }

    HEED_HOST_DEVICE constexpr operator float() const noexcept { return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16); }
};

static_assert(sizeof(bf16) == 2);

}  // namespace heed
