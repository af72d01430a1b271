/// Products with very few rows and b as it lies: its lines are read side by side, in their own order, each once.
#pragma once

#include "gemm_product.hpp"

namespace heed::inline HEED_TARGET::cpu::detail {

/// Columns whose sums stay in the first cache while the lines of b pass.
template <class T>
inline constexpr std::ptrdiff_t columns_of_lines = 4096 / static_cast<std::ptrdiff_t>(sizeof(T));

/// Few rows over some columns: sum[r * sum_step + column] += sum over k of a[r][k * a_step] * b[k * b_step + column].
template <class T>
struct line_product {
    const T* a[4];
    std::ptrdiff_t a_step;
    const T* b;
    std::ptrdiff_t b_step, columns;
    T* sum;
    std::ptrdiff_t sum_step;
};

/// The part of some lines from k on.
template <class T, int Rows, int Lines>
HEED_INLINE void add_lines(const line_product<T>& p, std::ptrdiff_t k, std::ptrdiff_t ahead) {
    constexpr int lanes = simd<T>::lanes;
    simd<T> x[Lines][Rows];
    const T* line[Lines];
#pragma GCC unroll 8
    for (int l = 0; l < Lines; ++l) {
        line[l] = p.b + (k + l) * p.b_step;
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) x[l][r] = simd<T>(p.a[r][(k + l) * p.a_step]);
    }
    T* const to = p.sum;
    const std::ptrdiff_t sum_step = p.sum_step;
    const auto add = [&](std::ptrdiff_t j, const auto& load) __attribute__((always_inline)) {
        simd<T> sum[Rows];
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) sum[r] = simd<T>::load(to + r * sum_step + j);
#pragma GCC unroll 8
        for (int l = 0; l < Lines; ++l) {
            const simd<T> y = load(line[l] + j);
#pragma GCC unroll 4
            for (int r = 0; r < Rows; ++r) sum[r] = fma(x[l][r], y, sum[r]);
        }
#pragma GCC unroll 4
        for (int r = 0; r < Rows; ++r) sum[r].store(to + r * sum_step + j);
    };
    std::ptrdiff_t j = 0;
    for (; j + lanes <= p.columns; j += lanes) {
        if (ahead)
#pragma GCC unroll 8
            for (int l = 0; l < Lines; ++l) __builtin_prefetch(line[l] + ahead + j);
        add(
            j, [](const T* from) __attribute__((always_inline)) { return simd<T>::load(from); });
    }
    if (const int left = static_cast<int>(p.columns - j); left > 0)
        add(
            j, [left](const T* from) __attribute__((always_inline)) { return simd<T>::load(from, left); });
}

template <class T, int Rows>
void sum_lines(const line_product<T>& p, std::ptrdiff_t first, std::ptrdiff_t last) {
    constexpr int at_once = std::min(8, (HEED_AVX512 ? 16 : 8) / Rows);
    constexpr std::ptrdiff_t far = 16384 / static_cast<std::ptrdiff_t>(sizeof(T));  // lines this far apart, no machine asks for by itself
    std::ptrdiff_t k = first;
    for (; k + at_once <= last; k += at_once)
        add_lines<T, Rows, at_once>(p, k, p.b_step >= far && k + 2 * at_once <= last ? at_once * p.b_step : 0);
    for (; k < last; ++k) add_lines<T, Rows, 1>(p, k, 0);
}

/// Whether a product is of few rows with lines that can be read so.
template <class T>
bool reads_lines(const matrix_product<T>& x) {
    return !x.packed && x.m <= 4 && x.k > 0 && x.n >= tile_columns<T> && in_a(x.depth).even() && in_b(x.depth).even() &&
           in_b(x.columns).even() && in_b(x.columns).innermost_stride() == 1;
}

/// Threads share the columns.
template <class T>
void multiply_lines(const matrix_product<T>& x) {
    const int rows = static_cast<int>(x.m), held = rows == 3 ? 4 : rows;
    const bool alone = x.work() < least_parallel_work || thread_count() == 1;
    const std::ptrdiff_t tiles = parts_of(x.n, tile_columns<T>), threads = alone ? 1 : thread_count();
    const std::ptrdiff_t at_once = std::min(columns_of_lines<T>, parts_of(tiles, threads) * tile_columns<T>);
    const std::ptrdiff_t step = parts_of(x.k, parts_of(x.k, longest_depth<T>));
    parallel_for(parts_of(x.n, at_once), alone ? 0.0 : parallel_threshold, [&](std::ptrdiff_t part) {
        constexpr int lanes = simd<T>::lanes;
        const std::ptrdiff_t first = part * at_once, columns = std::min(at_once, x.n - first), wide = parts_of(columns, lanes) * lanes;
        const std::ptrdiff_t numbers = held * wide;
        scratch<T> total(static_cast<std::size_t>(numbers)), sum(static_cast<std::size_t>(numbers));
        line_product<T> p{{}, in_a(x.depth).innermost_stride(), x.b + first, in_b(x.depth).innermost_stride(), columns, total.data(), wide};
        for (int r = 0; r < held; ++r) {
            p.a[r] = x.a + in_a(x.rows).offset(std::min(r, rows - 1));
            if (x.bias) copy_numbers(total.data() + r * wide, x.bias + first, columns);
        }
        if (!x.bias) std::fill_n(total.data(), numbers, T(0));
        // Partial sums, as in the other products, keep rounding errors small.
        for (std::ptrdiff_t k = 0; k < x.k; k += step, p.sum = sum.data()) {
            if (k > 0) std::fill_n(p.sum, numbers, T(0));
            const std::ptrdiff_t last = std::min(x.k, k + step);
            if (held == 1)
                sum_lines<T, 1>(p, k, last);
            else if (held == 2)
                sum_lines<T, 2>(p, k, last);
            else
                sum_lines<T, 4>(p, k, last);
            for (std::ptrdiff_t i = 0; k > 0 && i < numbers; i += lanes)
                (simd<T>::load(total.data() + i) + simd<T>::load(p.sum + i)).store(total.data() + i);
        }
        std::ptrdiff_t row_c[4], column_c[columns_of_lines<T>];
        in_c(x.rows).offsets(0, rows, row_c);
        in_c(x.columns).offsets(first, columns, column_c);
        store_tile(x, total.data(), wide, 0, first, rows, static_cast<int>(columns), row_c, column_c, x.accumulate,
                   x.epilogue.run != nullptr);
    });
}

}  // namespace heed::inline HEED_TARGET::cpu::detail
