/// The checksum CRC-32 of gzip, PNG and zlib.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace heed::files {

/// CRC-32 (polynomial 0x04c11db7, bits reversed: 0xedb88320) of all bytes given so far.
///
/// A CRC finds every burst of damage up to 32 bits, so every flipped byte, and any other damage but for one case in 2^32.
/// It is no protection against someone who wants to deceive. The equal of zlib's `crc32`, here so that saving a model
/// needs no library.
///
/// Eight bytes a step: table[k][b] is the remainder of the byte b with k zero bytes after it, and remainders add up by
/// exclusive or (M. Kounavis and F. Berry, "Novel table lookup-based algorithms for high-performance CRC generation", 2008).
class crc32_sum {
public:
    void add(std::span<const std::byte> bytes) noexcept {
        static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number, lowest first");
        const std::byte* at = bytes.data();
        std::size_t left = bytes.size();
        for (; left >= 8; at += 8, left -= 8) {
            std::uint64_t word;
            std::memcpy(&word, at, 8);
            word ^= state_;
            state_ = 0;
            for (unsigned k = 0; k < 8; ++k) state_ ^= tables[7 - k][(word >> (8 * k)) & 0xff];
        }
        for (; left > 0; ++at, --left) {
            state_ = (state_ >> 8) ^ tables[0][(state_ ^ static_cast<std::uint32_t>(*at)) & 0xff];
        }
    }

    void add(std::string_view text) noexcept { add(std::as_bytes(std::span(text))); }

    std::uint32_t value() const noexcept { return ~state_; }

private:
    using table = std::array<std::uint32_t, 256>;

    static constexpr std::array<table, 8> make_tables() {
        std::array<table, 8> made{};
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            std::uint32_t remainder = byte;
            for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0xedb88320u : 0u);
            made[0][byte] = remainder;
        }
        for (std::size_t k = 1; k < 8; ++k) {
            for (std::size_t byte = 0; byte < 256; ++byte) {
                const std::uint32_t before = made[k - 1][byte];
                made[k][byte] = (before >> 8) ^ made[0][before & 0xff];
            }
        }
        return made;
    }

    static const std::array<table, 8> tables;
    std::uint32_t state_ = 0xffffffffu;
};

inline constexpr std::array<crc32_sum::table, 8> crc32_sum::tables = crc32_sum::make_tables();

}  // namespace heed::files
