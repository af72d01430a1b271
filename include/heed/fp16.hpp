/// fp16, IEEE 754's binary16: five bits of exponent, eleven of precision. heed stores it and computes in float; GPUs multiply it.
#pragma once

#include <heed/target.hpp>

#include <cstdint>

namespace heed {

/// A float kept in 16 bits: up to 65,504, to 2^-24. Conversion from float rounds to nearest, ties to even; what is beyond becomes
/// infinite; a NaN stays a NaN, and is quiet.
struct fp16 {
    std::uint16_t bits = 0;

    fp16() = default;

    HEED_HOST_DEVICE constexpr explicit fp16(float value) noexcept {
        const auto all = __builtin_bit_cast(std::uint32_t, value), size = all & 0x7fffffffu;
        std::uint32_t rounded = 0;
        if (size > infinite) rounded = 0x7e00u;
        else if (size >= too_large) rounded = 0x7c00u;
        else if (size < smallest_normal) rounded = __builtin_bit_cast(std::uint32_t, __builtin_bit_cast(float, size) + 0.5f) - half;   // 0.5 has steps of 2^-24
        else rounded = (size - ((127u - 15u) << 23) + 0xfffu + (size >> 13 & 1u)) >> 13;       // adding half of the last kept place carries when rounding is up
        bits = static_cast<std::uint16_t>(rounded | (all >> 16 & 0x8000u));
    }

    HEED_HOST_DEVICE constexpr operator float() const noexcept {
        const std::uint32_t sign = (bits & 0x8000u) << 16, size = (bits & 0x7fffu) << 13;
        std::uint32_t all = size + ((127u - 15u) << 23);
        if (size >= 0x7c00u << 13) all = size + ((255u - 31u) << 23);
        else if (size < 0x400u << 13) all = __builtin_bit_cast(std::uint32_t, static_cast<float>(bits & 0x3ffu) * 0x1p-24f);
        return __builtin_bit_cast(float, all | sign);
    }

private:
    static constexpr std::uint32_t infinite = 0x7f800000u, too_large = 0x477ff000u, smallest_normal = 0x38800000u, half = 0x3f000000u;
};

static_assert(sizeof(fp16) == 2);

}  // namespace heed
