/// The pieces of a vocabulary by their number, and their numbers by piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heed::tokenizers {

/// Whether a piece begins a word or goes on with it. In a vocabulary the latter are written with "##" in front.
enum class piece_place : unsigned char { begins, continues };

inline constexpr std::string_view continuation = "##";

/// Splits what a vocabulary holds into place and letters: "##ing" is "ing" that continues.
struct placed_piece {
    std::string_view letters;
    piece_place place;

    explicit placed_piece(std::string_view piece) : letters(piece), place(piece_place::begins) {
        if (piece.size() > continuation.size() && piece.starts_with(continuation)) {
            letters.remove_prefix(continuation.size());
            place = piece_place::continues;
        }
    }
};

/// A hash of letters that grows letter by letter, so that all beginnings of a word are hashed in one pass (FNV-1a).
class letters_hash {
public:
    explicit letters_hash(piece_place place) : value_(place == piece_place::begins ? 0xcbf29ce484222325u : 0x9ae16a3b2f90404fu) {}
    void add(char letter) noexcept { value_ = (value_ ^ static_cast<unsigned char>(letter)) * 0x100000001b3u; }
    void add(std::string_view letters) noexcept {
        for (const char letter : letters) add(letter);
    }
    /// The last letters reach the low bits only by one product; this spreads them.
    std::uint64_t value() const noexcept { return (value_ ^ (value_ >> 32)) * 0x9e3779b97f4a7c15u; }

private:
    std::uint64_t value_;
};

/// A table with open addressing, half full at most; all letters lie one behind another in one string.
class piece_table {
public:
    static constexpr int none = -1;

    int size() const noexcept { return static_cast<int>(ends_.size()); }

    /// The piece of a number in [0, size()), "##" included.
    std::string_view operator[](int id) const noexcept {
        const auto i = static_cast<std::size_t>(id);
        const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
        return std::string_view(letters_).substr(begin, ends_[i] - begin);
    }

    /// The number of the piece with these letters, whose hash is known; none where there is no such piece.
    int find(std::string_view letters, piece_place place, std::uint64_t hash) const noexcept {
        for (std::size_t at = first_slot(hash);; at = (at + 1) & mask()) {
            const slot& entry = slots_[at];
            if (entry.id == none) return none;
            if (entry.tag != tag(hash)) continue;
            const placed_piece found((*this)[entry.id]);
            if (found.place == place && found.letters == letters) return entry.id;
        }
    }

    int find(std::string_view piece) const noexcept {
        const placed_piece sought(piece);
        letters_hash hash(sought.place);
        hash.add(sought.letters);
        return find(sought.letters, sought.place, hash.value());
    }

    /// Gives the piece the next number; false, and nothing done, where it has one already.
    bool add(std::string_view piece) {
        if (find(piece) != none) return false;
        letters_ += piece;
        ends_.push_back(letters_.size());
        if (2 * ends_.size() > slots_.size()) {
            slots_.assign(2 * slots_.size(), {});
            for (int id = 0; id < size(); ++id) place(id);
        } else {
            place(size() - 1);
        }
        return true;
    }

    friend bool operator==(const piece_table& a, const piece_table& b) { return a.letters_ == b.letters_ && a.ends_ == b.ends_; }

private:
    struct slot {
        std::uint32_t tag = 0;
        int id = none;
    };

    std::size_t mask() const noexcept { return slots_.size() - 1; }
    std::size_t first_slot(std::uint64_t hash) const noexcept { return (hash >> 32) & mask(); }
    static std::uint32_t tag(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash); }

    void place(int id) {
        const placed_piece piece((*this)[id]);
        letters_hash hash(piece.place);
        hash.add(piece.letters);
        std::size_t at = first_slot(hash.value());
        while (slots_[at].id != none) at = (at + 1) & mask();
        slots_[at] = {tag(hash.value()), id};
    }

    std::string letters_;
    std::vector<std::size_t> ends_;
    std::vector<slot> slots_ = std::vector<slot>(16);  // a power of two
};

}  // namespace heed::tokenizers
