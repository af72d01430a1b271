/// One product of matrices as numbers and places, how it is shared out, and how a finished tile of it comes to memory.
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

/// Where some rows of a product lie in c, and of each tile's rows, at the first of them, whether at equal distances.
template <class T> struct rows_in_c {
    scratch<std::ptrdiff_t> at;
    scratch<bool> even;

    rows_in_c(const matrix_product<T>& x, std::ptrdiff_t first, std::ptrdiff_t count) : at(static_cast<std::size_t>(count)), even(static_cast<std::size_t>(count)) {
        in_c(x.rows).offsets(first, count, at.data());
        for (std::ptrdiff_t r = 0; r < count;) {
            const int height = rows_of_next_tile(count - r);
            const std::ptrdiff_t* const row = at.data() + r;
            bool same = true;
            for (int i = 2; i < height; ++i) same = same && row[i] - row[i - 1] == row[1] - row[0];
            even[static_cast<std::size_t>(r)] = same;
            r += height;
        }
    }
};

/// Some columns of a product, a tile's, and where they lie in c.
template <class T> struct columns_in_c {
    std::ptrdiff_t first;
    int width;
    std::ptrdiff_t at[tile_columns<T>];
    bool are_neighbours;

    columns_in_c(const matrix_product<T>& x, std::ptrdiff_t tile) : first(tile * tile_columns<T>), width(columns_of_tile<T>(x.n, tile)) {
        if (in_c(x.columns).even() && in_c(x.columns).innermost_stride() == 1) {
            are_neighbours = true;
            for (int i = 0; i < tile_columns<T>; ++i) at[i] = first + i;
        } else {
            in_c(x.columns).offsets(first, width, at);
            are_neighbours = neighbours(at, width);
        }
    }
};

/// A tile's rows in a tile that lies by itself.
template <class T> inline constexpr std::ptrdiff_t tile_row_places[] = {0, tile_columns<T>, 2 * tile_columns<T>, 3 * tile_columns<T>, 4 * tile_columns<T>, 5 * tile_columns<T>};

/// Brings a tile to c: `multiply(c, row_c, add)` leaves its sums at c + row_c[i], or adds them to what is there. That is c
/// itself where the tile lies as the kernel writes it, and as an epilogue reads it; else a tile by itself, stored afterwards.
template <class T, class Multiply>
HEED_INLINE void place_tile(const matrix_product<T>& x, const rows_in_c<T>& rows, std::ptrdiff_t first_row, std::ptrdiff_t r, int height, const columns_in_c<T>& columns, bool add, bool finish,
                            const Multiply& multiply) {
    const std::ptrdiff_t* const row_c = rows.at.data() + r;
    if (columns.are_neighbours && (rows.even.data()[r] || !finish)) {
        T* const c = x.c + columns.at[0];
        if ((add || finish) && x.k >= 64)        // what will be read of c comes to the cache meanwhile; a short depth is over before
            for (int i = 0; i < height; ++i)
                for (int j = 0; j < columns.width; j += line_numbers<T>) __builtin_prefetch(c + row_c[i] + j, 1);
        multiply(c, row_c, add);
        if (finish) x.epilogue.run(x.epilogue.context, x.batch, first_row + r, columns.first, height, columns.width, c + row_c[0], height > 1 ? row_c[1] - row_c[0] : columns.width);
    } else {
        alignas(64) T tile[tile_rows * tile_columns<T>];
        multiply(tile, tile_row_places<T>, false);
        store_tile(x, tile, tile_columns<T>, first_row + r, columns.first, height, columns.width, row_c, columns.at, add, finish);
    }
}

/// How a product is shared out: blocks of rows, of columns in tiles, a block of either with each of the other.
struct shared_out {
    std::ptrdiff_t rows_at_once, row_blocks, tiles_at_once, column_blocks;

    std::ptrdiff_t count() const { return row_blocks * column_blocks; }
};

/// Blocks of rows that fit the cache, with so many bytes of a in a row, as many for each thread; where rows are few, threads
/// share the columns. `bytes_kept`: of a tile's sums in a row, where they are to stay in the cache too.
inline shared_out blocks_of(std::ptrdiff_t rows, std::ptrdiff_t tiles, std::ptrdiff_t bytes_of_row, std::ptrdiff_t bytes_kept, std::ptrdiff_t threads) {
    const std::ptrdiff_t row_tiles = parts_of(rows, tile_rows), fitting = std::max<std::ptrdiff_t>(1, row_block_bytes / (tile_rows * bytes_of_row));
    const std::ptrdiff_t wanted = threads == 1 ? 1 : 2 * threads;
    std::ptrdiff_t row_blocks = parts_of(row_tiles, fitting), column_blocks = 1;
    if (row_blocks < threads) column_blocks = std::min(tiles, parts_of(wanted, row_blocks));
    if (row_blocks * column_blocks < wanted) row_blocks = std::min(row_tiles, parts_of(wanted, column_blocks));
    if (row_blocks > threads) row_blocks = std::min(row_tiles, parts_of(row_blocks, threads) * threads);
    const std::ptrdiff_t rows_at_once = parts_of(row_tiles, row_blocks) * tile_rows;
    column_blocks = std::min(tiles, std::max(column_blocks, parts_of(tiles * rows_at_once * bytes_kept, 2 * row_block_bytes)));
    const std::ptrdiff_t tiles_at_once = parts_of(tiles, column_blocks);
    return {rows_at_once, parts_of(rows, rows_at_once), tiles_at_once, parts_of(tiles, tiles_at_once)};
}

}  // namespace detail

}  // namespace heed::inline HEED_TARGET::cpu
