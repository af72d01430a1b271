/// What row programs are made of: the places of a row, a sum along it, a result written along it.
#pragma once

#include <heed/eval/cpu/lanes.hpp>
#include <heed/eval/repeats.hpp>

#include <limits>

namespace heed::inline HEED_TARGET::cpu {

namespace row_programs {

/// Elements that one call of a parallel loop takes at least.
inline constexpr index grain = 8192;

using lowered::find_repeats;

/// The places of a row along inner slots before `last`, where a ragged sequence's length may follow from the row.
[[gnu::noinline]] inline index count_inner(const lowered::loops& l, const lowered::cursor& row, int last) {
    index n = lowered::count_places(l, l.outer, last);
    if (l.within >= l.outer && l.within < last && l.segment < l.outer) n *= l.length(row.at[l.segment]);
    return n;
}
[[gnu::noinline]] inline void find_inner(const lowered::loops& l, index number, lowered::cursor& c, int last) {
    if (l.within >= l.outer && l.segment < l.outer) {
        for (int s = last - 1; s >= l.outer; --s) {
            const index size = s == l.within ? l.length(c.at[l.segment]) : l.size[s];
            c.at[s] = number % size;
            number /= size;
        }
    } else lowered::find_place(l, l.outer, last, number, c);
}

/// The inner loops but the last, and the length of the last.
struct inner_loops {
    const lowered::loops& l;
    index rows(const lowered::cursor& row) const { return count_inner(l, row, l.slots - 1); }
    index length(const lowered::cursor& c) const { return l.slots - 1 == l.within ? l.length(c.at[l.segment]) : l.size[l.slots - 1]; }
};

/// Elements of a row, all inner loops together.
[[gnu::noinline]] inline double row_elements(const lowered::loops& l, const lowered::cursor& c) {
    double n = 1;
    for (int s = l.outer; s < l.slots; ++s) {
        if (s == l.within) n *= l.segment < l.outer ? static_cast<double>(l.length(c.at[l.segment])) : static_cast<double>(l.offsets[l.segments()]);
        else if (s == l.segment) continue;
        else n *= static_cast<double>(l.size[s]);
    }
    return n;
}

/// Two sums, which registers go to in turn, over `length` lanes of a tree from lane `first`.
template <class C, class Op, class X>
HEED_INLINE typename C::floating fold(const X& x, index first, index length, const void* reduced, typename C::floating sum) {
    using V = typename C::floating;
    constexpr int w = C::width;
    const V identity(static_cast<typename C::scalar>(Op::identity));
    V a = sum, b = identity;
    for (index i = 0; i < length; i += w) {
        const int n = static_cast<int>(std::min<index>(w, length - i));
        V value = x.template get<C>(lowered::spot{first + i, n, reduced});
        if (n < w) value = select(C::truth::first(n), value, identity);
        const V together = Op::combine(a, value);
        a = b;
        b = together;
    }
    return Op::combine(a, b);
}

/// Over all lanes; NaN where one of them is.
template <class Op, class F>
HEED_INLINE F across(simd<F> v) {
    if constexpr (std::is_same_v<Op, operations::highest>) return any(v != v) ? std::numeric_limits<F>::quiet_NaN() : reduce_max(v);
    else if constexpr (std::is_same_v<Op, operations::highest_number>) return reduce_max(v);
    else if constexpr (std::is_same_v<Op, operations::lowest>) return any(v != v) ? std::numeric_limits<F>::quiet_NaN() : reduce_min(v);
    else return reduce_add(v);
}

template <class C, class Tree, class T>
HEED_INLINE void write_lanes(const Tree& tree, const lowered::target<T>& out, index first, index length, const void* reduced) {
    constexpr int w = C::width;
    const index stride = out.stride[C::lane], last = first + length;
    for (index i = first; i < last; i += w) {
        const int n = static_cast<int>(std::min<index>(w, last - i));
        C::store(out.here + i * stride, stride, n, tree.template get<C>(lowered::spot{i, n, reduced}));
    }
}

}  // namespace row_programs

}  // namespace heed::inline HEED_TARGET::cpu
