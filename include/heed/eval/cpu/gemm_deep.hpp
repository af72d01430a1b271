/// Products with a long depth and a small result.
#pragma once

#include "gemm_blocks.hpp"

namespace heed::inline HEED_TARGET::cpu::detail {

/// A long depth and a small result, as the gradient of a weight is: the depth is cut, by sizes alone, into parts that run
/// side by side, each into a matrix of its own; these are then added in their order.
template <class T> void multiply_deep(const matrix_product<T>& x, std::ptrdiff_t parts) {
    const std::ptrdiff_t part = parts_of(x.k, parts);
    parts = parts_of(x.k, part);
    scratch<T> sums(static_cast<std::size_t>(parts * x.m * x.n));
    parallel_for(parts, x.work() < least_parallel_work ? 0.0 : parallel_threshold, [&](std::ptrdiff_t i) {
        matrix_product<T> y = x;
        y.c = sums.data() + i * x.m * x.n;
        y.bias = nullptr;
        y.epilogue = {};
        y.accumulate = false;
        std::ptrdiff_t below = x.n;
        std::ptrdiff_t within = 1;
        for (int d = y.columns.count - 1; d >= 0; --d) {
            y.columns.stride_c[d] = within;
            within *= y.columns.size[d];
        }
        for (int d = y.rows.count - 1; d >= 0; --d) {
            y.rows.stride_c[d] = below;
            below *= y.rows.size[d];
        }
        y.rows = coalesced(y.rows);
        y.columns = coalesced(y.columns);
        multiply_steps(y, i * part, std::min(x.k, (i + 1) * part));
    });

    const places row_places = in_c(x.rows), column_places = in_c(x.columns);
    scratch<std::ptrdiff_t> column_c(static_cast<std::size_t>(x.n));
    column_places.offsets(0, x.n, column_c.data());
    const bool in_place = column_places.even() && column_places.innermost_stride() == 1;
    parallel_for(x.m, static_cast<double>(parts * x.n) * 4, [&](std::ptrdiff_t row) {
        constexpr int lanes = simd<T>::lanes;
        T* const total = sums.data() + row * x.n;
        T* const c = x.c + row_places.offset(row);
        for (std::ptrdiff_t j = 0; j < x.n; j += lanes) {
            const int n = static_cast<int>(std::min<std::ptrdiff_t>(lanes, x.n - j));
            simd<T> sum = simd<T>::load(total + j, n);
            for (std::ptrdiff_t i = 1; i < parts; ++i) sum += simd<T>::load(total + i * x.m * x.n + j, n);
            if (x.bias) sum += simd<T>::load(x.bias + j, n);
            if (x.accumulate && in_place) sum += simd<T>::load(c + j, n);
            sum.store(total + j, n);
        }
        if (x.accumulate && !in_place)
            for (std::ptrdiff_t j = 0; j < x.n; ++j) total[j] += c[column_c[static_cast<std::size_t>(j)]];
        if (x.epilogue.run) x.epilogue.run(x.epilogue.context, x.batch, row, 0, 1, static_cast<int>(x.n), total, x.n);
        if (in_place) copy_numbers(c, total, x.n);
        else
            for (std::ptrdiff_t j = 0; j < x.n; ++j) c[column_c[static_cast<std::size_t>(j)]] = total[j];
    });
}

}  // namespace heed::inline HEED_TARGET::cpu::detail
