/// Elementwise trees in registers: one inner loop, cut where it is long, several of them together where they are short.
///
/// The loop knows dense memory alone: what lies apart along the lanes is copied side by side first, some elements at a time.
#pragma once

#include <heed/eval/cpu/parallel.hpp>
#include <heed/eval/cpu/row_loops.hpp>
#include <heed/eval/cpu/workspace.hpp>

#include <cstring>
#include <type_traits>

namespace heed::inline HEED_TARGET::cpu {

namespace row_programs {

/// Lanes that are copied side by side at a time.
inline constexpr index copied_at_once = 256;

template <int Bytes> void copy_apart(const char* from, index from_step, char* to, index to_step, index n) {
    for (; n >= 4; n -= 4, from += 4 * from_step, to += 4 * to_step)
        for (index i = 0; i < 4; ++i) std::memcpy(to + i * to_step, from + i * from_step, Bytes);
    for (index i = 0; i < n; ++i) std::memcpy(to + i * to_step, from + i * from_step, Bytes);
}
[[gnu::noinline]] inline void copy_apart(const char* from, index from_step, char* to, index to_step, index n, int bytes) {
    if (bytes == 4) copy_apart<4>(from, from_step, to, to_step, n);
    else if (bytes == 8) copy_apart<8>(from, from_step, to, to_step, n);
    else if (bytes == 2) copy_apart<2>(from, from_step, to, to_step, n);
    else copy_apart<1>(from, from_step, to, to_step, n);
}

/// Copies lanes [first, first + n) of every leaf that has them apart, and turns the leaf there; `room` is moved beyond them.
[[gnu::noinline]] inline void bring_together(const lowered::walk* w, const lowered::walk* last, int lane, index first, index n, char* room) {
    for (; w != last; ++w) {
        if (!w->runs_along(lane) || w->stride[lane] == 1) continue;
        const char* lies;
        std::memcpy(&lies, w->pointer, sizeof(lies));
        const index step = w->stride[lane] * w->bytes;
        copy_apart(lies + first * step, step, room, w->bytes, n, w->bytes);
        const char* const together = room - first * w->bytes;
        std::memcpy(const_cast<void*>(w->pointer), &together, sizeof(together));        // of a thread's own copy of the tree
        room += copied_at_once * static_cast<index>(sizeof(double));
    }
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

/// An elementwise tree without its type: what the loops over its rows need.
struct element_program {
    const void* tree;
    std::size_t size;                   // bytes of the tree, of which every job has a copy
    int walks, lane;
    lowered::walk result;               // of the destination, its pointer that to the first element
    /// Writes lanes [first, first + n) of a row to dense memory; with room, after lanes that lie apart were copied there.
    void (*write)(void* tree, const lowered::cursor& row, char* to, index first, index n, char* room);
};

template <class C, class Tree, class T>
void write_row(void* from, const lowered::cursor& row, char* to, index first, index n, char* room) {
    Tree& kept = *static_cast<Tree*>(from);
    kept.template seek<C::lane>(row.at, row.row);
    if (room) {
        lowered::walk walks[Tree::walk_count + 1] = {}, *last = walks;
        kept.walks(last);
        bring_together(walks, last, C::lane, first, n, room);
    }
    const Tree tree = kept;             // in registers: what is written cannot change it
    write_elements<C>(tree, reinterpret_cast<T*>(to), first, n);
}

[[gnu::noinline]] inline void elementwise(const lowered::loops& l, const element_program& p, bool dense) {
    const index rows = lowered::count_places(l, 0, l.outer), bytes = p.result.bytes, apart = p.result.stride[p.lane] * bytes;
    const inner_loops inner{l};
    const index length = l.within == l.slots - 1 && l.segment >= 0 ? 0 : l.size[l.slots - 1];
    const index pieces = length > 2 * grain ? (length + grain - 1) / grain : 1;
    const index together = pieces > 1 ? 1 : std::max<index>(1, grain / std::max<index>(1, length));
    parallel_for((rows + together - 1) / together * pieces, static_cast<double>(grain) * 8, [&](index job) {
        scratch<char> tree(p.size), copies(dense ? 0 : static_cast<std::size_t>(copied_at_once) * sizeof(double) * static_cast<std::size_t>(p.walks + 1));
        std::memcpy(tree.data(), p.tree, p.size);
        lowered::cursor c;
        const index piece = job % pieces, begin = job / pieces * together;
        for (index r = begin; r < std::min(rows, begin + together); ++r) {
            if (r == begin) lowered::find_place(l, 0, l.outer, r, c);
            else lowered::next_place(l, 0, l.outer, c);
            index before = c.row * p.result.per_row;
            for (int s = 0; s < l.slots; ++s) before += s == p.lane ? 0 : c.at[s] * p.result.stride[s];
            char* const row = static_cast<char*>(const_cast<void*>(p.result.pointer)) + before * bytes;
            const index whole = inner.length(c), first = pieces > 1 ? piece * grain : 0, last = pieces > 1 ? std::min(whole, first + grain) : whole;
            if (dense) p.write(tree.data(), c, row, first, last - first, nullptr);
            for (index i = first, n = 0; i < last && !dense; i += n) {
                n = std::min(copied_at_once, last - i);
                char* const room = copies.data() + copied_at_once * static_cast<index>(sizeof(double));
                char* const to = apart == bytes ? row : copies.data() - i * bytes;
                p.write(tree.data(), c, to, i, n, room);
                if (to != row) copy_apart(to + i * bytes, bytes, row + i * apart, apart, n, static_cast<int>(bytes));
            }
        }
    });
}

template <class C, class Tree, class T>
void elementwise(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target, bool dense) {
    static_assert(std::is_trivially_copyable_v<Tree>);
    elementwise(l, {&tree, sizeof(Tree), Tree::walk_count, C::lane, {255u, target.stride, target.per_row, 0, target.base, sizeof(T)}, write_row<C, Tree, T>}, dense);
}

}  // namespace row_programs

}  // namespace heed::inline HEED_TARGET::cpu
