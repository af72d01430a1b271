/// Products with very few rows or columns, as sums along the depth: a logit for each row, one token against a table.
#pragma once

#include "gemm_product.hpp"

namespace heed::inline HEED_TARGET::cpu::detail {

/// Few means at most this many.
inline constexpr int most_few = 4;
/// How many of the others are taken at a time.
inline constexpr int many_at_once = HEED_AVX512 ? 4 : 2;

/// out[i * Few + f] = sum over k of many[i][k] * few[f * few_step + k]. Both lie with their depth contiguous.
template <class T, int Few> void dot_few(const T* const* many, const T* few, std::ptrdiff_t few_step, std::ptrdiff_t depth, T* out) {
    constexpr int lanes = simd<T>::lanes;
    simd<T> sum[many_at_once][Few];
#pragma GCC unroll 4
    for (int i = 0; i < many_at_once; ++i)
#pragma GCC unroll 4
        for (int f = 0; f < Few; ++f) sum[i][f] = simd<T>(T(0));
    std::ptrdiff_t k = 0;
    for (; k + lanes <= depth; k += lanes) {
        simd<T> y[Few];
#pragma GCC unroll 4
        for (int f = 0; f < Few; ++f) y[f] = simd<T>::load(few + f * few_step + k);
#pragma GCC unroll 4
        for (int i = 0; i < many_at_once; ++i) {
            const simd<T> x = simd<T>::load(many[i] + k);
#pragma GCC unroll 4
            for (int f = 0; f < Few; ++f) sum[i][f] = fma(x, y[f], sum[i][f]);
        }
    }
    if (const int left = static_cast<int>(depth - k); left > 0) {
#pragma GCC unroll 4
        for (int i = 0; i < many_at_once; ++i) {
            const simd<T> x = simd<T>::load(many[i] + k, left);
#pragma GCC unroll 4
            for (int f = 0; f < Few; ++f) sum[i][f] = fma(x, simd<T>::load(few + f * few_step + k, left), sum[i][f]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < many_at_once; ++i)
#pragma GCC unroll 4
        for (int f = 0; f < Few; ++f) out[i * Few + f] = reduce_add(sum[i][f]);
}

/// The same for 1 to 4 of the few; the distance between rows of `out` is 1, 2 or 4, the least that holds them.
template <class T> void dot_few(const T* const* many, const T* few, int count, std::ptrdiff_t few_step, std::ptrdiff_t depth, T* out) {
    if (count == 1) dot_few<T, 1>(many, few, few_step, depth, out);
    else if (count == 2) dot_few<T, 2>(many, few, few_step, depth, out);
    else dot_few<T, 4>(many, few, few_step, depth, out);
}

/// At most four columns, or at most four rows, and the other operand's depth is contiguous: each number of c is one sum
/// along registers.
template <class T> void multiply_few(const matrix_product<T>& x, bool few_rows) {
    const int few = static_cast<int>(few_rows ? x.m : x.n);
    const int held = few == 3 ? 4 : few;
    const std::ptrdiff_t many = few_rows ? x.n : x.m;
    places few_places = few_rows ? in_a(x.rows) : in_b(x.columns), few_depth = few_rows ? in_a(x.depth) : in_b(x.depth);
    const T* from = few_rows ? x.a : x.b;
    const std::ptrdiff_t one = 1, line = packed_width<T>(few);
    if (x.packed) {
        few_places = {1, &x.n, &one};
        few_depth = {1, &x.k, &line};
        from = x.packed->strip(0, 0);
    }
    const places many_places = few_rows ? in_b(x.columns) : in_a(x.rows);

    const auto depth = static_cast<std::size_t>(x.k);
    scratch<std::ptrdiff_t> along(depth);
    few_depth.offsets(0, x.k, along.data());
    scratch<T> gathered(static_cast<std::size_t>(held) * depth);
    for (int f = 0; f < held; ++f) {
        T* const to = gathered.data() + f * x.k;
        const std::ptrdiff_t start = f < few ? few_places.offset(f) : 0;
        for (std::ptrdiff_t k = 0; k < x.k; ++k) to[k] = f < few ? from[start + along[static_cast<std::size_t>(k)]] : T(0);
    }
    std::ptrdiff_t few_c[most_few];
    (few_rows ? in_c(x.rows) : in_c(x.columns)).offsets(0, few, few_c);

    constexpr int block = 16;
    static_assert(block % many_at_once == 0);
    parallel_for(parts_of(many, block), static_cast<double>(block * few * x.k), [&](std::ptrdiff_t part) {
        const std::ptrdiff_t first = part * block;
        const int count = static_cast<int>(std::min<std::ptrdiff_t>(block, many - first));
        std::ptrdiff_t many_from[block], many_c[block];
        many_places.offsets(first, count, many_from);
        (few_rows ? in_c(x.columns) : in_c(x.rows)).offsets(first, count, many_c);
        T sums[block * most_few], tile[block * most_few];
        for (int i = 0; i < count; i += many_at_once) {
            const T* at[many_at_once];
            for (int j = 0; j < many_at_once; ++j) at[j] = (few_rows ? x.b : x.a) + many_from[std::min(i + j, count - 1)];
            dot_few(at, gathered.data(), held, x.k, x.k, sums + i * held);
        }
        const int height = few_rows ? few : count, width = few_rows ? count : few;
        for (int i = 0; i < height; ++i)
            for (int j = 0; j < width; ++j) {
                const T bias = x.bias ? x.bias[few_rows ? first + j : j] : T(0);
                tile[i * width + j] = (few_rows ? sums[j * held + i] : sums[i * held + j]) + bias;
            }
        store_tile(x, tile, width, few_rows ? 0 : first, few_rows ? first : 0, height, width, few_rows ? few_c : many_c, few_rows ? many_c : few_c,
                   x.accumulate, x.epilogue.run != nullptr);
    });
}

}  // namespace heed::inline HEED_TARGET::cpu::detail
