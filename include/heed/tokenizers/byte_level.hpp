/// GPT-2's view of a text: chunks of bytes, each byte written as a character that can be seen.
#pragma once

#include <heed/tokenizers/utf8.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

#include <utf8proc.h>

namespace heed::tokenizers {

/// The character that stands for a byte in vocab.json and merges.txt: itself where it can be seen (! to ~, and U+00A1 to
/// U+00FF without the soft hyphen), else one of U+0100 to U+0143, in order. A space is U+0120.
constexpr char32_t byte_character(unsigned char byte) noexcept {
    const auto is_seen = [](int b) { return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b != 0xad); };
    if (is_seen(byte)) return byte;
    char32_t c = 0x100;
    for (int b = 0; b < byte; ++b) c += !is_seen(b);
    return c;
}

namespace detail {

/// The byte that a character stands for, or -1.
inline int byte_of_character(char32_t c) noexcept {
    static constexpr auto bytes = [] {
        std::array<short, 0x144> table{};
        table.fill(-1);
        for (int b = 0; b < 256; ++b) table[byte_character(static_cast<unsigned char>(b))] = static_cast<short>(b);
        return table;
    }();
    return c < bytes.size() ? bytes[c] : -1;
}

/// Bytes as the characters that stand for them, in UTF-8.
inline std::string to_characters(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        char character[4];
        text.append(character, encode_utf8(byte_character(static_cast<unsigned char>(byte)), character));
    }
    return text;
}

enum class chunk_kind : unsigned char { letter, number, space, other };

inline chunk_kind kind_of(char32_t c) noexcept {
    if (c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
        (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000)
        return chunk_kind::space;
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO: return chunk_kind::letter;
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_NO: return chunk_kind::number;
        default: return chunk_kind::other;
    }
}

/// Where the characters of this kind end that begin at `at`.
inline const char* end_of_run(const char* at, const char* end, chunk_kind kind) noexcept {
    while (at != end) {
        const char* next = at;
        if (kind_of(decode_utf8(next, end)) != kind) break;
        at = next;
    }
    return at;
}

/// Where the chunk ends that begins at `begin`, which is not `end`.
inline const char* end_of_chunk(const char* begin, const char* end) noexcept {
    const std::string_view rest(begin, static_cast<std::size_t>(end - begin));
    if (*begin == '\'') {
        for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
            if (rest.starts_with(ending)) return begin + ending.size();
    }
    const char* at = begin;
    const chunk_kind first = kind_of(decode_utf8(at, end));
    if (first != chunk_kind::space) return end_of_run(at, end, first);
    if (*begin == ' ' && at != end) {
        const char* next = at;
        const chunk_kind second = kind_of(decode_utf8(next, end));
        if (second != chunk_kind::space) return end_of_run(next, end, second);
    }
    // White space up to the last one before something else: that one goes with what follows, or alone.
    const char* const all = end_of_run(at, end, chunk_kind::space);
    if (all == end || all == at) return all;
    for (const char* next = at; next != all; decode_utf8(next, end)) at = next;
    return at;
}

}  // namespace detail

/// Calls visit(chunk) for the chunks of a text, in order; together they are the text, byte for byte. They are what GPT-2's
/// pattern matches:
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// Letters and numbers are those of the installed utf8proc's Unicode. What is not UTF-8 counts as a sign, and stays as it is.
template <std::invocable<std::string_view> F>
void for_each_chunk(std::string_view text, F&& visit) {
    for (const char *at = text.data(), *const end = at + text.size(); at != end;) {
        const char* const next = detail::end_of_chunk(at, end);
        visit(std::string_view(at, static_cast<std::size_t>(next - at)));
        at = next;
    }
}

}  // namespace heed::tokenizers
