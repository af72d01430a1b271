/// Row programs: for every row its reductions, one after another, then the trees on them.
///
/// By rows, a warp takes a row, or where a row is long all warps of a block do; neighbours are read by neighbouring threads. By
/// columns, a thread takes a place of the last axis beside the row, and the threads above one another share the row. A
/// single sum over much is cut among blocks, and a second kernel adds up their parts. Every order of adding follows from the
/// sizes alone, so the bits do as well.
#pragma once

#include <heed/eval/cuda/lanes.hpp>
#include <heed/eval/cuda/places.hpp>
#include <heed/eval/repeats.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// Threads of a row program's block.
inline constexpr int row_threads = 256, row_warps = row_threads / warp;

/// The threads of a block that work on one row, and where they leave what each came to.
template <class F, class Block>
struct row_team {
    Block& block;
    int warps;                          // of the team: 1, or all of the block
    int rank;                           // of this thread among the team
    F* sums;                            // one for each warp of the block

    /// All of the team's values combined, in an order that the number of threads alone tells; the same for every thread.
    template <class Op> HEED_HOST_DEVICE F combine(F value) const {
        using V = pack<F, 1>;
        for (int bits = 1; bits < warp; bits *= 2) value = Op::combine(V(value), V(block.exchange(value, bits))).value[0];
        if (warps == 1) return value;
        if (rank % warp == 0) sums[rank / warp] = value;
        block.barrier();
        value = sums[0];
        for (int w = 1; w < warps; ++w) value = Op::combine(V(value), V(sums[w])).value[0];
        block.barrier();
        return value;
    }
};

/// What row kernels share: the statement, and which reductions repeat an earlier one.
template <class Shape, class Tree, class T>
struct row_statement {
    static constexpr int reductions = Tree::reduction_count;
    lowered::loops l;
    number rows;
    Tree tree;
    lowered::target<T> target;
    int same_as[reductions + 1];

    /// reduced[k] = value(reduction k) for those that repeat no earlier one, in their order.
    template <class V, class Value> HEED_HOST_DEVICE void reduce(Tree& t, V (&reduced)[reductions + 1], Value&& value) const {
        bool done[reductions + 1] = {};
        t.reductions([&](auto& r) {
            constexpr int k = std::remove_cvref_t<decltype(r)>::number;
            if (!done[k]) reduced[k] = same_as[k] == k ? value(r) : reduced[same_as[k]];
            done[k] = true;
        });
    }
};

/// Rows whose lanes run along them. C's width divides the innermost slot.
template <class C, class Shape, class Tree, class T>
struct program_by_rows : row_statement<Shape, Tree, T> {
    using F = typename C::scalar;
    using V = typename C::floating;
    static constexpr int threads = row_threads, innermost = Shape::last;
    int warps;                          // that take a row together: 1 or row_warps
    static constexpr std::size_t shared_bytes = row_warps * sizeof(F);

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const int team = warps * warp, at_once = row_threads / team;
        const index row = block.number() * at_once + block.thread() / team;
        if (row >= this->rows) return;
        const row_team<F, Block> threads_of{block, warps, block.thread() % team, reinterpret_cast<F*>(block.shared())};
        lowered::cursor c;
        find_place<0, Shape::outer>(this->l, static_cast<number>(row), c);
        const index places = count_from<Shape::outer, Shape::last + 1>(this->l, c);
        Tree t = this->tree;
        V reduced[Tree::reduction_count + 1] = {};
        this->reduce(t, reduced, [&](auto& r) -> V {
            using op = typename std::remove_cvref_t<decltype(r)>::operation;
            if constexpr (std::is_same_v<op, operations::once>) {
                r.x.template seek<C::lane>(c.at, c.row);
                return r.x.template get<C>(lowered::spot{0, C::width, reduced});
            } else {
                V sum(op::identity);
                for (index i = threads_of.rank; i < places; i += team) {
                    const index at = go_to(r.x, i, c);
                    sum = op::combine(sum, C::to_floating(r.x.template get<C>(lowered::spot{at, C::width, reduced})));
                }
                F all = sum.value[0];
                for (int i = 1; i < C::width; ++i) all = op::combine(pack<F, 1>(all), pack<F, 1>(sum.value[i])).value[0];
                all = threads_of.template combine<op>(all);
                return op::finish(V(all), static_cast<double>(places) * C::width);
            }
        });
        lowered::target<T> to = this->target;
        if constexpr (Shape::writes_inner) {
            for (index i = threads_of.rank; i < places; i += team) {
                const index at = go_to(t, i, c);
                to.template seek<C::lane>(c.at, c.row);
                store_tree<C>(t, to, at, reduced);
            }
        } else if (threads_of.rank == 0) {
            using one = lanes<F, C::lane>;
            pack<F, 1> alone[Tree::reduction_count + 1];
            for (int k = 0; k < Tree::reduction_count; ++k) alone[k] = pack<F, 1>(reduced[k].value[0]);
            c.at[C::lane] = 0;
            t.template seek<C::lane>(c.at, c.row);
            to.template seek<lowered::no_lane>(c.at, c.row);
            store_tree<one>(t, to, 0, alone);
        }
    }

