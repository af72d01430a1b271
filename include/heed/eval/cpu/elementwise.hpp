/// Elementwise trees in registers: one inner loop, cut where it is long, several of them together where they are short.
#pragma once

#include <heed/eval/cpu/parallel.hpp>
#include <heed/eval/cpu/row_loops.hpp>

namespace heed::inline HEED_TARGET::cpu {

namespace row_programs {

/// Lanes that may lie apart, read and written by functions that are not inlined: the element by element work outweighs a call.
template <class F, int Lane>
struct lanes_apart : lanes<F, Lane> {
    using base = lanes<F, Lane>;
    template <class T> [[gnu::noinline]] static typename base::template register_of<T> load(const T* p, index stride, int n) { return base::load(p, stride, n); }
    template <class T, class V> [[gnu::noinline]] static void store(T* p, index stride, int n, V v) { base::store(p, stride, n, v); }
};

/// Lanes [first, first + length) of a tree to the target; where they are dense no register is tested for its length but the last.
template <class C, class Tree, class T>
HEED_INLINE void write_elements(const Tree& tree, const lowered::target<T>& out, index first, index length) {
    constexpr int w = C::width;
    const index stride = C::dense ? 1 : out.stride[C::lane], last = first + length;
    index i = first;
    if constexpr (C::dense)
        for (; i + w <= last; i += w) C::store(out.here + i, 1, w, tree.template get<C>(lowered::spot{i, w, nullptr}));
    for (; i < last; i += w) {
        const int n = static_cast<int>(std::min<index>(w, last - i));
        C::store(out.here + i * stride, stride, n, tree.template get<C>(lowered::spot{i, n, nullptr}));
    }
}

template <class C, class Tree, class T>
void elementwise(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target) {
    const index rows = lowered::count_places(l, 0, l.outer);
    const inner_loops inner{l};
    const index length = l.within == l.slots - 1 && l.segment >= 0 ? 0 : l.size[l.slots - 1];
    const index pieces = length > 2 * grain ? (length + grain - 1) / grain : 1;
    const index together = pieces > 1 ? 1 : std::max<index>(1, grain / std::max<index>(1, length));
    parallel_for((rows + together - 1) / together * pieces, static_cast<double>(grain) * 8, [&](index job) {
        Tree t = tree;
        lowered::target<T> out = target;
        lowered::cursor c;
        const index piece = job % pieces, begin = job / pieces * together;
        for (index r = begin; r < std::min(rows, begin + together); ++r) {
            if (r == begin) lowered::find_place(l, 0, l.outer, r, c);
            else lowered::next_place(l, 0, l.outer, c);
            t.template seek<C::lane>(c.at, c.row);
            out.template seek<C::lane>(c.at, c.row);
            const index whole = inner.length(c), from = piece * grain;
            write_elements<C>(t, out, pieces > 1 ? from : 0, pieces > 1 ? std::min(grain, whole - from) : whole);
        }
    });
}

}  // namespace row_programs

}  // namespace heed::inline HEED_TARGET::cpu
