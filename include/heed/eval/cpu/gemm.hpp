/// The contraction that every `dot` becomes: a product of matrices whose rows, columns, depth and batch may each be
/// several axes, lying in memory in any order.
///
///     c[batch, row, column] = sum over depth of a[batch, row, depth] * b[batch, depth, column]
///
/// Nothing is copied but into packs. One function for float and one for double serve all shapes. Each number of c is a
/// sum in an order that depends on the sizes alone, so that its bits do not depend on the number of threads.
#pragma once

#include "gemm_dot.hpp"
#include "gemm_kernel.hpp"
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

/// One contraction, as a value. c must not overlap the operands.
template <class T> struct contraction {
    const T* a = nullptr;
    const T* b = nullptr;
    T* c = nullptr;
    axis_group batch;    // axes of all three
    axis_group rows;     // axes of a and c
    axis_group columns;  // axes of b and c
    axis_group depth;    // axes of a and b, summed
    bool accumulate = false;                    // c += the sum, else c = the sum
    const T* bias = nullptr;                    // bias[flattened column] is added to the sum
    const packed_matrix<T>* packed = nullptr;   // b, packed before; then b and its distances are not looked at, nor is there a batch
    tile_epilogue<T> epilogue;                  // sees what is stored: the sum, with bias, and with c where accumulate is set
};

namespace detail {

/// Bytes of a that stay in the second-level cache while the columns of b pass, and of b that are packed at a time.
inline constexpr std::ptrdiff_t row_block_bytes = 384 * 1024;
inline constexpr std::ptrdiff_t packed_bytes = 8 * 1024 * 1024;
/// The longest depth that a tile runs through before its sums go to memory. Partial sums also keep rounding errors small.
template <class T> inline constexpr std::ptrdiff_t longest_depth = 4096 / static_cast<std::ptrdiff_t>(sizeof(T));
/// Below this many multiply-adds a second thread does not pay.
inline constexpr double least_parallel_work = 2e6;

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

    double work() const { return static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k); }
};

/// A part of the depth of a product, with b as the kernel can read it.
template <class T> struct depth_step {
    std::ptrdiff_t first, size;
    bool opens, closes;                  // it is the first, the last of the depth
    const std::ptrdiff_t* along_a;       // where a's numbers lie along it; null where they are neighbours
    const T* strips;                     // packed columns, from tile first_tile on
    std::ptrdiff_t first_tile;
    std::ptrdiff_t direct_step;          // not 0: whole tiles of b are read where they lie, this far apart
    bool direct_tail;                    // the last, partial tile is packed at `strips` even so
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
        if (s.direct_step != 0 && !(s.direct_tail && t == last_tile - 1 && width < tile_columns<T>)) {
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
    const std::ptrdiff_t steps = std::max<std::ptrdiff_t>(1, parts_of(last - first, longest_depth<T>));
    const std::ptrdiff_t step = std::max<std::ptrdiff_t>(1, parts_of(last - first, steps));

    const places a_depth = in_a(x.depth), b_depth = in_b(x.depth), b_columns = in_b(x.columns);
    const bool a_as_it_lies = x.k <= 1 || (a_depth.even() && a_depth.innermost_stride() == 1);
    // Few rows use each number of b once or twice: then packing would cost as much as the product.
    const bool b_as_it_lies = !x.packed && x.m <= 2 * tile_rows && b_depth.even() && b_columns.even() && b_columns.innermost_stride() == 1 && x.n >= tile_columns<T>;
    const bool tail = b_as_it_lies && x.n % tile_columns<T> != 0;

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
            s.direct_tail = tail;
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

template <class T> void multiply(const matrix_product<T>& x) {
    const bool a_runs = in_a(x.depth).even() && in_a(x.depth).innermost_stride() == 1;
    const bool b_runs = in_b(x.depth).even() && in_b(x.depth).innermost_stride() == 1;
    if (x.k >= 2 * simd<T>::lanes) {
        if (x.n <= most_few && a_runs) return multiply_few(x, false);
        if (x.m <= most_few && b_runs && !x.packed) return multiply_few(x, true);
    }
    constexpr std::ptrdiff_t deep = 4 * longest_depth<T>, small = std::ptrdiff_t(1) << 17;
    if (x.k >= deep && x.m * x.n <= small) multiply_deep(x, std::min<std::ptrdiff_t>(16, x.k / (2 * longest_depth<T>)));
    else multiply_steps(x, 0, x.k);
}

inline axis_group with_operands_swapped(axis_group g) {
    for (int i = 0; i < g.count; ++i) std::swap(g.stride_a[i], g.stride_b[i]);
    return g;
}

}  // namespace detail

/// Computes a contraction. Sizes of zero are fine: nothing to write, or sums over nothing, which are zero.
template <class T> void contract(const contraction<T>& x) {
    using namespace detail;
    if (x.batch.total() == 0 || x.rows.total() == 0 || x.columns.total() == 0) return;
    matrix_product<T> y{x.a, x.b, x.c, x.packed, x.bias, x.epilogue, 0, coalesced(x.rows), coalesced(x.columns), coalesced(x.depth), 0, 0, 0, x.accumulate};
    axis_group batch = coalesced(x.batch);

    const bool plain = !x.packed && !x.bias && !x.epilogue.run;
    if (plain && in_c(y.rows).innermost_stride() == 1 && in_c(y.columns).innermost_stride() != 1) {
        // c lies with its rows as neighbours: the transposed product writes them as columns.
        std::swap(y.a, y.b);
        const axis_group rows = y.rows;
        y.rows = with_operands_swapped(y.columns);
        y.columns = with_operands_swapped(rows);
        y.depth = with_operands_swapped(y.depth);
        batch = with_operands_swapped(batch);
    }
    if (!x.epilogue.run) {
        // A batch that only one operand has is more rows, or more columns, of one product.
        axis_group kept, rows, columns;
        for (int i = 0; i < batch.count; ++i) {
            const bool to_rows = batch.stride_b[i] == 0 && rows.count + y.rows.count < axis_group::most;
            const bool to_columns = !to_rows && plain && batch.stride_a[i] == 0 && columns.count + y.columns.count < axis_group::most;
            axis_group& g = to_rows ? rows : to_columns ? columns : kept;
            g.add(batch.size[i], batch.stride_a[i], batch.stride_b[i], batch.stride_c[i]);
        }
        for (int i = 0; i < y.rows.count; ++i) rows.add(y.rows.size[i], y.rows.stride_a[i], y.rows.stride_b[i], y.rows.stride_c[i]);
        for (int i = 0; i < y.columns.count; ++i) columns.add(y.columns.size[i], y.columns.stride_a[i], y.columns.stride_b[i], y.columns.stride_c[i]);
        batch = kept;
        y.rows = coalesced(rows);
        y.columns = coalesced(columns);
    }
    y.m = y.rows.total();
    y.n = y.columns.total();
    y.k = y.depth.total();

    const std::ptrdiff_t items = batch.total();
    const auto item = [&](std::ptrdiff_t i) {
        matrix_product<T> z = y;
        z.a += in_a(batch).offset(i);
        z.b += in_b(batch).offset(i);
        z.c += in_c(batch).offset(i);
        z.batch = i;
        multiply(z);
    };
    if (items == 1) {
        multiply(y);
    } else if (items >= thread_count() || y.work() < least_parallel_work) {
        parallel_for(items, parallel_threshold * y.work() / least_parallel_work, item);
    } else {
        for (std::ptrdiff_t i = 0; i < items; ++i) item(i);
    }
}

}  // namespace heed::inline HEED_TARGET::cpu
