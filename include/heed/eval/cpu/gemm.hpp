/// The contraction that every `dot` becomes: a product of matrices whose rows, columns, depth and batch may each be
/// several axes, lying in memory in any order.
///
///     c[batch, row, column] = sum over depth of a[batch, row, depth] * b[batch, depth, column]
///
/// Nothing is copied but into packs. One function for float and one for double serve all shapes. Each number of c is a
/// sum in an order that depends on the sizes alone, so that its bits do not depend on the number of threads.
#pragma once

#include "gemm_blocks.hpp"
#include "gemm_deep.hpp"
#include "gemm_dot.hpp"
#include "gemm_lines.hpp"
#include "gemm_pack.hpp"
#include "gemm_pairs.hpp"

namespace heed::inline HEED_TARGET::cpu {

/// One contraction, as a value. c must not overlap the operands.
template <class T> struct contraction {
    const T* a = nullptr;
    const T* b = nullptr;
    T* c = nullptr;
    axis_group batch;    // axes of all three
    axis_group rows;     // axes of a and c
    axis_group columns;  // axes of b and c
    axis_group depth;    // axes of a and b, summed
    bool accumulate = false;                    // c += the sum, else c = the sum
    const T* bias = nullptr;                    // bias[flattened column] is added to the sum
    const packed_matrix<T>* packed = nullptr;   // b, packed before; then b and its distances are not looked at, nor is there a batch
    const packed_pairs* pairs = nullptr;        // the same in bf16, for products of float that may round to it
    tile_epilogue<T> epilogue;                  // sees what is stored: the sum, with bias, and with c where accumulate is set
};

namespace detail {

template <class T> void multiply(const matrix_product<T>& x) {
    const bool a_runs = in_a(x.depth).even() && in_a(x.depth).innermost_stride() == 1;
    const bool b_runs = in_b(x.depth).even() && in_b(x.depth).innermost_stride() == 1;
    if (x.k >= 2 * simd<T>::lanes) {
        if (x.n <= most_few && a_runs && (!x.packed || x.n <= tile_columns<T>)) return multiply_few(x, false);
        if (x.m <= most_few && b_runs && !x.packed) return multiply_few(x, true);
    }
    if (reads_lines(x)) return multiply_lines(x);
    constexpr std::ptrdiff_t deep = 4 * longest_depth<T>, small = std::ptrdiff_t(1) << 17;
    if (x.k >= deep && x.m * x.n <= small) multiply_deep(x, std::min<std::ptrdiff_t>(16, x.k / (2 * longest_depth<T>)));
    else multiply_steps(x, 0, x.k);
}

inline axis_group with_operands_swapped(axis_group g) {
    for (int i = 0; i < g.count; ++i) std::swap(g.stride_a[i], g.stride_b[i]);
    return g;
}

}  // namespace detail

/// Computes a contraction. Sizes of zero are fine: nothing to write, or sums over nothing, which are zero.
template <class T> void contract(const contraction<T>& x) {
    using namespace detail;
    if (x.batch.total() == 0 || x.rows.total() == 0 || x.columns.total() == 0) return;
    matrix_product<T> y{x.a, x.b, x.c, x.packed, x.bias, x.epilogue, 0, coalesced(x.rows), coalesced(x.columns), coalesced(x.depth), 0, 0, 0, x.accumulate};
    axis_group batch = coalesced(x.batch);

    const bool plain = !x.packed && !x.pairs && !x.bias && !x.epilogue.run;
    if (plain && in_c(y.rows).innermost_stride() == 1 && in_c(y.columns).innermost_stride() != 1) {
        // c lies with its rows as neighbours: the transposed product writes them as columns.
        std::swap(y.a, y.b);
        const axis_group rows = y.rows;
        y.rows = with_operands_swapped(y.columns);
        y.columns = with_operands_swapped(rows);
        y.depth = with_operands_swapped(y.depth);
        batch = with_operands_swapped(batch);
    }
    if (!x.epilogue.run) {
        // A batch that only one operand has is more rows, or more columns, of one product.
        axis_group kept, rows, columns;
        for (int i = 0; i < batch.count; ++i) {
            const bool to_rows = batch.stride_b[i] == 0 && rows.count + y.rows.count < axis_group::most;
            const bool to_columns = !to_rows && plain && batch.stride_a[i] == 0 && columns.count + y.columns.count < axis_group::most;
            axis_group& g = to_rows ? rows : to_columns ? columns : kept;
            g.add(batch.size[i], batch.stride_a[i], batch.stride_b[i], batch.stride_c[i]);
        }
        for (int i = 0; i < y.rows.count; ++i) rows.add(y.rows.size[i], y.rows.stride_a[i], y.rows.stride_b[i], y.rows.stride_c[i]);
        for (int i = 0; i < y.columns.count; ++i) columns.add(y.columns.size[i], y.columns.stride_a[i], y.columns.stride_b[i], y.columns.stride_c[i]);
        batch = kept;
        y.rows = coalesced(rows);
        y.columns = coalesced(columns);
    }
    y.m = y.rows.total();
    y.n = y.columns.total();
    y.k = y.depth.total();

    const std::ptrdiff_t items = batch.total();
    const auto item = [&](std::ptrdiff_t i) {
        matrix_product<T> z = y;
        z.a += in_a(batch).offset(i);
        z.b += in_b(batch).offset(i);
        z.c += in_c(batch).offset(i);
        z.batch = i;
#if HEED_BF16_PAIRS
        if constexpr (std::is_same_v<T, float>)
            if (x.pairs) return multiply_pairs(z, *x.pairs);
#endif
        multiply(z);
    };
    if (items == 1) {
        item(0);
    } else if (items >= 4 * thread_count() || y.work() < least_parallel_work) {
        parallel_for(items, parallel_threshold * y.work() / least_parallel_work, item);
    } else {
        for (std::ptrdiff_t i = 0; i < items; ++i) item(i);
    }
}

}  // namespace heed::inline HEED_TARGET::cpu