private:
    template <class X> HEED_HOST_DEVICE index go_to(X& x, index i, lowered::cursor& c) const {
        find_place<Shape::outer, innermost + 1>(this->l, static_cast<number>(i), c);
        x.template seek<C::lane>(c.at, c.row);
        return c.at[C::lane] * C::width;
    }
};

/// Rows side by side: a thread a place of the slot before the row, the lane of C.
template <class C, class Shape, class Tree, class T>
struct program_by_columns : row_statement<Shape, Tree, T> {
    using F = typename C::scalar;
    using V = typename C::floating;
    static_assert(C::width == 1);
    static constexpr int threads = row_threads, across = warp, down = row_threads / across;
    static constexpr std::size_t shared_bytes = row_threads * sizeof(F);

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const int column = block.thread() % across, first = block.thread() / across;
        const index row = block.number() * across + column;
        const bool inside = row < this->rows;
        F* const sums = reinterpret_cast<F*>(block.shared());
        lowered::cursor c;
        if (inside) find_place<0, Shape::outer>(this->l, static_cast<number>(row), c);
        const index lane = c.at[C::lane], places = inside ? count_from<Shape::outer, Shape::last + 1>(this->l, c) : 0;
        Tree t = this->tree;
        V reduced[Tree::reduction_count + 1] = {};
        this->reduce(t, reduced, [&](auto& r) -> V {
            using op = typename std::remove_cvref_t<decltype(r)>::operation;
            if constexpr (std::is_same_v<op, operations::once>) {
                if (!inside) return V(F(0));
                r.x.template seek<C::lane>(c.at, c.row);
                return r.x.template get<C>(lowered::spot{lane, 1, reduced});
            } else {
                V sum(op::identity);
                for (index i = first; i < places; i += down) {
                    find_place<Shape::outer, Shape::last + 1>(this->l, static_cast<number>(i), c);
                    r.x.template seek<C::lane>(c.at, c.row);
                    sum = op::combine(sum, C::to_floating(r.x.template get<C>(lowered::spot{lane, 1, reduced})));
                }
                sums[block.thread()] = sum.value[0];
                block.barrier();
                for (int d = 0; d < down; ++d) sum = d == 0 ? V(sums[column]) : op::combine(sum, V(sums[d * across + column]));
                block.barrier();
                return op::finish(sum, static_cast<double>(places));
            }
        });
        lowered::target<T> to = this->target;
        const auto write = [&] {
            t.template seek<C::lane>(c.at, c.row);
            to.template seek<C::lane>(c.at, c.row);
            store_tree<C>(t, to, lane, reduced);
        };
        if constexpr (Shape::writes_inner) {
            for (index i = first; i < places; i += down) {
                find_place<Shape::outer, Shape::last + 1>(this->l, static_cast<number>(i), c);
                write();
            }
        } else if (inside && first == 0) write();
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
