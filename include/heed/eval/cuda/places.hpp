/// How threads count through the loops of a statement: a number becomes a place. Of at most 2^31 places.
#pragma once

#include <heed/eval/cuda/block.hpp>
#include <heed/eval/loops.hpp>

#include <cstdint>

namespace heed::inline HEED_TARGET::cuda {

using number = std::uint32_t;
inline constexpr index most_places = index{1} << 31;

/// The sequence that a row of the ragged pair belongs to.
HEED_HOST_DEVICE inline index sequence_of(const index* offsets, index segments, index row) {
    index low = 0, high = segments;
    while (high - low > 1) {
        const index middle = low + (high - low) / 2;
        (offsets[middle] <= row ? low : high) = middle;
    }
    return low;
}

/// How many places slots [first, last) have from a place of the slots before them.
HEED_HOST_DEVICE inline index count_from(const lowered::loops& l, int first, int last, const lowered::cursor& c) {
    index n = 1;
    for (int s = first; s < last; ++s) {
        if (s == l.segment && l.within >= first && l.within < last) continue;
        if (s != l.within) n *= l.size[s];
        else if (l.segment >= first && l.segment < last) n *= l.offsets[l.size[l.segment]];
        else n *= l.offsets[c.at[l.segment] + 1] - l.offsets[c.at[l.segment]];
    }
    return n;
}

/// The place with a number among slots [First, Last), the last the fastest, as lowered::find_place counts.
template <int First, int Last>
[[gnu::always_inline]] HEED_HOST_DEVICE inline void find_place(const lowered::loops& l, number n, lowered::cursor& c) {
    const bool pair = l.segment >= First && l.segment < Last && l.within >= First && l.within < Last;
    for (int s = Last - 1; s >= First; --s) {
        if (pair && s == l.segment) continue;
        const bool within = s == l.within;
        const index size = !within ? l.size[s] : pair ? l.offsets[l.size[l.segment]] : l.offsets[c.at[l.segment] + 1] - l.offsets[c.at[l.segment]];
        if (size == 1 && !(pair && within)) { c.at[s] = 0; continue; }
        const number wide = static_cast<number>(size), here = s == First ? n : n % wide;
        n /= wide;
        if (pair && within) {
            const index sequence = sequence_of(l.offsets, l.size[l.segment], here);
            c.at[l.segment] = sequence, c.at[s] = here - l.offsets[sequence], c.row = l.offsets[sequence];
        } else c.at[s] = here;
    }
    if (!pair && l.segment >= First && l.segment < Last) c.row = l.offsets[c.at[l.segment]];
}

}  // namespace heed::inline HEED_TARGET::cuda
