/// A product in blocks: steps of the depth, columns packed for all threads, rows that fit a thread's cache.
#pragma once

#include "gemm_product.hpp"

namespace heed::inline HEED_TARGET::cpu::detail {

/// A part of the depth of a product, with b as the kernel can read it.
template <class T> struct depth_step {
    std::ptrdiff_t first, size;
    bool opens, closes;                  // it is the first, the last of the depth
    std::ptrdiff_t a_step;               // from one place to the next in a; where they lie unevenly, along_a says where
    const std::ptrdiff_t* along_a;       // null where a is read as it lies
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
    scratch<std::ptrdiff_t> row_a(count);
    in_a(x.rows).offsets(first_row, rows, row_a.data());
    const rows_in_c<T> places(x, first_row, rows);

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

    // b as it lies is copied while the first tile of rows reads it, so that the others find its lines side by side.
    const bool keep = s.direct_step != 0 && rows > tile_rows && rows_of_next_tile(rows) == tile_rows;
    scratch<T> kept(keep ? static_cast<std::size_t>(tile_columns<T> * s.size) : 0);

    // Where each row starts, in a or in its strip.
    scratch<const T*> starts(count);
    for (std::ptrdiff_t r = 0; r < rows;) {
        const int height = rows_of_next_tile(rows - r);
        for (std::ptrdiff_t i = r; i < r + height; ++i)
            starts[static_cast<std::size_t>(i)] = pack_rows ? strips.data() + r * s.size + i - r : x.a + row_a[static_cast<std::size_t>(i)] + depth_offset;
        r += height;
    }

    const bool finish = s.closes && x.epilogue.run;
    tile_product<T> p;
    p.depth = s.size;
    for (std::ptrdiff_t t = first_tile; t < last_tile; ++t) {
        const columns_in_c<T> columns(x, t);
        const std::ptrdiff_t column = columns.first;
        const int width = columns.width, vectors = vectors_of<T>(width);
        const bool direct = s.direct_step != 0 && width == packed_width<T>(width);
        p.columns = width;
        p.keep = direct && keep && width == tile_columns<T> ? kept.data() : nullptr;
        if (direct) {
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
        // The next tile's columns are asked for little by little.
        p.ahead = s.direct_step != 0 ? p.b + tile_columns<T> : p.b + tile_columns<T> * (x.packed ? x.k : s.size);
        p.ahead_step = p.b_step;
        const std::ptrdiff_t at_once = parts_of(line_numbers<T>, parts_of(rows, tile_rows));
        std::ptrdiff_t to_ask = t + 1 < last_tile ? s.size : 0;

        for (std::ptrdiff_t r = 0; r < rows;) {
            const int height = rows_of_next_tile(rows - r);
            p.a = &starts[static_cast<std::size_t>(r)];
            p.next_a = !pack_rows && (s.a_step == 1 || t == first_tile) && r + 2 * height <= rows ? p.a + height : nullptr;
            p.ahead_count = to_ask > 0 ? static_cast<int>(at_once) : 0;
            p.a_step = pack_rows ? height : s.a_step;

            place_tile(x, places, first_row, r, height, columns, add, finish, [&](T* c, const std::ptrdiff_t* row_c, bool add_here) {
                p.c = c;
                p.row_c = row_c;
                p.add = add_here;
                multiply_tile(p, height, vectors);
            });
            if (p.keep) {
                p.b = p.keep;
                p.b_step = tile_columns<T>;
                p.keep = nullptr;
            }
            to_ask -= parts_of(s.size, line_numbers<T>) * p.ahead_count;
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
    // a is read as it lies where its depth or, as in the gradient of a weight, its rows are neighbours.
    const std::ptrdiff_t a_step = x.k <= 1 ? 1 : a_depth.innermost_stride();
    const bool a_as_it_lies = x.k <= 1 || (a_depth.even() && (a_step == 1 || (in_a(x.rows).innermost_stride() == 1 && a_step > 0)));
    const bool b_as_it_lies = !x.packed && b_depth.even() && (b_depth.innermost_stride() != 0 || x.k <= 1) && b_columns.even() && (b_columns.innermost_stride() == 1 || x.n == 1);
    const int last_width = columns_of_tile<T>(x.n, tiles - 1);
    const bool tail = b_as_it_lies && last_width != packed_width<T>(last_width);

    const bool pack = !x.packed && !b_as_it_lies;  // for all threads, as much as the cache holds, before they go on

    const std::ptrdiff_t depth = last - first, most = a_step == 1 && a_as_it_lies ? longest_depth<T> : longest_depth<T> / 8;
    const std::ptrdiff_t steps = std::max<std::ptrdiff_t>(1, parts_of(depth, most));
    const std::ptrdiff_t step = std::max<std::ptrdiff_t>(1, parts_of(depth, steps));
    const std::ptrdiff_t steps_at_once = pack ? 1 : steps;
    const std::ptrdiff_t tiles_at_once = pack ? std::max<std::ptrdiff_t>(1, packed_bytes / (step * bytes_of_columns<T>)) : tiles;
    scratch<std::ptrdiff_t> along_a(a_as_it_lies ? 0 : static_cast<std::size_t>(depth)), along_b(pack || tail ? static_cast<std::size_t>(depth) : 0);
    scratch<T> strips(pack ? static_cast<std::size_t>(std::min(tiles_at_once, tiles) * tile_columns<T> * step) : tail ? static_cast<std::size_t>(tile_columns<T> * depth) : 0);
    if (!a_as_it_lies) a_depth.offsets(first, depth, along_a.data());
    if (pack || tail) b_depth.offsets(first, depth, along_b.data());
    if (tail) pack_columns(strips.data(), x.b, b_columns, x.n, tiles - 1, tiles, along_b.data(), depth);

    for (std::ptrdiff_t first_tile = 0; first_tile < tiles; first_tile += tiles_at_once) {
        const std::ptrdiff_t last_tile = std::min(tiles, first_tile + tiles_at_once);
        for (std::ptrdiff_t i = 0; i < steps; i += steps_at_once) {
            if (pack) pack_columns(strips.data(), x.b, b_columns, x.n, first_tile, last_tile, along_b.data() + i * step, std::min(depth - i * step, step));

            // The sums of a block stay in the cache while all steps go over them.
            const shared_out shared = blocks_of(x.m, last_tile - first_tile, step * static_cast<std::ptrdiff_t>(sizeof(T)), steps_at_once > 1 ? bytes_of_columns<T> : 0, threads);
            const auto block = [&](std::ptrdiff_t j) {
                const std::ptrdiff_t row = j % shared.row_blocks * shared.rows_at_once, tile = first_tile + j / shared.row_blocks * shared.tiles_at_once;
                for (std::ptrdiff_t at = i; at < i + steps_at_once; ++at) {
                    const std::ptrdiff_t from = std::min(depth, at * step);
                    depth_step<T> s;
                    s.first = first + from;
                    s.size = std::min(depth - from, step);
                    s.opens = at == 0;
                    s.closes = at == steps - 1;
                    s.a_step = a_step;
                    s.along_a = a_as_it_lies ? nullptr : along_a.data() + from;
                    s.strips = pack ? strips.data() : strips.data() + from * packed_width<T>(last_width);
                    s.first_tile = first_tile;
                    s.direct_step = b_as_it_lies ? (x.k <= 1 ? x.n : b_depth.innermost_stride()) : 0;
                    multiply_block(x, s, row, std::min(x.m, row + shared.rows_at_once), tile, std::min(last_tile, tile + shared.tiles_at_once));
                }
            };
            parallel_for(shared.count(), alone ? 0.0 : parallel_threshold, block);
        }
    }
}

}  // namespace heed::inline HEED_TARGET::cpu::detail
