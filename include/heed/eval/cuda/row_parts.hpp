/// Single sums over much, of few rows: cut among blocks, whose parts a second kernel adds up in order. So the gradient of a
/// bias, a sum over all positions, keeps the whole device at work.
///
/// How many parts follows from the sizes alone, and so do the bits.
#pragma once

#include <heed/eval/cuda/rows.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Whether a tree has one reduction, of its row, and nothing else that is computed once a row.
template <class Tree> inline constexpr bool has_one_reduction = false;
template <class Op, int K, class X> inline constexpr bool has_one_reduction<lowered::reduction<Op, K, X>> = X::reduction_count == 0;
template <class Op, lowered::kind K, class X> inline constexpr bool has_one_reduction<lowered::unary<Op, K, X>> = has_one_reduction<X>;
template <lowered::kind K, class X> inline constexpr bool has_one_reduction<lowered::converted<K, X>> = has_one_reduction<X>;
template <class Op, lowered::kind K, class L, class R> inline constexpr bool has_one_reduction<lowered::binary<Op, K, L, R>> =
    (has_one_reduction<L> && R::reduction_count == 0) || (L::reduction_count == 0 && has_one_reduction<R>);

/// As many blocks as keep a device of today at work, and the fewest places of a row that make a part.
inline constexpr index wanted_blocks = 264, least_part = 512;

/// Part p of a row is its places [p * length, (p + 1) * length); its sum goes to parts[p * rows + row]. C::lane is that of
/// Shape by columns, else the innermost.
template <bool ByColumns, class C, class Shape, class Tree, class T>
struct sum_parts : row_statement<Shape, Tree, T> {
    using F = typename C::scalar;
    static constexpr int threads = row_threads, across = ByColumns ? warp : 1, down = row_threads / across;
    static constexpr std::size_t shared_bytes = row_threads * sizeof(F);
    index length, groups;               // groups of rows, `across` each: a block's number counts parts, then groups
    F* parts;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index group = block.number() % groups, part = block.number() / groups;
        const int column = block.thread() % across, first = block.thread() / across;
        const index row = group * across + column;
        const bool inside = row < this->rows;
        lowered::cursor c;
        if (inside) find_place<0, Shape::outer>(this->l, static_cast<number>(row), c);
        const index lane = ByColumns ? c.at[C::lane] : 0, places = inside ? count_from<Shape::outer, Shape::last + 1>(this->l, c) : 0;
        const index end = (part + 1) * length < places ? (part + 1) * length : places;
        Tree t = this->tree;
        F* const sums = reinterpret_cast<F*>(block.shared());
        t.reductions([&](auto& r) {
            using op = typename std::remove_cvref_t<decltype(r)>::operation;
            using V = pack<F, 1>;
            typename C::floating sum(op::identity);
            for (index i = part * length + first; i < end; i += down) {
                find_place<Shape::outer, Shape::last + 1>(this->l, static_cast<number>(i), c);
                r.x.template seek<C::lane>(c.at, c.row);
                sum = op::combine(sum, C::to_floating(r.x.template get<C>(lowered::spot{ByColumns ? lane : c.at[C::lane] * C::width, C::width, nullptr})));
            }
            V all(sum.value[0]);
            for (int i = 1; i < C::width; ++i) all = op::combine(all, V(sum.value[i]));
            sums[block.thread()] = all.value[0];
            block.barrier();
            // Halves of the column, again and again: thread first + half has what follows.
            for (int half = down / 2; half > 0; half /= 2) {
                if (first < half) sums[block.thread()] = op::combine(V(sums[block.thread()]), V(sums[block.thread() + half * across])).value[0];
                block.barrier();
            }
            if (inside && first == 0) parts[part * this->rows + row] = sums[column];
        });
    }
};

/// The parts of each row, and the tree of their sum.
template <class F, class Shape, class Tree, class T>
struct add_row_parts : row_statement<Shape, Tree, T> {
    using C = lanes<F, lowered::no_lane>;
    static constexpr int threads = row_threads;
    index count, width;                 // of parts; of the neighbours that counted as one place
    const F* parts;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index row = block.number() * threads + block.thread();
        if (row >= this->rows) return;
        lowered::cursor c;
        find_place<0, Shape::outer>(this->l, static_cast<number>(row), c);
        const index places = count_from<Shape::outer, Shape::last + 1>(this->l, c);
        Tree t = this->tree;
        pack<F, 1> reduced[Tree::reduction_count + 1] = {};
        t.reductions([&](auto& r) {
            using op = typename std::remove_cvref_t<decltype(r)>::operation;
            pack<F, 1> sum(op::identity);
            for (index p = 0; p < count; ++p) sum = op::combine(sum, pack<F, 1>(parts[p * this->rows + row]));
            reduced[0] = op::finish(sum, static_cast<double>(places) * static_cast<double>(width));
        });
        lowered::target<T> to = this->target;
        t.template seek<lowered::no_lane>(c.at, c.row);
        to.template seek<lowered::no_lane>(c.at, c.row);
        store_tree<C>(t, to, 0, reduced);
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
