/// Learning a vocabulary of byte pairs from texts.
#pragma once

#include <heed/error.hpp>
#include <heed/tokenizers/byte_level.hpp>
#include <heed/tokenizers/byte_pair.hpp>
#include <heed/tokenizers/piece_merger.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heed::tokenizers {

struct byte_pair_options {
    int size = 50'000;                          // pieces at most, special ones and the 256 bytes included
    std::int64_t min_frequency = 2;             // a pair that occurs more rarely is not merged
    std::vector<std::string> special = {};      // pieces that no text has, such as <|endoftext|>: the first ids
};

/// Counts the chunks of texts, then merges the two pieces that stand together most often, again and again.
///
///     tokenizers::byte_pair_trainer trainer({.size = 5'000});
///     trainer.add(text);
///     const auto tokens = trainer.train();
///
/// The pieces and merges are those of Hugging Face's ByteLevelBPETokenizer trained on the same texts: ties go to the older
/// pieces. Ids: the special pieces, the bytes in the order of their characters, what was merged.
class byte_pair_trainer {
public:
    /// value_error where an option is out of range.
    explicit byte_pair_trainer(byte_pair_options options = {}) : options_(std::move(options)) {
        const std::size_t least = 256 + options_.special.size();
        if (options_.size < 0 || static_cast<std::size_t>(options_.size) < least)
            throw value_error("a vocabulary of " + std::to_string(options_.size) + " pieces has no room for the 256 bytes and " +
                              std::to_string(options_.special.size()) + " special pieces");
        if (options_.min_frequency < 1) throw value_error("the least frequency of a pair is " + std::to_string(options_.min_frequency) + "; it must be 1 or more");
        std::set<std::string_view> seen;
        for (const std::string& piece : options_.special)
            if (piece.size() < 2 || !seen.insert(piece).second) throw value_error("a special piece has two bytes or more, and stands once: " + files::in_quotes(piece));
    }

    /// Counts the chunks of a text. Texts do not run into each other.
    void add(std::string_view text) {
        for_each_chunk(text, [&](std::string_view chunk) { counts_.add(chunk); });
    }

    byte_pair train() const {
        std::array<int, 256> order;
        std::iota(order.begin(), order.end(), 0);
        std::ranges::sort(order, {}, [](int b) { return byte_character(static_cast<unsigned char>(b)); });
        std::vector<std::string> pieces = options_.special;
        std::array<int, 256> ids;
        for (const int b : order) {
            ids[static_cast<std::size_t>(b)] = static_cast<int>(pieces.size());
            pieces.emplace_back(1, static_cast<char>(static_cast<unsigned char>(b)));
        }
        detail::piece_merger merger(std::move(pieces), [](const std::string& left, const std::string& right) { return left + right; });
        std::vector<int> row;
        for (const auto& [chunk, count] : counts_.all()) {
            row.clear();
            for (const char byte : chunk) row.push_back(ids[static_cast<unsigned char>(byte)]);
            if (row.size() > 1) merger.add_word(row, count);
        }
        auto merged = merger.merge(static_cast<std::size_t>(options_.size), options_.min_frequency);
        return byte_pair(std::move(merged), merger.merges());
    }

private:
    byte_pair_options options_;
    detail::word_counts counts_;
};

}  // namespace heed::tokenizers
