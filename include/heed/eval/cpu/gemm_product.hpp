/// One product of matrices as numbers and places, and how a finished tile of it comes to memory.
#pragma once

#include "gemm_pack.hpp"

namespace heed::inline HEED_TARGET::cpu {

/// What is done to a part of c as soon as it is finished, while it is in cache: `run` may read and change
/// tile[i * tile_stride + j], which is c at flattened (batch, row + i, column + j), for i < rows and j < columns.
/// Calls come from several threads at once, for different parts; every number of c is handed over exactly once.
template <class T> struct tile_epilogue {
    void (*run)(const void* context, std::ptrdiff_t batch, std::ptrdiff_t row, std::ptrdiff_t column, int rows, int columns, T* tile,
                std::ptrdiff_t tile_stride) = nullptr;
    const void* context = nullptr;
};

namespace detail {

/// Bytes of a that stay in the second-level cache while the columns of b pass, and of b that are packed at a time.
inline constexpr std::ptrdiff_t row_block_bytes = 384 * 1024;
inline constexpr std::ptrdiff_t packed_bytes = 8 * 1024 * 1024;
template <class T> inline constexpr std::ptrdiff_t bytes_of_columns = tile_columns<T> * static_cast<std::ptrdiff_t>(sizeof(T));
/// The longest depth that a tile runs through before its sums go to memory. Partial sums also keep rounding errors small.
template <class T> inline constexpr std::ptrdiff_t longest_depth = 4096 / static_cast<std::ptrdiff_t>(sizeof(T));
/// Below this many multiply-adds a second thread does not pay: it starts in about a microsecond while others are in use.
inline constexpr double least_parallel_work = 250e3;

inline std::ptrdiff_t parts_of(std::ptrdiff_t n, std::ptrdiff_t part) { return (n + part - 1) / part; }

/// One matrix product of a batch, with its axes coalesced.
template <class T> struct matrix_product {
    const T* a;
    const T* b;
    T* c;
    const packed_matrix<T>* packed;
    const T* bias;
    tile_epilogue<T> epilogue;
    std::ptrdiff_t batch;  // which of the batch this is
    axis_group rows, columns, depth;
    std::ptrdiff_t m, n, k;
    bool accumulate;

    /// Multiply-adds; a row less than four waits for b as long as four.
    double work() const { return static_cast<double>(std::max<std::ptrdiff_t>(4, m)) * static_cast<double>(n) * static_cast<double>(k); }
};

/// Brings a tile of sums to c, whatever its axes: adds, lets the epilogue at it, stores.
template <class T>
void store_tile(const matrix_product<T>& x, T* tile, std::ptrdiff_t tile_stride, std::ptrdiff_t row, std::ptrdiff_t column, int height, int width,
                const std::ptrdiff_t* row_c, const std::ptrdiff_t* column_c, bool add, bool finish) {
    if (add) {
        for (int i = 0; i < height; ++i)
            for (int j = 0; j < width; ++j) tile[i * tile_stride + j] += x.c[row_c[i] + column_c[j]];
    }
    if (finish) x.epilogue.run(x.epilogue.context, x.batch, row, column, height, width, tile, tile_stride);
    for (int j = 0; j < width;) {
        int run = 1;  // columns that are neighbours in c, of one head, say
        while (j + run < width && column_c[j + run] == column_c[j] + run) ++run;
        for (int i = 0; i < height; ++i) {
            T* const to = x.c + row_c[i] + column_c[j];
            if (run == 1) *to = tile[i * tile_stride + j];
            else copy_numbers(to, tile + i * tile_stride + j, run);
        }
        j += run;
    }
}

}  // namespace detail

}  // namespace heed::inline HEED_TARGET::cpu
