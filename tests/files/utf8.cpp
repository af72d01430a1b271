#include <heed/files/utf8.hpp>

#include <catch2/catch.hpp>

#include <string>

using heed::files::first_invalid_utf8;

namespace {

constexpr std::size_t npos = std::string_view::npos;

/// UTF-8 by its definition: the bits of every number, spread over as few bytes as hold them.
std::string encoded(unsigned code) {
    const auto byte = [](unsigned value) { return static_cast<char>(static_cast<unsigned char>(value)); };
    if (code < 0x80) return {byte(code)};
    if (code < 0x800) return {byte(0xc0 + code / 64), byte(0x80 + code % 64)};
    if (code < 0x10000) return {byte(0xe0 + code / 4096), byte(0x80 + code / 64 % 64), byte(0x80 + code % 64)};
    return {byte(0xf0 + code / 262144), byte(0x80 + code / 4096 % 64), byte(0x80 + code / 64 % 64), byte(0x80 + code % 64)};
}

}  // namespace

TEST_CASE("every code point but the surrogates is valid, and none above U+10FFFF") {
    std::size_t wrong = 0;
    for (unsigned code = 0; code < 0x140000; ++code) {
        const bool exists = code < 0x110000 && !(code >= 0xd800 && code < 0xe000);
        wrong += (first_invalid_utf8(encoded(code)) == npos) != exists;
    }
    CHECK(wrong == 0);
}

TEST_CASE("of all strings of two and three bytes just as many are valid as there are to write") {
    // n(1) = 128 ASCII characters, n(2) = 1920 of two bytes, n(3) = 61440 of three; a string is a sequence of them.
    const std::size_t two = 128 * 128 + 1920, three = 128 * 128 * 128 + 2 * 128 * 1920 + 61440;
    std::size_t valid_twos = 0, valid_threes = 0;
    for (unsigned bytes = 0; bytes < 1u << 24; ++bytes) {
        const char text[3] = {static_cast<char>(bytes & 255), static_cast<char>(bytes >> 8 & 255), static_cast<char>(bytes >> 16)};
        valid_threes += first_invalid_utf8({text, 3}) == npos;
        if (bytes < 1u << 16) valid_twos += first_invalid_utf8({text, 2}) == npos;
    }
    CHECK(valid_twos == two);
    CHECK(valid_threes == three);
}

TEST_CASE("the place of the first broken sequence is found wherever it stands") {
    for (std::size_t before = 0; before < 40; ++before) {
        const std::string start = std::string(before, 'a') + "é";
        CHECK(first_invalid_utf8(start + "\xe2\x82") == start.size());                // cut short at the end
        CHECK(first_invalid_utf8(start + "\xc0\xaf" + "abc") == start.size());        // an overlong slash
        CHECK(first_invalid_utf8(start + "\x80" + std::string(40, 'b')) == start.size());
        CHECK(first_invalid_utf8(start + "€" + std::string(40, 'b') + "𝄞") == npos);
    }
}
