/// Learning a vocabulary of word pieces from texts.
#pragma once

#include <heed/error.hpp>
#include <heed/tokenizers/piece_merger.hpp>
#include <heed/tokenizers/text.hpp>
#include <heed/tokenizers/utf8.hpp>
#include <heed/tokenizers/word_piece.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace heed::tokenizers {

struct word_piece_options {
    int size = 50'000;               // pieces at most, special ones and single characters included
    std::int64_t min_frequency = 2;  // a pair that occurs more rarely is not merged
    int alphabet = 1000;             // characters at most, the most frequent ones
};

/// Counts the words of texts, then makes a vocabulary of the characters and the letters that often stand together.
///
///     tokenizers::word_piece_trainer trainer({.size = 30'000});
///     for (const auto& post : posts) trainer.add(post.text);
///     const auto pieces = trainer.train();
///
/// The rule is that of Hugging Face's WordPieceTrainer, which is byte-pair encoding's: at first every character of a word is
/// a piece; then, again and again, the two neighbours that stand together most often are merged into one piece, until there
/// are `size` pieces or no pair occurs `min_frequency` times. Ties go to the older pieces, so that the same words, in any
/// order, give the same vocabulary. (Hugging Face's ties fall by chance.)
///
/// Pieces in order: the special ones, the alphabet by code point, its characters as they continue words, the merged ones as
/// they came. Words with a character outside the alphabet, or of over 100 characters, would be [UNK] and are left out; every
/// other word of the texts can be encoded.
///
/// Needs about 100 bytes for each distinct word, and 400 while it trains.
class word_piece_trainer {
public:
    /// value_error where an option is out of range.
    explicit word_piece_trainer(word_piece_options options = {}) : options_(options) {
        if (options.size <= special_count) {
            throw value_error("a vocabulary of " + std::to_string(options.size) + " pieces has no room beside the " +
                              std::to_string(special_count) + " special ones");
        }
        if (options.min_frequency < 1) {
            throw value_error("the least frequency of a pair is " + std::to_string(options.min_frequency) + "; it must be 1 or more");
        }
        if (options.alphabet < 1) {
            throw value_error("an alphabet of " + std::to_string(options.alphabet) + " characters is none; it must have 1 or more");
        }
    }

    /// Counts the words of a text.
    void add(std::string_view text) {
        for_each_word(text, [&](const word& w) {
            if (w.characters <= longest_word) counts_.add(w.text);
            return true;
        });
    }

    /// How many different words there were, those of over 100 characters left out.
    std::size_t distinct_words() const noexcept { return counts_.all().size(); }

    word_piece train() const;

private:
    static constexpr int special_count = static_cast<int>(word_piece::special_pieces.size());

    word_piece_options options_;
    detail::word_counts counts_;
};

namespace detail {

/// What two pieces of a word become: the second goes on, and loses its "##".
inline std::string joined_word_pieces(const std::string& left, const std::string& right) { return left + std::string(placed_piece(right).letters); }

/// How often a character occurs, and whether ever behind another one of its word.
struct character_count {
    std::int64_t count = 0;
    bool continues = false;
};

/// Calls f(character, whether it begins the word).
template <std::invocable<char32_t, bool> F>
void for_each_character(std::string_view text, F&& f) {
    for (const char *begin = text.data(), *end = begin + text.size(), *at = begin; at != end;) {
        const bool begins = at == begin;
        f(decode_utf8(at, end), begins);
    }
}

inline std::string to_utf8(char32_t c) {
    char bytes[4];
    return std::string(bytes, encode_utf8(c, bytes));
}

}  // namespace detail

inline word_piece word_piece_trainer::train() const {
    std::map<char32_t, detail::character_count> seen;
    for (const auto& [text, count] : counts_.all()) {
        detail::for_each_character(text, [&, n = count](char32_t c, bool begins) {
            auto& character = seen[c];
            character.count += n;
            character.continues |= !begins;
        });
    }

    // The alphabet: the most frequent characters, as far as they have room in both forms that they occur in.
    std::vector<std::pair<char32_t, detail::character_count>> characters(seen.begin(), seen.end());
    std::ranges::stable_sort(characters, std::greater{}, [](const auto& c) { return c.second.count; });
    characters.resize(std::min(characters.size(), static_cast<std::size_t>(options_.alphabet)));
    int room = options_.size - special_count;
    std::erase_if(characters, [&](const auto& c) {
        const int forms = c.second.continues ? 2 : 1;
        if (forms > room) return true;
        room -= forms;
        return false;
    });
    std::ranges::sort(characters, {}, [](const auto& c) { return c.first; });

    struct character_ids {
        int begins, continues;
    };
    std::unordered_map<char32_t, character_ids> alphabet;
    std::vector<std::string> pieces(word_piece::special_pieces.begin(), word_piece::special_pieces.end());
    const auto next = [&](std::string piece) {
        pieces.push_back(std::move(piece));
        return static_cast<int>(pieces.size()) - 1;
    };
    for (const auto& [c, _] : characters) alphabet[c].begins = next(detail::to_utf8(c));
    for (const auto& [c, character] : characters) {
        if (character.continues) alphabet[c].continues = next(std::string(continuation) + detail::to_utf8(c));
    }

    detail::piece_merger merger(std::move(pieces), detail::joined_word_pieces);
    std::vector<int> row;
    for (const auto& [text, count] : counts_.all()) {
        row.clear();
        bool is_covered = true;
        detail::for_each_character(text, [&](char32_t c, bool begins) {
            const auto found = alphabet.find(c);
            if (found == alphabet.end()) is_covered = false;
            else row.push_back(begins ? found->second.begins : found->second.continues);
        });
        if (is_covered && row.size() > 1) merger.add_word(row, count);
    }
    return word_piece(merger.merge(static_cast<std::size_t>(options_.size), options_.min_frequency));
}

/// The vocabulary of a range of texts.
template <std::ranges::input_range Texts>
    requires std::convertible_to<std::ranges::range_reference_t<Texts>, std::string_view>
word_piece train_word_piece(Texts&& texts, word_piece_options options = {}) {
    word_piece_trainer trainer(options);
    for (auto&& text : texts) trainer.add(text);
    return trainer.train();
}

}  // namespace heed::tokenizers
