/// How threads count through the loops of a statement: a number becomes a place. Of at most 2^31 places.
#pragma once

#include <heed/eval/cuda/block.hpp>
#include <heed/eval/loops.hpp>

#include <cstdint>
#include <type_traits>
#include <utility>

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

/// f(slot) for slots 0 to Count, the slot as a constant: an array with an index that only the run knows would lie in memory,
/// not in registers.
template <int Count, class F>
[[gnu::always_inline]] HEED_HOST_DEVICE inline void each_slot(F&& f) {
    [&]<int... S>(std::integer_sequence<int, S...>) { (f(std::integral_constant<int, S>{}), ...); }(std::make_integer_sequence<int, Count>{});
}
/// What a cursor has at a slot that only the run knows.
HEED_HOST_DEVICE inline index place_along(const lowered::cursor& c, int slot) {
    index place = 0;
    each_slot<lowered::most_slots>([&](auto s) { place = s.value == slot ? c.at[s.value] : place; });
    return place;
}
HEED_HOST_DEVICE inline void set_place(lowered::cursor& c, int slot, index place) {
    each_slot<lowered::most_slots>([&](auto s) { c.at[s.value] = s.value == slot ? place : c.at[s.value]; });
}
/// The length of the sequence that a cursor is in.
HEED_HOST_DEVICE inline index length_at(const lowered::loops& l, const lowered::cursor& c) {
    const index sequence = place_along(c, l.segment);
    return l.offsets[sequence + 1] - l.offsets[sequence];
}

/// How many places slots [First, Last) have from a place of the slots before them.
template <int First, int Last>
HEED_HOST_DEVICE inline index count_from(const lowered::loops& l, const lowered::cursor& c) {
    const bool pair = l.segment >= First && l.segment < Last;
    index n = 1;
    each_slot<Last - First>([&](auto of) {
        constexpr int s = First + decltype(of)::value;
        if (s == l.within) n *= pair ? l.offsets[l.size[l.segment]] : length_at(l, c);
        else if (s != l.segment || l.within < First || l.within >= Last) n *= l.size[s];
    });
    return n;
}

/// The place with a number among slots [First, Last), the last the fastest, as lowered::find_place counts.
template <int First, int Last>
[[gnu::always_inline]] HEED_HOST_DEVICE inline void find_place(const lowered::loops& l, number n, lowered::cursor& c) {
    const bool pair = l.segment >= First && l.segment < Last && l.within >= First && l.within < Last;
    each_slot<Last - First>([&](auto of) {
        constexpr int s = Last - 1 - decltype(of)::value;
        const bool within = s == l.within;
        if (pair && s == l.segment) return;
        const index size = !within ? l.size[s] : pair ? l.offsets[l.size[l.segment]] : length_at(l, c);
        if (size == 1 && !(pair && within)) {
            c.at[s] = 0;
            return;
        }
        const number wide = static_cast<number>(size), here = s == First ? n : n % wide;
        n /= wide;
        if (pair && within) {
            const index sequence = sequence_of(l.offsets, l.size[l.segment], here);
            set_place(c, l.segment, sequence);
            c.at[s] = here - l.offsets[sequence], c.row = l.offsets[sequence];
        } else c.at[s] = here;
    });
    if (!pair && l.segment >= First && l.segment < Last) c.row = l.offsets[place_along(c, l.segment)];
}

}  // namespace heed::inline HEED_TARGET::cuda
