/// A product in blocks: steps of the depth, columns packed for all threads, rows that fit a thread's cache.
#pragma once

#include "gemm_product.hpp"

namespace heed::inline HEED_TARGET::cpu::detail {

/// A part of the depth of a product, with b as the kernel can read it.
template <class T> struct depth_step {
    std::ptrdiff_t first, size;
    bool opens, closes;                  // it is the first, the last of the depth
    const std::ptrdiff_t* along_a;       // where a's numbers lie along it; null where they are neighbours
    const T* strips;                     // packed columns, from tile first_tile on
    std::ptrdiff_t first_tile;
    std::ptrdiff_t direct_step;          // not 0: tiles of whole registers are read where b lies, in steps of this; strips
                                         // then holds but the last tile, if that is narrower
};

/// The product of some rows with some tiles of columns over one step of the depth.
template <class T>
void multiply_block(const matrix_product<T>& x, const depth_step<T>& s, std::ptrdiff_t first_row, std::ptrdiff_t last_row,
                    std::ptrdiff_t first_tile, std::ptrdiff_t last_tile) {
    const std::ptrdiff_t rows = last_row - first_row;
    const auto count = static_cast<std::size_t>(rows);
    scratch<std::ptrdiff_t> row_a(count), row_c(count);
    in_a(x.rows).offsets(first_row, rows, row_a.data());
    in_c(x.rows).offsets(first_row, rows, row_c.data());

    const std::ptrdiff_t depth_offset = x.k == 0 ? 0 : in_a(x.depth).offset(s.first);
    const bool pack_rows = s.along_a != nullptr;
    scratch<T> strips(pack_rows ? static_cast<std::size_t>(rows * s.size) : 0);
    if (pack_rows) {
        constexpr std::ptrdiff_t at_once = 32;  // lines of a that stay in the first cache while all strips are cut from them
        for (std::ptrdiff_t k = 0; k < s.size; k += at_once) {
            const std::ptrdiff_t size = std::min(at_once, s.size - k);
            for (std::ptrdiff_t r = 0; r < rows;) {
                const int height = rows_of_next_tile(rows - r);
                pack_strip(strips.data() + r * s.size + k * height, height, height, x.a, &row_a[static_cast<std::size_t>(r)], s.along_a + k, size);
                r += height;
            }
        }
    }

    for (std::ptrdiff_t t = first_tile; t < last_tile; ++t) {
        const std::ptrdiff_t column = t * tile_columns<T>;
        const int width = columns_of_tile<T>(x.n, t);
        const int vectors = vectors_of<T>(width);
        std::ptrdiff_t column_c[tile_columns<T>];
        in_c(x.columns).offsets(column, width, column_c);
        const bool in_place = neighbours(column_c, width);

        tile_product<T> p;
        p.depth = s.size;
        p.columns = width;
        if (s.direct_step != 0 && width == packed_width<T>(width)) {
            p.b = x.b + in_b(x.depth).offset(s.first) + in_b(x.columns).offset(column);
            p.b_step = s.direct_step;
        } else if (x.packed) {
            p.b = x.packed->strip(t, s.first);
            p.b_step = packed_width<T>(width);
        } else {
            p.b = s.direct_step != 0 ? s.strips : s.strips + (t - s.first_tile) * tile_columns<T> * s.size;
            p.b_step = packed_width<T>(width);
        }
        p.bias = s.opens && x.bias ? x.bias + column : nullptr;
        const bool add = x.accumulate || !s.opens;
        const bool finish = s.closes && x.epilogue.run;

        for (std::ptrdiff_t r = 0; r < rows;) {
            const int height = rows_of_next_tile(rows - r);
            const std::ptrdiff_t* const at_a = &row_a[static_cast<std::size_t>(r)];
            const std::ptrdiff_t* const at_c = &row_c[static_cast<std::size_t>(r)];
            for (int i = 0; i < height; ++i) p.a[i] = pack_rows ? strips.data() + r * s.size + i : x.a + at_a[i] + depth_offset;
            p.a_step = pack_rows ? height : 1;

            bool even_rows = in_place;
            for (int i = 2; i < height && even_rows; ++i) even_rows = at_c[i] - at_c[i - 1] == at_c[1] - at_c[0];
            if (in_place && (even_rows || !finish)) {
                for (int i = 0; i < height; ++i) p.c[i] = x.c + at_c[i] + column_c[0];
                p.add = add;
                multiply_tile(p, height, vectors);
                if (finish) x.epilogue.run(x.epilogue.context, x.batch, first_row + r, column, height, width, p.c[0], height > 1 ? at_c[1] - at_c[0] : width);
            } else {
                alignas(64) T tile[tile_rows * tile_columns<T>];
                for (int i = 0; i < height; ++i) p.c[i] = tile + i * tile_columns<T>;
                p.add = false;
                multiply_tile(p, height, vectors);
                store_tile(x, tile, tile_columns<T>, first_row + r, column, height, width, at_c, column_c, add, finish);
            }
            r += height;
        }
    }
}

/// The product over depth places first to last, on as many threads as are free.
template <class T> void multiply_steps(const matrix_product<T>& x, std::ptrdiff_t first, std::ptrdiff_t last) {
    const bool alone = x.work() < least_parallel_work || thread_count() == 1;
    const std::ptrdiff_t threads = alone ? 1 : thread_count();
    const std::ptrdiff_t tiles = parts_of(x.n, tile_columns<T>);
    const places a_depth = in_a(x.depth), b_depth = in_b(x.depth), b_columns = in_b(x.columns);
    const bool a_as_it_lies = x.k <= 1 || (a_depth.even() && a_depth.innermost_stride() == 1);
    // What few rows gain from packed columns is less than packing costs; and where both operands would be packed, as in the
    // gradient of a weight, both come from far, and b is best left alone, in steps that the cache holds.
    const std::ptrdiff_t few_rows = (a_as_it_lies ? 16 : 128) * tile_rows;
    const bool b_as_it_lies = !x.packed && x.m <= few_rows && b_depth.even() && (b_depth.innermost_stride() != 0 || x.k <= 1) && b_columns.even() && (b_columns.innermost_stride() == 1 || x.n == 1);
    const int last_width = columns_of_tile<T>(x.n, tiles - 1);
    const bool tail = b_as_it_lies && last_width != packed_width<T>(last_width);

    const std::ptrdiff_t most = a_as_it_lies ? longest_depth<T> : longest_depth<T> / 2;
    const std::ptrdiff_t steps = std::max<std::ptrdiff_t>(1, parts_of(last - first, most));
    const std::ptrdiff_t step = std::max<std::ptrdiff_t>(1, parts_of(last - first, steps));
    const std::ptrdiff_t tiles_at_once = x.packed || b_as_it_lies
        ? tiles
        : std::max<std::ptrdiff_t>(1, packed_bytes / (step * tile_columns<T> * static_cast<std::ptrdiff_t>(sizeof(T))));
    scratch<std::ptrdiff_t> along_a(a_as_it_lies ? 0 : static_cast<std::size_t>(step));
    scratch<std::ptrdiff_t> along_b(x.packed ? 0 : static_cast<std::size_t>(step));
    scratch<T> strips(x.packed ? 0 : static_cast<std::size_t>((b_as_it_lies ? 1 : std::min(tiles_at_once, tiles)) * tile_columns<T> * step));

    for (std::ptrdiff_t first_tile = 0; first_tile < tiles; first_tile += tiles_at_once) {
        const std::ptrdiff_t last_tile = std::min(tiles, first_tile + tiles_at_once);
        for (std::ptrdiff_t i = 0; i < steps; ++i) {
            depth_step<T> s;
            s.first = std::min(last, first + i * step);
            s.size = std::min(last, s.first + step) - s.first;
            s.opens = i == 0;
            s.closes = i == steps - 1;
            s.along_a = nullptr;
            s.strips = strips.data();
            s.first_tile = first_tile;
            s.direct_step = b_as_it_lies ? (x.k <= 1 ? x.n : b_depth.innermost_stride()) : 0;
            if (!a_as_it_lies) {
                a_depth.offsets(s.first, s.size, along_a.data());
                s.along_a = along_a.data();
            }
            if (!x.packed && (!b_as_it_lies || tail)) {
                b_depth.offsets(s.first, s.size, along_b.data());
                pack_columns(strips.data(), x.b, b_columns, x.n, b_as_it_lies ? tiles - 1 : first_tile, last_tile, along_b.data(), s.size);
            }

            // Blocks of rows that fit the cache, as many for each thread; where rows are few, threads share the columns.
            const std::ptrdiff_t row_tiles = parts_of(x.m, tile_rows);
            const std::ptrdiff_t fitting = std::max<std::ptrdiff_t>(1, row_block_bytes / (tile_rows * std::max<std::ptrdiff_t>(1, s.size) * static_cast<std::ptrdiff_t>(sizeof(T))));
            std::ptrdiff_t row_blocks = parts_of(row_tiles, fitting), column_blocks = 1;
            if (row_blocks < threads) column_blocks = std::min(last_tile - first_tile, threads);
            if (row_blocks * column_blocks < 2 * threads) row_blocks = std::min(row_tiles, parts_of(2 * threads, column_blocks));
            if (row_blocks > threads) row_blocks = std::min(row_tiles, parts_of(row_blocks, threads) * threads);
            const std::ptrdiff_t rows_at_once = parts_of(row_tiles, row_blocks) * tile_rows;
            row_blocks = parts_of(x.m, rows_at_once);
            const std::ptrdiff_t columns_at_once = parts_of(last_tile - first_tile, column_blocks);
            column_blocks = parts_of(last_tile - first_tile, columns_at_once);

            const auto block = [&](std::ptrdiff_t j) {
                const std::ptrdiff_t row = j % row_blocks * rows_at_once, tile = first_tile + j / row_blocks * columns_at_once;
                multiply_block(x, s, row, std::min(x.m, row + rows_at_once), tile, std::min(last_tile, tile + columns_at_once));
            };
            parallel_for(row_blocks * column_blocks, alone ? 0.0 : parallel_threshold, block);
        }
    }
}

}  // namespace heed::inline HEED_TARGET::cpu::detail
