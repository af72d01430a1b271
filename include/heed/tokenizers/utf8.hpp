/// Reading and writing code points, for texts that nobody vouches for.
#pragma once

#include <cstddef>

namespace heed::tokenizers {

/// What stands for bytes that are not UTF-8.
inline constexpr char32_t replacement_character = 0xfffd;

/// The code point at `at`, which moves past it; `at` != `end`.
///
/// Bytes that are not UTF-8 become U+FFFD, one for each maximal part that a valid sequence could have begun with, as the
/// Unicode standard recommends (chapter 3.9, table 3-8), browsers do, and Python's errors="replace": F0 80 80 is three of
/// them, F0 90 80 one. Any bytes whatever can be read; the same bytes always read alike.
inline char32_t decode_utf8(const char*& at, const char* end) noexcept {
    const unsigned lead = static_cast<unsigned char>(*at++);
    if (lead < 0x80) return lead;

    // Only the second byte's range depends on the first: it keeps out overlong forms, surrogates and what is above U+10FFFF.
    unsigned least = 0x80;
    unsigned most = 0xbf;
    int more = 0;
    char32_t c = 0;
    if (lead >= 0xc2 && lead <= 0xdf) {
        more = 1;
        c = lead & 0x1f;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        more = 2;
        c = lead & 0x0f;
        if (lead == 0xe0) least = 0xa0;
        if (lead == 0xed) most = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        more = 3;
        c = lead & 0x07;
        if (lead == 0xf0) least = 0x90;
        if (lead == 0xf4) most = 0x8f;
    } else {
        return replacement_character;
    }

    for (; more > 0; --more, ++at, least = 0x80, most = 0xbf) {
        if (at == end) return replacement_character;
        const unsigned byte = static_cast<unsigned char>(*at);
        if (byte < least || byte > most) return replacement_character;
        c = (c << 6) | (byte & 0x3f);
    }
    return c;
}

/// Writes a code point as one to four bytes, and returns how many. `c` is a Unicode scalar value.
inline std::size_t encode_utf8(char32_t c, char* out) noexcept {
    const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3f)); };
    if (c < 0x80) {
        out[0] = static_cast<char>(c);
        return 1;
    }
    if (c < 0x800) {
        out[0] = static_cast<char>(0xc0 | (c >> 6));
        out[1] = tail(0);
        return 2;
    }
    if (c < 0x10000) {
        out[0] = static_cast<char>(0xe0 | (c >> 12));
        out[1] = tail(6);
        out[2] = tail(0);
        return 3;
    }
    out[0] = static_cast<char>(0xf0 | (c >> 18));
    out[1] = tail(12);
    out[2] = tail(6);
    out[3] = tail(0);
    return 4;
}

}  // namespace heed::tokenizers
