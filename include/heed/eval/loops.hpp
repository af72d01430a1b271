/// The loops of a statement, without names: what they run over, how places are counted, and which of them are one.
#pragma once

#include <heed/shape.hpp>

namespace heed::inline HEED_TARGET::lowered {

using detail::index;

inline constexpr int most_slots = 8;
/// The lane slot of a context that has none.
inline constexpr int no_lane = 31;

/// How an operand steps through memory: a stride for each slot, and one for each row before its ragged sequence. What counts
/// its place along a slot, and has no memory, has no strides. Along some slots, lanes are read from a pointer on.
struct walk {
    unsigned slots;
    const index* stride;
    index per_row;
    unsigned running = 0;
    const void* pointer = nullptr;      // where the pointer itself is
    int bytes = 0;                      // of an element

    bool has(int slot) const { return slots >> slot & 1; }
    bool runs_along(int slot) const { return running >> slot & 1; }
};

/// Whether neighbours along a slot are neighbours in the memory of every walk.
[[gnu::noinline]] inline bool dense_along(int slot, const walk* first, const walk* last) {
    bool dense = true;
    for (const walk* w = first; w != last; ++w) dense = dense && (!w->has(slot) || !w->stride || w->stride[slot] == 1);
    return dense;
}

/// The loops of a row program: slots [0, outer) are its rows, [outer, slots) what is reduced over, or the one that an
/// elementwise tree runs along.
struct loops {
    int slots = 0, outer = 0;
    index size[most_slots] = {};
    int segment = -1, within = -1;          // the slots of a ragged pair that must be walked sequence by sequence
    const index* offsets = nullptr;
    bool reduces = false;
    int part[most_slots] = {};              // loops of different parts are never joined

    index segments() const { return size[segment]; }
    index length(index s) const { return offsets[s + 1] - offsets[s]; }
};

/// What of a row program's shape is known while it compiles: the slot that lanes run along; whether it is the last beside
/// the row (by columns) or of the row; whether the row itself is written; how many slots there are, and are not reduced over.
template <int Lane, bool ByColumns, bool WritesInner, int Slots, int Outer>
struct row_shape {
    static constexpr int lane = Lane, last = Slots > 0 ? Slots - 1 : 0, outer = Outer;
    static constexpr bool by_columns = ByColumns, writes_inner = WritesInner;
};

/// Fewer, longer loops: a ragged pair that nothing takes apart becomes one loop over its rows, neighbours that every
/// operand steps through as one are joined.
[[gnu::noinline]] inline void simplify(loops& l, const walk* first, const walk* last) {
    const auto every = [&](auto&& condition) {
        for (const walk* w = first; w != last; ++w)
            if (!condition(*w)) return false;
        return true;
    };
    // Rows follow one another from sequence to sequence.
    const auto rides = [&](const walk& w) {
        if (!w.has(l.within)) return !w.has(l.segment);
        return w.stride && w.stride[l.segment] == 0 && w.per_row == w.stride[l.within];
    };
    if (l.segment >= 0 && l.within >= 0 && l.part[l.segment] == l.part[l.within] && every(rides)) {
        l.size[l.within] = l.offsets[l.size[l.segment]];
        l.size[l.segment] = 1;
        l.segment = l.within = -1;
    }
    for (int kept = l.slots - 1, s = kept - 1; s >= 0; --s) {
        if (l.part[s] == l.part[kept]) {
            if (l.size[s] == 1 && s != l.segment) continue;
            const bool fixed = s == l.segment || s == l.within || kept == l.segment || kept == l.within;
            if (!fixed && every([&](const walk& w) { return w.stride ? w.stride[s] == l.size[kept] * w.stride[kept] : !w.has(s) && !w.has(kept); })) {
                l.size[kept] *= l.size[s];
                l.size[s] = 1;
                continue;
            }
        }
        kept = s;
    }
}

/// A place among some of the loops: its position along every slot, and the rows before its ragged sequence.
struct cursor {
    index at[most_slots] = {};
    index row = 0;
};

/// The place of a row of the ragged pair: its sequence, and the place within that.
inline void find_row(const loops& l, index row, cursor& c) {
    index low = 0, high = l.segments();
    while (high - low > 1) {
        const index middle = low + (high - low) / 2;
        (l.offsets[middle] <= row ? low : high) = middle;
    }
    c.at[l.segment] = low;
    c.at[l.within] = row - l.offsets[low];
    c.row = l.offsets[low];
}

/// How many places slots [first, last) have together; a ragged pair among them counts its rows.
[[gnu::noinline]] inline index count_places(const loops& l, int first, int last) {
    index n = 1;
    for (int s = first; s < last; ++s) {
        if (s == l.within && l.segment >= first && l.segment < last) n *= l.offsets[l.segments()];
        else if (s == l.segment && l.within >= first && l.within < last) continue;
        else if (s == l.within) continue;                     // its length follows from a segment that is fixed elsewhere
        else n *= l.size[s];
    }
    return n;
}

/// The place with a number, counted with the last slot the fastest.
[[gnu::noinline]] inline void find_place(const loops& l, int first, int last, index number, cursor& c) {
    const bool pair = l.segment >= first && l.segment < last && l.within >= first && l.within < last;
    for (int s = last - 1; s >= first; --s) {
        if (pair && s == l.segment) continue;
        const index size = pair && s == l.within ? l.offsets[l.segments()] : l.size[s];
        if (size == 1 && !pair) { c.at[s] = 0; continue; }
        const index here = number % size;
        number /= size;
        if (pair && s == l.within) {
            find_row(l, here, c);
        } else c.at[s] = here;
    }
    if (!pair && l.segment >= first && l.segment < last) c.row = l.offsets[c.at[l.segment]];
}

/// The place after one, in the order of find_place.
[[gnu::noinline]] inline void next_place(const loops& l, int first, int last, cursor& c) {
    const bool pair = l.segment >= first && l.segment < last && l.within >= first && l.within < last;
    for (int s = last - 1; s >= first; --s) {
        if (pair && s == l.segment) continue;
        if (pair && s == l.within) {
            if (++c.at[s] < l.length(c.at[l.segment])) return;
            c.at[s] = 0;
            index& segment = c.at[l.segment];
            while (++segment < l.segments() && l.length(segment) == 0) {}
            const bool more = segment < l.segments();
            if (!more)
                for (segment = 0; segment + 1 < l.segments() && l.length(segment) == 0;) ++segment;
            c.row = l.offsets[segment];
            if (more) return;
        } else {
            if (++c.at[s] < l.size[s]) {
                if (s == l.segment) c.row = l.offsets[c.at[s]];
                return;
            }
            c.at[s] = 0;
            if (s == l.segment) c.row = l.offsets[0];
        }
    }
}

}  // namespace heed::inline HEED_TARGET::lowered
