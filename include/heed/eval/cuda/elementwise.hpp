/// Elementwise trees: one kernel each, a thread for some neighbours, read and written as one where memory lies so.
#pragma once

#include <heed/eval/cuda/lanes.hpp>
#include <heed/eval/cuda/places.hpp>

#include <cstdint>

namespace heed::inline HEED_TARGET::cuda {

/// Elements of the smallest 16 bytes that a thread takes together: four floats.
inline constexpr int neighbours = 4;

/// Whether a pointer and its steps, but for one slot along which it is dense, keep to groups of `together` elements.
[[gnu::noinline]] inline bool in_groups(const void* base, std::size_t bytes, unsigned slots, const index* stride, index per_row, int lane, int together) {
    bool whole = reinterpret_cast<std::uintptr_t>(base) % (bytes * static_cast<std::size_t>(together)) == 0 && per_row % together == 0;
    for (int s = 0; s < lowered::most_slots; ++s)
        if (slots >> s & 1) whole = whole && (s == lane ? stride[s] == 1 : stride[s] % together == 0);
    return whole;
}
/// Whether every memory that a statement reads or writes along slot Lane lies in groups that threads take together.
template <int Lane, class Tree, class T>
bool lies_in_groups(const Tree& tree, const lowered::target<T>& target, const lowered::loops& l, bool writes_lane) {
    if (l.within == Lane || l.size[Lane] % neighbours != 0) return false;
    bool whole = !writes_lane || in_groups(target.base, sizeof(T), (1u << l.slots) - 1, target.stride, target.per_row, Lane, neighbours);
    tree.leaves([&](const auto& leaf) {
        using X = std::remove_cvref_t<decltype(leaf)>;
        if constexpr (X::slots >> Lane & 1) {
            if constexpr (requires { leaf.ids; }) whole = false;
            else whole = whole && in_groups(leaf.base, sizeof(*leaf.base), X::slots, leaf.stride, leaf.per_row, Lane, neighbours);
        }
    });
    return whole;
}

/// C: the context; its width divides the slot of its lanes. All slots but these `of` them are loops of size 1.
template <class C, int Slots, class Tree, class T>
struct elementwise {
    static constexpr int threads = 256;
    lowered::loops l;                   // along the lane, counted in widths
    number count;
    Tree tree;
    lowered::target<T> target;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread();
        if (n >= count) return;
        lowered::cursor c;
        find_place<0, Slots>(l, static_cast<number>(n), c);
        const index at = c.at[C::lane] * C::width;
        Tree t = tree;
        lowered::target<T> to = target;
        t.template seek<C::lane>(c.at, c.row);
        to.template seek<C::lane>(c.at, c.row);
        store_tree<C>(t, to, at, static_cast<const pack<typename C::scalar, C::width>*>(nullptr));
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
