/// Elementwise trees in registers: one inner loop, cut where it is long, several of them together where they are short.
///
/// The loop knows dense memory alone: what lies apart along the lanes is copied side by side first, some elements at a time.
#pragma once

#include <heed/eval/cpu/parallel.hpp>
#include <heed/eval/cpu/row_loops.hpp>
#include <heed/eval/cpu/workspace.hpp>

namespace heed::inline HEED_TARGET::cpu {

namespace row_programs {

/// Lanes that are copied side by side at a time.
inline constexpr index copied_at_once = 256;

template <class T> [[gnu::noinline]] void copy_apart(const T* from, index from_stride, T* to, index to_stride, index n) {
    for (index i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
}

/// Copies lanes [first, first + n) of every leaf that has them apart, and turns the leaf there; `room` is moved beyond them.
template <class C, class Tree>
[[gnu::noinline]] void bring_together(Tree& tree, index first, index n, std::byte*& room) {
    tree.leaves([&](const auto& leaf) {
        using L = std::remove_cvref_t<decltype(leaf)>;
        if constexpr (L::runs_along(C::lane)) {
            if (leaf.stride[C::lane] == 1) return;
            using T = std::remove_cvref_t<decltype(*leaf.here)>;
            T* const together = reinterpret_cast<T*>(room);
            room += copied_at_once * static_cast<index>(sizeof(double));
            copy_apart(leaf.here + first * leaf.stride[C::lane], leaf.stride[C::lane], together, 1, n);
            const_cast<L&>(leaf).here = together - first;        // of a thread's own copy of the tree
        }
    });
}

/// Lanes [first, first + length) of a tree to dense memory; no register is tested for its length but the last.
template <class C, class Tree, class T>
HEED_INLINE void write_elements(const Tree& tree, T* to, index first, index length) {
    constexpr int w = C::width;
    const index last = first + length;
    index i = first;
    for (; i + w <= last; i += w) C::store(to + i, 1, w, tree.template get<C>(lowered::spot{i, w, nullptr}));
    if (i < last) C::store(to + i, 1, static_cast<int>(last - i), tree.template get<C>(lowered::spot{i, static_cast<int>(last - i), nullptr}));
}

template <class C, class Tree, class T>
void elementwise(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target, bool dense) {
    const index rows = lowered::count_places(l, 0, l.outer);
    const inner_loops inner{l};
    const index length = l.within == l.slots - 1 && l.segment >= 0 ? 0 : l.size[l.slots - 1];
    const index pieces = length > 2 * grain ? (length + grain - 1) / grain : 1;
    const index together = pieces > 1 ? 1 : std::max<index>(1, grain / std::max<index>(1, length));
    parallel_for((rows + together - 1) / together * pieces, static_cast<double>(grain) * 8, [&](index job) {
        Tree t = tree;
        lowered::target<T> out = target;
        lowered::cursor c;
        scratch<std::byte> copies(dense ? 0 : static_cast<std::size_t>(copied_at_once) * sizeof(double) * (Tree::walk_count + 1));
        const index piece = job % pieces, begin = job / pieces * together, apart = out.stride[C::lane];
        for (index r = begin; r < std::min(rows, begin + together); ++r) {
            if (r == begin) lowered::find_place(l, 0, l.outer, r, c);
            else lowered::next_place(l, 0, l.outer, c);
            out.template seek<C::lane>(c.at, c.row);
            const index whole = inner.length(c), first = pieces > 1 ? piece * grain : 0, last = pieces > 1 ? std::min(whole, first + grain) : whole;
            for (index i = first, n = 0; i < last; i += n) {
                n = dense ? last - i : std::min(copied_at_once, last - i);
                t.template seek<C::lane>(c.at, c.row);
                T* to = out.here;
                if (!dense) {
                    std::byte* room = copies.data();
                    bring_together<C>(t, i, n, room);
                    if (apart != 1) to = reinterpret_cast<T*>(room) - i;
                }
                write_elements<C>(t, to, i, n);
                if (to != out.here) copy_apart<T>(to + i, 1, out.here + i * apart, apart, n);
            }
        }
    });
}

}  // namespace row_programs

}  // namespace heed::inline HEED_TARGET::cpu
