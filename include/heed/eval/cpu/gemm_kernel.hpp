/// The innermost product: a tile of c, held in registers over the whole depth.
///
/// For each step of the depth, a few registers of b and one number for each row of a: with 6 rows and 4 registers of
/// AVX-512 that is 24 sums in flight, 10 loads for 24 multiply-adds. Rows of a are read where they lie.
#pragma once

#include <algorithm>
#include <cstddef>

#include "simd.hpp"

namespace heed::inline HEED_TARGET::cpu {

namespace detail {

/// The largest tile: as many sums as registers allow, with room for one line of b and a number of a.
inline constexpr int tile_rows = HEED_AVX512 || native::lanes<float> == 8 ? 6 : 4;
inline constexpr int tile_vectors = HEED_AVX512 ? 4 : 2;
template <class T> inline constexpr int tile_columns = tile_vectors * simd<T>::lanes;

/// c[row_c[row] + column] = (bias[column]) + sum over k of a[row][k * a_step] * b[k * b_step + column], or that added to c.
template <class T> struct tile_product {
    std::ptrdiff_t depth = 0;
    const T* const* a = nullptr;       // each row's number at the first step
    const T* const* next_a = nullptr;  // the same of a tile to come, for the cache; null where there is none
    std::ptrdiff_t a_step = 0;
    const T* b = nullptr;              // readable for whole registers
    std::ptrdiff_t b_step = 0;
    T* keep = nullptr;                 // where the lines of b are copied, one after the other, for the tiles to come
    const T* ahead = nullptr;          // lines of b to come, for the cache: so many whenever a line of each row is done
    std::ptrdiff_t ahead_step = 0;
    int ahead_count = 0;
    const T* bias = nullptr;
    T* c = nullptr;
    const std::ptrdiff_t* row_c = nullptr;
    int columns = 0;                   // those of c; the tile may compute more
    bool add = false;
};

/// Numbers in a line of the cache.
template <class T> inline constexpr int line_numbers = 64 / static_cast<int>(sizeof(T));

template <class T, int Rows, int Vectors, bool Keep = false> void multiply_tile(tile_product<T>& p) {
    constexpr int lanes = simd<T>::lanes;
    // A sum waits some four cycles for its next term: narrow tiles take several steps side by side, as the registers allow.
    // How many depends on the columns alone, so that it does not matter to the bits of a row which tile it falls to.
    constexpr int ways = tile_vectors / Vectors;
    constexpr int steps_at_once = line_numbers<T>, steps_ahead = 8;
    static_assert(steps_at_once % ways == 0);
    const bool whole = p.columns == Vectors * lanes;
    const auto width = [&](int v) { return std::clamp(p.columns - v * lanes, 0, lanes); };  // columns of c in a register

    simd<T> sum[ways][Rows][Vectors];
    const T* a[Rows];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) a[r] = p.a[r];
#pragma GCC unroll 4
    for (int w = 0; w < ways; ++w)
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) sum[w][r][v] = simd<T>(T(0));
    if (p.bias) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            const simd<T> start = simd<T>::load(p.bias + v * lanes, width(v));
#pragma GCC unroll 8
            for (int r = 0; r < Rows; ++r) sum[0][r][v] = start;
        }
    }

    const T* b = p.b;
    const std::ptrdiff_t a_step = p.a_step, b_step = p.b_step;
    std::ptrdiff_t k = p.depth;
    std::ptrdiff_t offset = 0;
    T* keep = p.keep;
    while (k >= ways) {
        // What is to come is asked for once in a line's steps. Its addresses must not take registers from the sums, into
        // which g++ would spill them: the barrier has it read them anew.
        asm volatile("" : : : "memory");
        if (p.next_a && a_step == 1)
            for (int r = 0; r < Rows; ++r) __builtin_prefetch(p.next_a[r] + offset);
        else if (p.next_a)
            for (int i = 0; i < steps_at_once; ++i) __builtin_prefetch(p.next_a[Rows - 1] + offset + i * a_step, 0, 2);
        for (int i = 0; i < p.ahead_count; ++i, p.ahead += p.ahead_step)
            for (int v = 0; v < tile_columns<T>; v += line_numbers<T>) __builtin_prefetch(p.ahead + v, 0, 2);
        std::ptrdiff_t steps = std::min<std::ptrdiff_t>(k, steps_at_once) / ways;
        k -= steps * ways;
        for (; steps > 0; --steps) {
#pragma GCC unroll 4
            for (int w = 0; w < ways; ++w) {
                simd<T> line[Vectors];
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) line[v] = simd<T>::load(b + v * lanes);
                if constexpr (Keep) {
#pragma GCC unroll 4
                    for (int v = 0; v < Vectors; ++v) {
                        __builtin_prefetch(b + steps_ahead * b_step + v * lanes);
                        line[v].store(keep + v * lanes);
                    }
                    keep += Vectors * lanes;
                }
#pragma GCC unroll 8
                for (int r = 0; r < Rows; ++r) {
                    const simd<T> x(a[r][offset]);
#pragma GCC unroll 4
                    for (int v = 0; v < Vectors; ++v) sum[w][r][v] = fma(x, line[v], sum[w][r][v]);
                }
                b += b_step;
                offset += a_step;
            }
        }
    }
    if constexpr (ways > 1) {
        for (; k > 0; --k) {
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) {
                const simd<T> line = simd<T>::load(b + v * lanes);
#pragma GCC unroll 8
                for (int r = 0; r < Rows; ++r) sum[0][r][v] = fma(simd<T>(a[r][offset]), line, sum[0][r][v]);
            }
            b += b_step;
            offset += a_step;
        }
