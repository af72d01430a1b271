/// Products with very few rows or columns, as sums along the depth: a logit for each row, one token against a table.
#pragma once

#include "gemm_kernel.hpp"

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

}  // namespace heed::inline HEED_TARGET::cpu::detail
