/// What a group of rows sees of a tile of keys: runs of keys of which every pair is visible, or some.
///
/// A mask is asked for rectangles, first large ones and then halves of those that it neither lets through nor rules out. So
/// the few keys at the edge of a mask are all that is computed in vain, and all whose mask is evaluated one by one.
#pragma once

#include <algorithm>
#include <cstddef>

#include "attention_policy.hpp"

namespace heed::inline HEED_TARGET::cpu::attention_detail {

/// Keys first to last, counted from the beginning of their tile.
struct key_run { std::ptrdiff_t first, last; bool whole; };

/// The end of what is not hidden of first to last, where hidden(a, b) says that a to b is. It is sought near `guess` first.
template <class Hidden> std::ptrdiff_t visible_end(std::ptrdiff_t first, std::ptrdiff_t last, std::ptrdiff_t guess, const Hidden& hidden) {
    if (first == last || !hidden(last - 1, last)) return last;
    std::ptrdiff_t low = first, high = last - 1;   // all from `high` on is hidden, not all from `low` - 1 on
    const auto ask = [&](std::ptrdiff_t at) {
        if (at < low || at >= high) return;
        if (hidden(at, last)) high = at;
        else low = at + 1;
    };
    ask(guess);
    ask(guess - 1);
    while (low < high) ask(low + (high - low) / 2);
    return high;
}

/// Rows and keys of a rectangle, row1 and key1 moved to where the rest is hidden; to row0 and key0 where all is.
struct rectangle { std::ptrdiff_t row0, row1, key0, key1; };

/// What can be seen of a rectangle, likely as much as of its neighbour.
template <class Score> rectangle visible_part(const Score& score, rectangle all, const rectangle& neighbour) {
    if constexpr (Score::masked) {
        const auto hides = [&](auto r0, auto r1, auto k0, auto k1) { return verdict_of(score, r0, r1, k0, k1) == tile_verdict::none; };
        if (all.row0 < all.row1) all.key1 = visible_end(all.key0, all.key1, neighbour.key1, [&](auto a, auto b) { return hides(all.row0, all.row1, a, b); });
        if (all.key0 < all.key1) all.row1 = visible_end(all.row0, all.row1, neighbour.row1, [&](auto a, auto b) { return hides(a, b, all.key0, all.key1); });
    }
    return all.row0 == all.row1 || all.key0 == all.key1 ? rectangle{all.row0, all.row0, all.key0, all.key0} : all;
}

/// Runs of a tile of up to Most keys. All but the last end at a multiple of the finest panel.
template <std::ptrdiff_t Most> class visible_runs {
public:
    /// Panels that are always asked for, and the finest that they are halved to: whole registers of every machine.
    static constexpr std::ptrdiff_t panel = std::min<std::ptrdiff_t>(128, Most), finest = 16;

    /// Asks for all rows that will meet the tile of keys key0 to key1.
    template <class Score> void seek(const Score& score, std::ptrdiff_t row0, std::ptrdiff_t row1, std::ptrdiff_t key0, std::ptrdiff_t key1) {
        key0_ = key0;
        keys_ = key1 - key0;
        whole_ = verdict_of(score, row0, row1, key0, key1);
        if (whole_ != tile_verdict::some) return;
        for (std::ptrdiff_t first = 0; first < keys_; first += panel) panels_[first / panel] = verdict_of(score, row0, row1, key0 + first, key0 + std::min(first + panel, keys_));
    }

    /// Whether every row sees every key; whether no row sees anything.
    bool everything() const { return whole_ == tile_verdict::all; }
    bool nothing() const { return whole_ == tile_verdict::none; }

    /// Asks for some of those rows, where the answer for all leaves it open.
    template <class Score> void seek_rows(const Score& score, std::ptrdiff_t row0, std::ptrdiff_t row1) {
        count_ = 0;
        if (whole_ != tile_verdict::some) return add(0, keys_, whole_);
        for (std::ptrdiff_t first = 0; first < keys_; first += panel) {
            const std::ptrdiff_t last = std::min(first + panel, keys_);
            const tile_verdict panel_verdict = panels_[first / panel];
            if (panel_verdict != tile_verdict::some) add(first, last, panel_verdict);
            else divide(score, row0, row1, first, last, verdict_of(score, row0, row1, key0_ + first, key0_ + last), true);
        }
    }

    const key_run* begin() const { return runs_; }
    const key_run* end() const { return runs_ + count_; }

private:
    /// Where both halves are seen in part, an edge may cross the middle; where their halves are again, there is none to be found.
    template <class Score> void divide(const Score& score, std::ptrdiff_t row0, std::ptrdiff_t row1, std::ptrdiff_t first, std::ptrdiff_t last, tile_verdict seen, bool patient) {
        if (seen == tile_verdict::some && last - first > finest) {
            std::ptrdiff_t middle = first + finest;
            while (2 * (middle - first) < last - first) middle += middle - first;
            const tile_verdict left = verdict_of(score, row0, row1, key0_ + first, key0_ + middle), right = verdict_of(score, row0, row1, key0_ + middle, key0_ + last);
            const bool crossing = left == tile_verdict::some && right == tile_verdict::some;
            if (!crossing || patient) {
                divide(score, row0, row1, first, middle, left, patient && !crossing);
                return divide(score, row0, row1, middle, last, right, patient && !crossing);
            }
        }
        add(first, last, seen);
    }

    void add(std::ptrdiff_t first, std::ptrdiff_t last, tile_verdict seen) {
        if (seen == tile_verdict::none || first == last) return;
        const bool all = seen == tile_verdict::all;
        if (count_ > 0 && runs_[count_ - 1].last == first && runs_[count_ - 1].whole == all) runs_[count_ - 1].last = last;
        else runs_[count_++] = {first, last, all};
    }

    std::ptrdiff_t key0_ = 0, keys_ = 0;
    tile_verdict whole_ = tile_verdict::none;
    tile_verdict panels_[(Most + panel - 1) / panel];
    key_run runs_[(Most + finest - 1) / finest];
    int count_ = 0;
};

}  // namespace heed::inline HEED_TARGET::cpu::attention_detail
