/// WordPiece, the tokenizer of uncased BERT.
#pragma once

#include <heed/error.hpp>
#include <heed/files/utf8.hpp>
#include <heed/files/wording.hpp>
#include <heed/files/write_aside.hpp>
#include <heed/tokenizers/piece_table.hpp>
#include <heed/tokenizers/text.hpp>
#include <heed/tokenizers/vocabulary_file.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heed::tokenizers {

/// A vocabulary of word pieces, and what it makes of a text.
///
///     const auto pieces = tokenizers::word_piece::load("vocab.txt");
///     std::vector<int> ids = pieces.encode("Unbelievable!");      // un ##believ ##able !
///     std::string text = pieces.decode(ids);                      // "unbelievable !"
///
/// The text's words (see text.hpp) are each taken apart into the longest piece that begins it, the longest that goes on
/// from there, and so on. A word that cannot be taken apart to its end, or that has more than 100 characters, is [UNK].
/// The ids are those of Hugging Face's BertWordPieceTokenizer with the same vocabulary, without [CLS] and [SEP] around
/// them. A text is never taken for a special token: "[SEP]" in a post is `[ sep ]`.
///
/// Nothing in a const word_piece changes: threads may share it.
class word_piece {
public:
    /// What every vocabulary has. Those that word_piece_trainer makes have them first, in this order: [PAD] is 0.
    static constexpr std::array<std::string_view, 5> special_pieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

    static constexpr std::size_t longest_piece = 1000;  // bytes

    /// Pieces in the order of their ids; those that continue a word begin with "##". value_error where a piece is empty,
    /// stands twice, is over 1000 bytes long, is not UTF-8 or holds white space or control characters, or where a special
    /// piece is missing.
    explicit word_piece(std::span<const std::string> pieces) {
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            if (const std::string wrong = add(pieces[i]); !wrong.empty()) throw value_error("piece " + std::to_string(i) + " " + wrong);
        }
        if (const std::string wrong = find_special_pieces(); !wrong.empty()) throw value_error("the vocabulary " + wrong);
    }

    /// Reads a vocabulary in the format of BERT's vocab.txt: one piece a line, the first is 0. Lines end in \n or \r\n.
    /// file_error, with file and line, for whatever the constructor would not take, and for a file over 64 MiB.
    static word_piece load(const std::filesystem::path& path) {
        return parse(detail::read_vocabulary(path), path);
    }

    /// The same, of lines that are in memory; `path` is for the errors' texts.
    static word_piece parse(std::string_view lines, const std::filesystem::path& path) {
        if (lines.empty()) files::fail(path, "is empty; a vocabulary has one piece a line");
        word_piece pieces;
        for (std::size_t number = 1; !lines.empty(); ++number) {
            const std::size_t end = std::min(lines.find('\n'), lines.size());
            std::string_view line = lines.substr(0, end);
            lines.remove_prefix(std::min(end + 1, lines.size()));
            if (line.ends_with('\r')) line.remove_suffix(1);
            if (const std::string wrong = pieces.add(line); !wrong.empty()) {
                throw file_error(path.string() + ":" + std::to_string(number) + ": the piece " + wrong);
            }
        }
        if (const std::string wrong = pieces.find_special_pieces(); !wrong.empty()) files::fail(path, "the vocabulary " + wrong);
        return pieces;
    }

    /// Writes vocab.txt aside and renames it, so that no reader ever sees half of it. file_error where that fails.
    void save(const std::filesystem::path& path) const {
        files::write_aside(path, [&](std::ostream& out) {
            for (int id = 0; id < size(); ++id) out << piece(id) << '\n';
        });
    }

    /// The number of pieces; ids are 0 to size() - 1.
    int size() const noexcept { return table_.size(); }

    /// The piece of an id, as vocab.txt has it. value_error where there is no such id.
    std::string_view piece(int id) const {
        if (id >= 0 && id < size()) return table_[id];
        throw value_error("there is no piece " + std::to_string(id) + ": the vocabulary has " + std::to_string(size()));
    }

    /// The id of a piece as vocab.txt has it, or -1.
    int find(std::string_view piece) const noexcept { return table_.find(piece); }

    int padding() const noexcept { return special_[0]; }
    int unknown() const noexcept { return special_[1]; }
    int classification() const noexcept { return special_[2]; }
    int separator() const noexcept { return special_[3]; }
    int mask() const noexcept { return special_[4]; }

    /// The ids of a text.
    std::vector<int> encode(std::string_view text) const {
        std::vector<int> ids;
        encode(text, ids, std::numeric_limits<std::size_t>::max());
        return ids;
    }

    /// The first `max_tokens` ids of a text, in place of what `ids` held. The text is read no further than they reach, and
    /// nothing is allocated where ids.capacity() is max_tokens already.
    void encode(std::string_view text, std::vector<int>& ids, std::size_t max_tokens) const {
        ids.clear();
        if (max_tokens == 0) return;
        for_each_word(text, [&](const word& w) {
            append(w, ids, max_tokens);
            return ids.size() < max_tokens;
        });
    }

    /// The pieces of the ids as a text, with a space before each that begins a word. What normalizing took away (capitals,
    /// accents, the kind of white space) does not come back. value_error where there is no such id.
    std::string decode(std::span<const int> ids) const {
        std::string text;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            const placed_piece next(piece(ids[i]));
            if (i == 0) {
                text += piece(ids[i]);
            } else {
                if (next.place == piece_place::begins) text += ' ';
                text += next.letters;
            }
        }
        return text;
    }

    friend bool operator==(const word_piece& a, const word_piece& b) { return a.table_ == b.table_; }

