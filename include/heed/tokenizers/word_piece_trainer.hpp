/// Learning a vocabulary of word pieces from texts.
#pragma once

#include <heed/error.hpp>
#include <heed/tokenizers/text.hpp>
#include <heed/tokenizers/utf8.hpp>
#include <heed/tokenizers/word_piece.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
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
            if (w.characters <= longest_word) count(w.text);
            return true;
        });
    }

    /// How many different words there were, those of over 100 characters left out.
    std::size_t distinct_words() const noexcept { return counts_.size(); }

    word_piece train() const;

private:
    static constexpr int special_count = static_cast<int>(word_piece::special_pieces.size());

    /// Lets a map of strings be asked for a view, without making a string of it.
    struct view_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };

    void count(std::string_view text) {
        if (const auto found = counts_.find(text); found != counts_.end()) ++found->second;
        else counts_.emplace(text, 1);
    }

    word_piece_options options_;
    std::unordered_map<std::string, std::int64_t, view_hash, std::equal_to<>> counts_;
};

namespace detail {

/// The words as rows of pieces, and the pairs of neighbours with their counts, kept up to date from merge to merge.
class piece_merger {
public:
    explicit piece_merger(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {
        for (std::size_t id = 0; id < pieces_.size(); ++id) ids_.emplace(pieces_[id], static_cast<int>(id));
    }

    void add_word(std::span<const int> row, std::int64_t count) {
        const auto index = static_cast<std::uint32_t>(words_.size());
        words_.push_back({row_ids_.size(), static_cast<std::uint32_t>(row.size()), count});
        row_ids_.insert(row_ids_.end(), row.begin(), row.end());
        for (std::size_t i = 0; i + 1 < row.size(); ++i) change({row[i], row[i + 1]}, count, index);
    }

    /// Merges the most frequent pair, again and again, until there are `size` pieces or no pair is frequent enough.
    std::vector<std::string> merge(std::size_t size, std::int64_t min_frequency) {
        queue_grown(min_frequency);
        while (pieces_.size() < size && !queue_.empty()) {
            const candidate best = queue_.top();
            queue_.pop();
            const std::int64_t count = pairs_[best.index].count;
            if (count == best.count) {
                merge_pair(best.index);
                queue_grown(min_frequency);
            } else if (count < best.count && count >= min_frequency) {
                queue_.push({count, best.both, best.index});  // other merges took some of its places: it waits for its turn
            }
            // A pair that has grown since is in the queue once more, with what it has now.
        }
        return std::move(pieces_);
    }

private:
    using neighbours = std::pair<int, int>;

    struct pair_of_pieces {
        neighbours both;
        std::int64_t count = 0;
        bool is_listed = false;               // in grown_
        std::vector<std::uint32_t> words{};  // all that hold it, and some that no longer do
    };
    struct word_row {
        std::size_t begin;
        std::uint32_t size;
        std::int64_t count;
    };
    struct candidate {
        std::int64_t count;
        neighbours both;
        std::size_t index;
        /// The queue's top is the most frequent; at a tie that of the older pieces.
        bool operator<(const candidate& other) const { return std::tie(count, other.both) < std::tie(other.count, both); }
    };
    struct neighbours_hash {
        std::size_t operator()(const neighbours& both) const noexcept {
            const auto key = (static_cast<std::uint64_t>(both.first) << 32) | static_cast<std::uint32_t>(both.second);
            return static_cast<std::size_t>((key ^ (key >> 29)) * 0x9e3779b97f4a7c15u);
        }
    };

    void change(neighbours both, std::int64_t by, std::uint32_t word) {
        const auto [found, is_new] = pair_index_.try_emplace(both, pairs_.size());
        if (is_new) pairs_.push_back({both});
        pair_of_pieces& pair = pairs_[found->second];
        pair.count += by;
        if (by < 0) return;
        if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(word);
        if (!std::exchange(pair.is_listed, true)) grown_.push_back(found->second);
    }

    /// The number of the piece that a pair becomes. Two pairs may become the same: a + ##bc and ab + ##c.
    int merged(neighbours both) {
        std::string piece = pieces_[static_cast<std::size_t>(both.first)];
        piece += placed_piece(pieces_[static_cast<std::size_t>(both.second)]).letters;
        const auto [found, is_new] = ids_.try_emplace(piece, static_cast<int>(pieces_.size()));
        if (is_new) pieces_.push_back(std::move(piece));
        return found->second;
    }

    void queue_grown(std::int64_t min_frequency) {
        for (const std::size_t i : grown_) {
            pairs_[i].is_listed = false;
            if (pairs_[i].count >= min_frequency) queue_.push({pairs_[i].count, pairs_[i].both, i});
        }
        grown_.clear();
    }

    void merge_pair(std::size_t index) {
        const neighbours both = pairs_[index].both;
        const int whole = merged(both);
        const auto words = std::exchange(pairs_[index].words, {});
        for (const std::uint32_t word : words) merge_in_word(word, both, whole);
    }

    /// Each merge in  ... before left right after ...  takes (before, left), (left, right), (right, after) away and brings
    /// (before, whole), (whole, after). The row is shortened in place.
    void merge_in_word(std::uint32_t word, neighbours both, int whole) {
        word_row& row = words_[word];
        int* const ids = row_ids_.data() + row.begin;
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < row.size; ++i) {
            if (i + 1 == row.size || ids[i] != both.first || ids[i + 1] != both.second) {
                ids[kept++] = ids[i];
                continue;
            }
            change(both, -row.count, word);
            if (kept > 0) {
                change({ids[kept - 1], both.first}, -row.count, word);
                change({ids[kept - 1], whole}, row.count, word);
            }
            if (i + 2 < row.size) {
                change({both.second, ids[i + 2]}, -row.count, word);
                change({whole, ids[i + 2]}, row.count, word);
            }
            ids[kept++] = whole;
            ++i;
        }
        row.size = kept;
    }

    std::vector<std::string> pieces_;
    std::unordered_map<std::string, int> ids_;
    std::vector<int> row_ids_;
    std::vector<word_row> words_;
    std::vector<pair_of_pieces> pairs_;
    std::unordered_map<neighbours, std::size_t, neighbours_hash> pair_index_;
    std::vector<std::size_t> grown_;  // pairs that are not yet queued with what they have now
    std::priority_queue<candidate> queue_;
};

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
    for (const auto& [text, count] : counts_) {
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

    detail::piece_merger merger(std::move(pieces));
    std::vector<int> row;
    for (const auto& [text, count] : counts_) {
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
