/// The innermost product: a tile of c, held in registers over the whole depth.
///
/// For each step of the depth, a few registers of b and one number for each row of a: with 6 rows and 4 registers of
/// AVX-512 that is 24 sums in flight, 10 loads for 24 multiply-adds. Rows of a are read where they lie.
#pragma once

#include <cstddef>

#include "simd.hpp"

namespace heed::inline HEED_TARGET::cpu {

namespace detail {

/// The largest tile: as many sums as registers allow, with room for one line of b and a number of a.
inline constexpr int tile_rows = HEED_AVX512 || native::lanes<float> == 8 ? 6 : 4;
inline constexpr int tile_vectors = HEED_AVX512 ? 4 : 2;
template <class T> inline constexpr int tile_columns = tile_vectors * simd<T>::lanes;

/// c[row][column] = (bias[column]) + sum over k of a[row][k * a_step] * b[k * b_step + column], or that added to c.
template <class T> struct tile_product {
    std::ptrdiff_t depth = 0;
    const T* a[tile_rows] = {};  // the row's number at the first step
    std::ptrdiff_t a_step = 0;
    const T* b = nullptr;  // readable for whole registers
    std::ptrdiff_t b_step = 0;
    const T* bias = nullptr;
    T* c[tile_rows] = {};
    int columns = 0;  // those of c; the tile may compute more
    bool add = false;
};

template <class T, int Rows, int Vectors> void multiply_tile(const tile_product<T>& p) {
    constexpr int lanes = simd<T>::lanes;
    // A sum waits some four cycles for its next term: narrow tiles take several steps side by side, as the registers allow.
    // How many depends on the columns alone, so that it does not matter to the bits of a row which tile it falls to.
    constexpr int ways = tile_vectors / Vectors;
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
            const int left = p.columns - v * lanes;
            const simd<T> start = left >= lanes ? simd<T>::load(p.bias + v * lanes) : left > 0 ? simd<T>::load(p.bias + v * lanes, left) : simd<T>(T(0));
#pragma GCC unroll 8
            for (int r = 0; r < Rows; ++r) sum[0][r][v] = start;
        }
    }

    const T* b = p.b;
    const std::ptrdiff_t a_step = p.a_step, b_step = p.b_step;
    std::ptrdiff_t k = p.depth;
    std::ptrdiff_t offset = 0;
    for (; k >= ways; k -= ways) {
#pragma GCC unroll 4
        for (int w = 0; w < ways; ++w) {
            simd<T> line[Vectors];
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) line[v] = simd<T>::load(b + v * lanes);
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

#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        T* c = p.c[r];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            const int left = p.columns - v * lanes;
            if (left >= lanes) {
                (p.add ? simd<T>::load(c + v * lanes) + sum[0][r][v] : sum[0][r][v]).store(c + v * lanes);
            } else if (left > 0) {
                (p.add ? simd<T>::load(c + v * lanes, left) + sum[0][r][v] : sum[0][r][v]).store(c + v * lanes, left);
            }
        }
    }
}

/// How many of the rows that are left the next tile takes. The columns of b pass once for each tile, so eight are four and
/// four, not six and two.
inline constexpr int rows_of_next_tile(std::ptrdiff_t left) {
    return left >= tile_rows && left != 8 ? tile_rows : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/// How many registers hold this many columns of a tile: 1, 2 or 4.
template <class T> constexpr int vectors_of(int columns) {
    constexpr int lanes = simd<T>::lanes;
    return columns <= lanes ? 1 : columns <= 2 * lanes ? 2 : tile_vectors;
}

template <class T, int Vectors> void multiply_tile(const tile_product<T>& p, int rows) {
    if (rows == tile_rows) multiply_tile<T, tile_rows, Vectors>(p);
    else if (rows == 4) multiply_tile<T, 4, Vectors>(p);
    else if (rows == 2) multiply_tile<T, 2, Vectors>(p);
    else multiply_tile<T, 1, Vectors>(p);
}

template <class T> void multiply_tile(const tile_product<T>& p, int rows, int vectors) {
    if (vectors == tile_vectors) multiply_tile<T, tile_vectors>(p, rows);
    else if (vectors == 2) multiply_tile<T, 2>(p, rows);
    else multiply_tile<T, 1>(p, rows);
}

}  // namespace detail

}  // namespace heed::inline HEED_TARGET::cpu