#pragma GCC unroll 4
        for (int w = 1; w < ways; ++w)
#pragma GCC unroll 8
            for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
                for (int v = 0; v < Vectors; ++v) sum[0][r][v] += sum[w][r][v];
    }

    const bool add = p.add;
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        T* const c = p.c + p.row_c[r];
        if (whole) {
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) (add ? simd<T>::load(c + v * lanes) + sum[0][r][v] : sum[0][r][v]).store(c + v * lanes);
        } else {
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v)
                (add ? simd<T>::load(c + v * lanes, width(v)) + sum[0][r][v] : sum[0][r][v]).store(c + v * lanes, width(v));
        }
    }
}

/// How many of the rows that are left the next tile takes. The columns of b pass once for each tile, so eight are four and
/// four, not six and two.
inline constexpr int rows_of_next_tile(std::ptrdiff_t left) {
    return left >= tile_rows && left != 8 ? tile_rows : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/// How many registers hold this many columns of a tile, one at least.
template <class T> constexpr int vectors_of(int columns) { return std::max(1, (columns + simd<T>::lanes - 1) / simd<T>::lanes); }

template <class T, int Vectors> void multiply_tile(tile_product<T>& p, int rows) {
    if (rows == tile_rows) multiply_tile<T, tile_rows, Vectors>(p);
    else if (rows == 4) multiply_tile<T, 4, Vectors>(p);
    else if (rows == 2) multiply_tile<T, 2, Vectors>(p);
    else multiply_tile<T, 1, Vectors>(p);
}

template <class T> void multiply_tile(tile_product<T>& p, int rows, int vectors) {
    if (p.keep) multiply_tile<T, tile_rows, tile_vectors, true>(p);
    else if (vectors == tile_vectors) multiply_tile<T, tile_vectors>(p, rows);
    else if (vectors == 1) multiply_tile<T, 1>(p, rows);
    else if (vectors == 2) multiply_tile<T, 2>(p, rows);
    else multiply_tile<T, tile_vectors - 1>(p, rows);
}

}  // namespace detail

}  // namespace heed::inline HEED_TARGET::cpu
