/// The backend of the host: registers, threads, and kernels that an expert would have written.
#pragma once

#include <heed/eval/calls.hpp>
#include <heed/eval/cpu/attention_score.hpp>
#include <heed/eval/cpu/gemm.hpp>
#include <heed/eval/cpu/packs.hpp>
#include <heed/eval/cpu/rows.hpp>
#include <heed/eval/cpu/update.hpp>
#include <heed/eval/cpu/workspace.hpp>
#include <heed/eval/evaluate.hpp>
#include <heed/eval/touched_rows.hpp>

namespace heed::inline HEED_TARGET::cpu {

inline axis_group group_of(const heed::detail::axis_set& set) {
    axis_group g;
    for (int i = 0; i < set.count; ++i) g.add(set.size[i], set.a[i], set.b[i], set.c[i]);
    return g;
}

struct backend {
    using temporaries = cpu::temporaries;
    /// An epilogue runs on each tile of a product while that is in the cache.
    static constexpr bool finishes_tiles = true;
    template <class T> using touched_rows = heed::detail::touched_rows<T>;
    template <class T> static constexpr bool multiplies = heed::detail::multiplies_floats<T>;
    template <class T> using packs = cpu::packs<T>;

    template <bool Wide, class Shape, class Tree, class T>
    static void rows(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target) {
        cpu::rows<Wide, Shape>(l, tree, target);
    }

    template <class T>
    static void contract(const heed::detail::contraction_call<T>& call) {
        contraction<T> x;
        x.a = call.a, x.b = call.b, x.c = call.c;
        x.batch = group_of(call.batch), x.rows = group_of(call.rows), x.columns = group_of(call.columns), x.depth = group_of(call.depth);
        x.accumulate = call.accumulate;
        x.bias = call.bias;
        struct both { heed::detail::epilogue<T> finish; } state{call.finish};
        if (call.finish.apply) {
            x.epilogue.context = &state;
            x.epilogue.run = [](const void* context, index batch, index row, index column, int rows, int columns, T* tile, index stride) {
                const auto& finish = static_cast<const both*>(context)->finish;
                finish.apply(finish.context, batch, row, column, rows, columns, tile, stride);
            };
        }
        if (call.packs) static_cast<const packs<T>*>(call.packs)->serve(x);
        cpu::contract(x);
    }

    template <class Slots, class T, class Tree, class Mask>
    static void attend(const heed::detail::attention_call<T>& call, const Tree& tree, const Mask& mask) { cpu::attend<Slots>(call, tree, mask); }
    template <class Slots, class T, class Tree, class Mask>
    static void attend_backward(const heed::detail::attention_call<T>& call, const Tree& tree, const Mask& mask) { cpu::attend_backward<Slots>(call, tree, mask); }

    /// Optimizers' updates, and the lengths of gradients.
    template <class T, int Moments, class Rule>
    static void update(std::span<const heed::detail::update_call<T, Moments, Rule>> calls, T scale) { cpu::update(calls, scale); }
    template <class T>
    static void sums_of_squares(std::span<const heed::detail::gradient_numbers<T>> gradients, double* sums) { cpu::sums_of_squares(gradients, sums); }

    /// f(first, last) for blocks of so many rows that each weight is used often when it passes, so few that what they come to
    /// stays in the cache; as many blocks for each thread, of rows that tiles of products divide. A few rows stay together,
    /// and threads share the columns.
    static void by_rows(index rows, const auto& f) {
        using detail::parts_of;
        constexpr index fewest = 16, most = 128, tile = 4;
        const index threads = thread_count();
        if (rows < fewest * threads) return f(0, rows);
        const index blocks = parts_of(parts_of(rows, most), threads) * threads;
        const index at_once = parts_of(parts_of(rows, blocks), tile) * tile;
        parallel_for(parts_of(rows, at_once), [&](index block) { f(block * at_once, std::min(rows, (block + 1) * at_once)); });
    }

    /// A row of a finished tile through the tree of an epilogue, dense or not; `ahead` rows along `slot` lies what the next
    /// tile reads, of which memory is asked meanwhile.
    template <int Lane, class Tree, class T>
    static void finish_row(const Tree& tree, T* row, index column, index columns, bool dense, int slot, index ahead) {
        using context = lanes<T, Lane, 1, true>;
        constexpr int w = context::width;
        tree.leaves([&](const auto& leaf) __attribute__((always_inline)) {
            if constexpr (std::remove_cvref_t<decltype(leaf)>::slots >> Lane & 1) {
                if (leaf.stride[slot] == 0 || !dense) return;
                const auto* next = leaf.here + column + ahead * leaf.stride[slot];
                for (index j = 0; j < columns; j += 64 / static_cast<index>(sizeof(*next))) __builtin_prefetch(next + j);
            }
        });
        index j = 0;
        for (; dense && j + w <= columns; j += w) context::store(row + j, 1, w, tree.template get<context>(lowered::spot{column + j, w, row - column}));
        if (j < columns) finish_rest<Lane>(tree, row, column, j, columns);
    }
    template <int Lane, class Tree, class T>
    [[gnu::noinline]] static void finish_rest(const Tree& tree, T* row, index column, index first, index columns) {
        using context = lanes<T, Lane>;
        for (index j = first; j < columns; j += context::width) {
            const int n = static_cast<int>(std::min<index>(context::width, columns - j));
            context::store(row + j, 1, n, tree.template get<context>(lowered::spot{column + j, n, row - column}));
        }
    }
};

}  // namespace heed::inline HEED_TARGET::cpu

namespace heed::inline HEED_TARGET {
template <> struct backend_of<host> : cpu::backend {};
}  // namespace heed::inline HEED_TARGET