private:
    word_piece() = default;

    /// Adds a piece; what is wrong with it, or nothing.
    std::string add(std::string_view piece) {
        if (piece.empty()) return "is empty";
        if (piece.size() > longest_piece) return "is of " + std::to_string(piece.size()) + " bytes, more than 1000";
        if (const auto at = files::first_invalid_utf8(piece); at != piece.npos) return "is not UTF-8 at its byte " + std::to_string(at + 1);
        const auto is_control = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
        if (std::ranges::any_of(piece, is_control)) return files::in_quotes(piece) + " holds white space or a control character";
        if (size() == std::numeric_limits<int>::max()) return "is one too many";
        if (!table_.add(piece)) return files::in_quotes(piece) + " stands there already, with the id " + std::to_string(find(piece));
        const placed_piece added(piece);
        std::size_t& longest = longest_[static_cast<std::size_t>(added.place)];
        longest = std::max(longest, added.letters.size());
        return {};
    }

    std::string find_special_pieces() {
        for (std::size_t i = 0; i < special_pieces.size(); ++i) {
            special_[i] = find(special_pieces[i]);
            if (special_[i] < 0) return "has no piece " + std::string(special_pieces[i]);
        }
        return {};
    }

    void append(const word& w, std::vector<int>& ids, std::size_t max_tokens) const {
        // Most words are pieces themselves.
        int id = unknown();
        if (w.characters <= longest_word) {
            letters_hash hash(piece_place::begins);
            hash.add(w.text);
            id = table_.find(w.text, piece_place::begins, hash.value());
            if (id == piece_table::none) return append_in_pieces(w.text, ids, max_tokens);
        }
        ids.push_back(id);
    }

    /// `letters` are at most `longest_word` characters.
    void append_in_pieces(std::string_view letters, std::vector<int>& ids, std::size_t max_tokens) const {
        std::array<int, longest_word> found;
        std::size_t count = 0;
        auto place = piece_place::begins;
        while (!letters.empty()) {
            const auto [id, length] = longest_beginning(letters, place);
            if (id == piece_table::none) return ids.push_back(unknown());
            found[count++] = id;
            letters.remove_prefix(length);
            place = piece_place::continues;
        }
        ids.insert(ids.end(), found.begin(), found.begin() + static_cast<std::ptrdiff_t>(std::min(count, max_tokens - ids.size())));
    }

    /// The longest piece that `letters` begin with. All pieces are UTF-8, so none ends within a character.
    std::pair<int, std::size_t> longest_beginning(std::string_view letters, piece_place place) const noexcept {
        std::array<std::uint64_t, 4 * longest_word> hashes;
        const std::size_t most = std::min(letters.size(), longest_[static_cast<std::size_t>(place)]);
        letters_hash hash(place);
        for (std::size_t i = 0; i < most; ++i) {
            hash.add(letters[i]);
            hashes[i] = hash.value();
        }
        for (std::size_t length = most; length > 0; --length) {
            const int id = table_.find(letters.substr(0, length), place, hashes[length - 1]);
            if (id != piece_table::none) return {id, length};
        }
        return {piece_table::none, 0};
    }

    piece_table table_;
    std::array<int, special_pieces.size()> special_{};
    std::array<std::size_t, 2> longest_{};  // bytes of the longest piece of either place
};

}  // namespace heed::tokenizers
