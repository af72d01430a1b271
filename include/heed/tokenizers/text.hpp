/// From a text to its words, as uncased BERT sees them.
///
///     for_each_word("Crème brûlée, 40€!", visit)      // creme  brulee  ,  40€  !
///
/// The steps, in this order: control characters go and white space becomes a space; Chinese characters get spaces around
/// them; the text is taken apart into letters and marks (NFD) and the marks are stripped; capitals become small. Then it is
/// split at white space, and each punctuation mark is a word of its own. The outcome is that of Hugging Face's
/// BertNormalizer and BertPreTokenizer on every text, character by character (tests/tokenizers/bert_characters.cpp holds it to that).
/// Bytes that are not UTF-8 are read as U+FFFD, which the first step removes: see decode_utf8.
#pragma once

#include <heed/tokenizers/bert_characters.hpp>
#include <heed/tokenizers/utf8.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace heed::tokenizers {

/// A word of more characters than this is one that no vocabulary holds.
inline constexpr std::size_t longest_word = 100;

/// A word in normal form.
struct word {
    std::string_view text;   // its first `longest_word` characters; valid until the visitor returns
    std::size_t characters;  // all of them
};

namespace detail {

/// Marks that wait for their order. NFD has the marks behind a letter in ascending order of their combining classes, equal
/// ones as they came; nearly all are stripped before they get here.
class waiting_marks {
public:
    bool empty() const noexcept { return size_ == 0; }

    /// Passes the marks on, in order. As the rest, false if the receiver has had enough.
    template <std::predicate<char32_t> Emit>
    bool release(Emit& emit) {
        const std::size_t size = std::exchange(size_, 0);
        for (std::size_t i = 0; i < size; ++i) {
            if (!emit(marks_[i].character)) return false;
        }
        return true;
    }

    template <std::predicate<char32_t> Emit>
    bool add(char32_t character, int combining_class, Emit& emit) {
        if (size_ == marks_.size() && !release(emit)) return false;
        std::size_t at = size_++;
        for (; at > 0 && marks_[at - 1].combining_class > combining_class; --at) marks_[at] = marks_[at - 1];
        marks_[at] = {character, combining_class};
        return true;
    }

private:
    struct mark {
        char32_t character;
        int combining_class;
    };
    std::array<mark, longest_word + 1> marks_;
    std::size_t size_ = 0;
};

/// 0 for what is removed, else what the character becomes.
inline constexpr auto normal_ascii = [] {
    std::array<char, 128> normal{};
    for (char32_t c = 0; c < normal.size(); ++c) {
        const character_kind kind = kind_of_ascii(c);
        if (kind == character_kind::space) normal[c] = ' ';
        else if (kind != character_kind::removed) normal[c] = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    return normal;
}();

/// Passes on what one character becomes: nothing, itself, a small letter, several.
template <std::predicate<char32_t> Emit>
bool normalize_character(char32_t c, waiting_marks& waiting, Emit& emit) {
    const character_kind kind = kind_of(c);
    if (kind == character_kind::removed) return true;
    if (kind == character_kind::space) return waiting.release(emit) && emit(U' ');
    if (kind == character_kind::ideograph && !(waiting.release(emit) && emit(U' '))) return false;

    const decomposition parts = decompose(c);
    for (std::size_t i = 0; i < parts.size; ++i) {
        const auto part = static_cast<char32_t>(parts.characters[i]);
        if (kind_of(part) == character_kind::mark) {
            // Stripped; but one of class 0 parts those before it from those behind it.
            const bool parts_others = !waiting.empty() && utf8proc_get_property(parts.characters[i])->combining_class == 0;
            if (parts_others && !waiting.release(emit)) return false;
        } else if (const int order = combining_class(part)) {
            if (!waiting.add(lower_case(part), order, emit)) return false;
        } else if (!(waiting.release(emit) && emit(lower_case(part)))) {
            return false;
        }
    }
    return kind != character_kind::ideograph || emit(U' ');
}

}  // namespace detail

/// Passes the characters of the text's normal form to emit(char32_t), one by one, until it returns false; returns whether
/// it never did. Allocates nothing. (Of more than 101 marks in a row that are not stripped, such as tone marks of Hangul,
/// each 101 are put in order by themselves. No word of a vocabulary is as long.)
template <std::predicate<char32_t> Emit>
bool normalize(std::string_view text, Emit&& emit) {
    detail::waiting_marks waiting;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        const auto byte = static_cast<unsigned char>(*at);
        if (byte < 0x80) {
            ++at;
            const char c = detail::normal_ascii[byte];
            if (c == 0) continue;
            if (!waiting.empty() && !waiting.release(emit)) return false;
            if (!emit(static_cast<char32_t>(c))) return false;
        } else if (!detail::normalize_character(decode_utf8(at, end), waiting, emit)) {
            return false;
        }
    }
    return waiting.release(emit);
}

/// The text's normal form: what BertNormalizer makes of it.
inline std::string normalized(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    normalize(text, [&](char32_t c) {
        char bytes[4];
        out.append(bytes, encode_utf8(c, bytes));
        return true;
    });
    return out;
}

/// Passes each word of the text's normal form to visit(const word&), until it returns false; returns whether it never did.
/// Allocates nothing.
template <std::predicate<const word&> Visit>
bool for_each_word(std::string_view text, Visit&& visit) {
    std::array<char, 4 * longest_word> bytes;
    std::size_t size = 0;
    std::size_t characters = 0;

    const auto add = [&](char32_t c) {
        if (characters++ >= longest_word) return;
        if (c < 0x80) bytes[size++] = static_cast<char>(c);
        else size += encode_utf8(c, bytes.data() + size);
    };
    const auto finish = [&] {
        if (characters == 0) return true;
        const word complete{{bytes.data(), size}, characters};
        size = characters = 0;
        return static_cast<bool>(visit(complete));
    };
    const auto split = [&](char32_t c) {
        switch (kind_of(c)) {
            case character_kind::space: return finish();
            case character_kind::punctuation: {
                if (!finish()) return false;
                add(c);
                return finish();
            }
            default: add(c); return true;
        }
    };
    return normalize(text, split) && finish();
}

}  // namespace heed::tokenizers
