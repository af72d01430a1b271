/// Row programs in registers: for every row its reductions, then the trees on them, while the row is in cache.
///
/// By rows, the lanes run along the row that is reduced; by columns, along the last axis beside it, so that sums over an
/// outer axis read memory in its order. A row that is alone is cut into pieces of fixed length whose sums are added in
/// order: the bits depend on the sizes, never on the threads.
#pragma once

#include <heed/eval/cpu/elementwise.hpp>
#include <heed/eval/cpu/rows_abreast.hpp>
#include <heed/eval/cpu/workspace.hpp>

namespace heed::inline HEED_TARGET::cpu {

namespace row_programs {

/// One reduction over inner places [first, last) of a row, or over all of them.
template <class C, class Op, class X>
HEED_INLINE typename C::floating reduce_row(const lowered::loops& l, X& x, const lowered::cursor& row, const void* reduced) {
    using V = typename C::floating;
    V sum(static_cast<typename C::scalar>(Op::identity));
    lowered::cursor c = row;
    const inner_loops inner{l};
    const index rows = inner.rows(row);
    for (index r = 0; r < rows; ++r) {
        find_inner(l, r, c, l.slots - 1);
        x.template seek<C::lane>(c.at, c.row);
        sum = fold<C, Op>(x, 0, inner.length(c), reduced, sum);
    }
    return sum;
}

/// All reductions of a row, one after another, each in every lane.
template <class C, class Tree>
HEED_INLINE void reduce_all(const lowered::loops& l, Tree& tree, const lowered::cursor& row, const int* same_as, typename C::floating* reduced) {
    bool done[Tree::reduction_count + 1] = {};
    tree.reductions([&](auto& r) __attribute__((always_inline)) {
        using R = std::remove_cvref_t<decltype(r)>;
        using op = typename R::operation;
        constexpr int k = R::number;
        if (done[k]) return;
        done[k] = true;
        if constexpr (k > 0)
            if (same_as[k] != k) { reduced[k] = reduced[same_as[k]]; return; }
        if constexpr (std::is_same_v<op, operations::once>) {
            r.x.template seek<C::lane>(row.at, row.row);
            reduced[k] = r.x.template get<C>(lowered::spot{0, C::width, reduced});
            return;
        }
        const auto total = across<op>(reduce_row<C, op>(l, r.x, row, reduced));
        reduced[k] = op::finish(typename C::floating(total), row_elements(l, row));
    });
}

/// A single sum over everything, in pieces of fixed length.
template <class C, class Tree, class T>
void one_long_row(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target) {
    using V = typename C::floating;
    V reduced[1];
    Tree result = tree;
    result.reductions([&](auto& r) {
        using op = typename std::remove_cvref_t<decltype(r)>::operation;
        const inner_loops inner{l};
        const index rows = inner.rows({});
        index longest = 0, pieces = 1;
        if (l.within == l.slots - 1 && l.segment >= 0) longest = 0;
        else longest = l.size[l.slots - 1], pieces = std::max<index>(1, (longest + grain - 1) / grain);
        const index together = pieces > 1 ? 1 : std::max<index>(1, grain / std::max<index>(1, longest));
        const index jobs = (rows + together - 1) / together * pieces;
        scratch<typename C::scalar> sums(static_cast<std::size_t>(std::max<index>(jobs, 1)));
        typename C::scalar* out = sums.data();
        parallel_for(jobs, static_cast<double>(grain) * 8, [&](index job) {
            auto x = r.x;
            lowered::cursor c;
            V sum(static_cast<typename C::scalar>(op::identity));
            const index piece = job % pieces, begin = job / pieces * together;
            for (index i = begin; i < std::min(rows, begin + together); ++i) {
                find_inner(l, i, c, l.slots - 1);
                x.template seek<C::lane>(c.at, c.row);
                const index whole = inner.length(c), from = piece * grain;
                sum = fold<C, op>(x, pieces > 1 ? from : 0, pieces > 1 ? std::min(grain, whole - from) : whole, nullptr, sum);
            }
            out[job] = across<op>(sum);
        });
        double total = op::identity;
        for (index job = 0; job < jobs; ++job) total = op::combine(total, static_cast<double>(out[job]));
        reduced[0] = V(static_cast<typename C::scalar>(op::finish(total, row_elements(l, {}))));
    });
    lowered::target<T> out = target;
    const lowered::cursor c;
    result.template seek<C::lane>(c.at, c.row);
    out.template seek<lowered::no_lane>(c.at, c.row);
    C::store(out.here, 1, 1, result.template get<C>(lowered::spot{0, 1, reduced}));
}

template <class C, bool WritesInner, bool Alone, class Tree, class T>
void by_rows(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target) {
    using V = typename C::floating;
    constexpr int count = Tree::reduction_count;
    int same_as[count + 1] = {};
    find_repeats(tree, same_as);
    const index rows = lowered::count_places(l, 0, l.outer);
    const double each = row_elements(l, {});
    const inner_loops inner{l};

    if constexpr (Alone && count == 1 && !WritesInner)
        if (each > 4 * grain) return one_long_row<C>(l, tree, target);
    const index together = std::max<index>(1, static_cast<index>(grain / std::max(1.0, each)));
    parallel_for((rows + together - 1) / together, std::max(each, double(grain)) * 8, [&](index job) {
        Tree t = tree;
        lowered::target<T> out = target;
        lowered::cursor c;
        V reduced[Tree::reduction_count];
        for (index r = job * together; r < std::min(rows, (job + 1) * together); ++r) {
            if (r == job * together) lowered::find_place(l, 0, l.outer, r, c);
            else lowered::next_place(l, 0, l.outer, c);
            reduce_all<C>(l, t, c, same_as, reduced);
            if constexpr (WritesInner) {
                lowered::cursor within = c;
                for (index i = 0, n = inner.rows(c); i < n; ++i) {
                    find_inner(l, i, within, l.slots - 1);
                    t.template seek<C::lane>(within.at, within.row);
                    out.template seek<C::lane>(within.at, within.row);
                    write_lanes<C>(t, out, 0, inner.length(within), reduced);
                }
            } else {
                c.at[C::lane] = 0;
                t.template seek<C::lane>(c.at, c.row);
                out.template seek<lowered::no_lane>(c.at, c.row);
                C::store(out.here, 1, 1, t.template get<C>(lowered::spot{0, 1, reduced}));
            }
        }
    });
}

[[gnu::noinline]] inline void next_inner(const lowered::loops& l, lowered::cursor& c) {
    for (int s = l.slots - 1; s >= l.outer; --s) {
        if (l.segment >= l.outer && (s == l.within || s == l.segment)) return lowered::next_place(l, l.outer, s + 1, c);
        if (++c.at[s] < (s == l.within ? l.length(c.at[l.segment]) : l.size[s])) return;
        c.at[s] = 0;
    }
}

/// Columns of a chunk: registers side by side that go down the rows together.
inline constexpr int chunk = 8;
/// So many rows before they are read, memory is asked for them.
inline constexpr index steps_down = 16;

template <class C, bool WritesInner, class Tree, class T>
void by_columns(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target) {
    using V = typename C::floating;
    constexpr int count = Tree::reduction_count, w = C::width;
    int same_as[count + 1] = {};
    find_repeats(tree, same_as);
    // The lane slot is the last outer one; the others number the rows.
    const index length = l.size[C::lane], chunks = (length + chunk * w - 1) / (chunk * w);
    const index rows = lowered::count_places(l, 0, C::lane);
    const double cost = row_elements(l, {}) * static_cast<double>(std::min<index>(length, chunk * w));
    parallel_for(rows * chunks, cost * 2, [&](index job) {
        Tree t = tree;
        lowered::target<T> out = target;
        lowered::cursor row;
        lowered::find_place(l, 0, C::lane, job / chunks, row);
        const index first = job % chunks * chunk * w, columns = std::min<index>(chunk * w, length - first);
        const int registers = static_cast<int>((columns + w - 1) / w);
        const auto count_of = [&](int u) { return static_cast<int>(std::min<index>(w, columns - u * w)); };
        V reduced[Tree::reduction_count * chunk];
        const index places = count_inner(l, row, l.slots);
        const int innermost = l.slots - 1;
        bool done[Tree::reduction_count + 1] = {};
        t.reductions([&](auto& r) __attribute__((always_inline)) {
            using R = std::remove_cvref_t<decltype(r)>;
            using op = typename R::operation;
            constexpr int k = R::number;
            if (done[k]) return;
            done[k] = true;
            V* sums = reduced + k * chunk;
            if constexpr (k > 0)
                if (same_as[k] != k) {
                    for (int u = 0; u < registers; ++u) sums[u] = reduced[same_as[k] * chunk + u];
                    return;
                }
            if constexpr (std::is_same_v<op, operations::once>) {
                r.x.template seek<C::lane>(row.at, row.row);
                for (int u = 0; u < registers; ++u) sums[u] = r.x.template get<C>(lowered::spot{first + u * w, w, reduced + u});
                return;
            }
            for (int u = 0; u < registers; ++u) sums[u] = V(static_cast<typename C::scalar>(op::identity));
            lowered::cursor c = row;
            for (index i = 0; i < places; ++i) {
                if (i == 0) find_inner(l, 0, c, l.slots);
                else next_inner(l, c);
                r.x.template seek<C::lane>(c.at, c.row);
                // A step down is too long for the hardware to foresee.
                r.x.leaves([&](const auto& leaf) __attribute__((always_inline)) {
                    if constexpr (std::remove_cvref_t<decltype(leaf)>::slots >> C::lane & 1)
                        for (int u = 0; u < registers; ++u) __builtin_prefetch(leaf.here + steps_down * leaf.stride[innermost] + first + u * w);
                });
                for (int u = 0; u < registers; ++u)
                    sums[u] = op::combine(sums[u], r.x.template get<C>(lowered::spot{first + u * w, count_of(u), reduced + u}));
            }
            for (int u = 0; u < registers; ++u) sums[u] = op::finish(sums[u], static_cast<double>(places));
        });
        const auto write = [&](const lowered::cursor& c) {
            t.template seek<C::lane>(c.at, c.row);
            out.template seek<C::lane>(c.at, c.row);
            const index stride = out.stride[C::lane];
            for (int u = 0; u < registers; ++u)
                C::store(out.here + (first + u * w) * stride, stride, count_of(u), t.template get<C>(lowered::spot{first + u * w, count_of(u), reduced + u}));
        };
        if constexpr (WritesInner) {
            lowered::cursor c = row;
            for (index i = 0; i < places; ++i) {
                if (i == 0) find_inner(l, 0, c, l.slots);
                else next_inner(l, c);
                write(c);
            }
        } else write(row);
    });
}

}  // namespace row_programs

template <bool Wide, class Shape, class Tree, class T>
void rows(lowered::loops l, const Tree& tree, const lowered::target<T>& target) {
    using F = std::conditional_t<Wide, double, float>;
    lowered::walk walks[Tree::walk_count + 1] = {target.walks()}, *last = walks + 1;
    tree.walks(last);
    lowered::simplify(l, walks, last);
    constexpr bool alone = Shape::outer == 0;
    if constexpr (Shape::by_columns) {
        // The lanes of one register belong to one sequence: where they would not, they run along the row.
        if (l.within == Shape::lane || l.segment == Shape::lane) return row_programs::by_rows<lanes<F, Shape::last>, Shape::writes_inner, alone>(l, tree, target);
        row_programs::by_columns<lanes<F, Shape::lane, row_programs::chunk>, Shape::writes_inner>(l, tree, target);
    } else if constexpr (Tree::reduction_count == 0) {
        row_programs::elementwise<lanes<F, Shape::lane, 1, true>>(l, tree, target, lowered::dense_along(Shape::lane, walks, last));
    } else {
        if constexpr (!alone)
            if (row_programs::rows_are_alike(l, walks, last, Shape::lane, Shape::writes_inner))
                return row_programs::by_rows_abreast<lanes<F, Shape::lane, 1, true>, Shape::writes_inner>(l, tree, target);
        row_programs::by_rows<lanes<F, Shape::lane>, Shape::writes_inner, alone>(l, tree, target);
    }
}

}  // namespace heed::inline HEED_TARGET::cpu
