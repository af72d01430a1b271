/// Products of bfloat16 with sums in float: one instruction multiplies two numbers of each lane and adds both.
///
///     c[row, column] = sum over depth of bf16(a[row, depth]) bf16(b[depth, column])
///
/// a and c are float; a is rounded to pairs of neighbours along the depth when its rows are read, b once, when it is packed.
/// Against float that is twice the products an instruction and half the memory of b, with eight bits of precision in the
/// factors. Where the instruction is missing, or takes more than twice as long, float is as fast: `pairs_pay()` has measured it.
#pragma once

#include "gemm_product.hpp"

#include <chrono>
#include <limits>

namespace heed::inline HEED_TARGET::cpu {

/// Two bf16 of neighbouring depth: the first in the lower half.
using bf16_pair = std::int32_t;

/// The right-hand side of products of pairs, in tiles of columns that are filled up with zeros.
class packed_pairs {
public:
    std::ptrdiff_t columns() const { return columns_; }
    std::ptrdiff_t steps() const { return steps_; }     // pairs along the depth; the last is half zero where that is odd
    bool empty() const { return columns_ == 0 || steps_ == 0; }

    void pack(const packed_matrix<float>& from) {
        using namespace detail;
        columns_ = from.columns();
        steps_ = parts_of(from.depth(), 2);
        const std::ptrdiff_t tiles = parts_of(columns_, tile_columns<float>), depth = from.depth();
        lines_.assign(static_cast<std::size_t>(parts_of(tiles * steps_ * tile_columns<float>, numbers_in_line)), line{});
        for (std::ptrdiff_t t = 0; t < tiles; ++t) {
            const int width = columns_of_tile<float>(columns_, t), step = packed_width<float>(width);
            for (std::ptrdiff_t k = 0; k < depth; ++k) {
                const float* const row = from.strip(t, k);
                bf16_pair* const to = lines_.data()->number + (t * steps_ + k / 2) * tile_columns<float>;
                for (int i = 0; i < std::min(width, step); ++i) to[i] |= static_cast<bf16_pair>(static_cast<std::uint32_t>(bf16(row[i]).bits) << (16 * (k % 2)));
            }
        }
    }
    const bf16_pair* tile(std::ptrdiff_t t) const { return lines_.data()->number + t * steps_ * detail::tile_columns<float>; }

private:
    static constexpr int numbers_in_line = 16;
    struct alignas(64) line { bf16_pair number[numbers_in_line] = {}; };

    std::vector<line> lines_;
    std::ptrdiff_t columns_ = 0, steps_ = 0;
};

#if HEED_BF16_PAIRS

namespace detail {

/// What is multiplied for one tile: rows of pairs, a tile of b, and where the sums go.
struct pair_product {
    const bf16_pair* a;
    std::ptrdiff_t row_step;            // from one row of a to the next
    const bf16_pair* b;
    std::ptrdiff_t steps;
    const float* bias;                  // of the tile's columns, or null
    float* c;
    const std::ptrdiff_t* row_c;
    int columns;
    bool add;
};

template <int Rows>
[[gnu::noinline]] void multiply_pairs(const pair_product& p) {
    constexpr int vectors = tile_columns<float> / simd<float>::lanes, lanes = simd<float>::lanes;
    simd<float> sum[Rows][vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
        const int left = p.columns - v * lanes;
        const simd<float> start = !p.bias || left <= 0 ? simd<float>(0.0f) : left >= lanes ? simd<float>::load(p.bias + v * lanes) : simd<float>::load(p.bias + v * lanes, left);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) sum[r][v] = start;
    }
    const bf16_pair *a = p.a, *b = p.b;
    const std::ptrdiff_t row_step = p.row_step;
    for (std::ptrdiff_t k = 0; k < p.steps; ++k, ++a, b += tile_columns<float>) {
        simd<bf16_pair> line[vectors];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) line[v] = simd<bf16_pair>::load(b + v * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            const simd<bf16_pair> x(a[r * row_step]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v) sum[r][v] = native::add_pair_products(sum[r][v].value, x.value, line[v].value);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            const int left = p.columns - v * lanes;
            float* const to = p.c + p.row_c[r] + v * lanes;
            if (left >= lanes) (p.add ? simd<float>::load(to) + sum[r][v] : sum[r][v]).store(to);
            else if (left > 0) (p.add ? simd<float>::load(to, left) + sum[r][v] : sum[r][v]).store(to, left);
        }
}

/// Rows of a as pairs, each filled up to `step`.
inline void round_rows(bf16_pair* to, std::ptrdiff_t step, const float* a, const std::ptrdiff_t* row, std::ptrdiff_t rows, const places& depth, std::ptrdiff_t k) {
    const bool runs = depth.even() && (depth.innermost_stride() == 1 || k <= 1);
    constexpr int lanes = simd<float>::lanes;
    scratch<std::ptrdiff_t> along(runs ? 0 : static_cast<std::size_t>(k));
    scratch<float> line(runs ? 0 : static_cast<std::size_t>(k));
    if (!runs) depth.offsets(0, k, along.data());
    for (std::ptrdiff_t r = 0; r < rows; ++r, to += step) {
        const float* from = a + row[r];
        if (!runs) {
            for (std::ptrdiff_t i = 0; i < k; ++i) line.data()[i] = from[along.data()[i]];
            from = line.data();
        }
        std::ptrdiff_t i = 0;
        for (; i + 2 * lanes <= k; i += 2 * lanes)
            simd<bf16_pair>(native::rounded_pairs(simd<float>::load(from + i).value, simd<float>::load(from + i + lanes).value)).store(to + i / 2);
        if (i < k) {
            const int first = static_cast<int>(std::min<std::ptrdiff_t>(k - i, lanes)), second = static_cast<int>(std::max<std::ptrdiff_t>(k - i - lanes, 0));
            const simd<float> low = simd<float>::load(from + i, first), high = second > 0 ? simd<float>::load(from + i + lanes, second) : simd<float>(0.0f);
            simd<bf16_pair>(native::rounded_pairs(low.value, high.value)).store(to + i / 2);
        }
    }
}

inline void multiply_pairs(const pair_product& p, int rows) {
    if (rows == tile_rows) multiply_pairs<tile_rows>(p);
    else if (rows == 4) multiply_pairs<4>(p);
    else if (rows == 2) multiply_pairs<2>(p);
    else multiply_pairs<1>(p);
}

/// The product of some rows with some tiles of columns.
inline void multiply_pairs(const matrix_product<float>& x, const packed_pairs& b, std::ptrdiff_t first_row, std::ptrdiff_t last_row, std::ptrdiff_t first_tile, std::ptrdiff_t last_tile) {
    constexpr int lanes = simd<float>::lanes;
    const std::ptrdiff_t rows = last_row - first_row;
    // Rows a power of two apart would meet in the same lines of the first cache.
    const std::ptrdiff_t step = parts_of(b.steps(), lanes) * lanes + lanes;
    scratch<std::ptrdiff_t> row_a(static_cast<std::size_t>(rows));
    in_a(x.rows).offsets(first_row, rows, row_a.data());
    const rows_in_c<float> places(x, first_row, rows);
    scratch<bf16_pair> pairs(static_cast<std::size_t>(rows * step));
    round_rows(pairs.data(), step, x.a, row_a.data(), rows, in_a(x.depth), x.k);

    for (std::ptrdiff_t t = first_tile; t < last_tile; ++t) {
        const columns_in_c<float> columns(x, t);
        pair_product p{nullptr, step, b.tile(t), b.steps(), x.bias ? x.bias + columns.first : nullptr, nullptr, nullptr, columns.width, false};
        for (std::ptrdiff_t r = 0; r < rows;) {
            const int height = rows_of_next_tile(rows - r);
            p.a = pairs.data() + r * step;
            place_tile(x, places, first_row, r, height, columns, x.accumulate, x.epilogue.run != nullptr, [&](float* c, const std::ptrdiff_t* row_c, bool add) {
                p.c = c;
                p.row_c = row_c;
                p.add = add;
                multiply_pairs(p, height);
            });
            r += height;
        }
    }
}

/// A product with b in pairs.
inline void multiply_pairs(const matrix_product<float>& x, const packed_pairs& b) {
    const bool alone = x.work() < 2 * least_parallel_work || thread_count() == 1;
    const std::ptrdiff_t tiles = parts_of(x.n, tile_columns<float>);
    const shared_out shared = blocks_of(x.m, tiles, b.steps() * static_cast<std::ptrdiff_t>(sizeof(bf16_pair)), 0, alone ? 1 : thread_count());
    parallel_for(shared.count(), alone ? 0.0 : parallel_threshold, [&](std::ptrdiff_t i) {
        const std::ptrdiff_t row = i % shared.row_blocks * shared.rows_at_once, tile = i / shared.row_blocks * shared.tiles_at_once;
        multiply_pairs(x, b, row, std::min(x.m, row + shared.rows_at_once), tile, std::min(tiles, tile + shared.tiles_at_once));
    });
}

/// Seconds of so many additions of products, in independent chains.
template <bool Pairs> [[gnu::noinline]] double seconds_of_products(int steps) {
    simd<float> sum[10];
    for (int i = 0; i < 10; ++i) sum[i] = simd<float>(static_cast<float>(i));
    bf16_pair bits = 0x3f003f00;                // 0.5 twice
    asm volatile("" : "+m"(bits));
    const simd<bf16_pair> pair(bits);
    const simd<float> number = from_bits<float>(pair.value);
    const auto start = std::chrono::steady_clock::now();
    for (int s = 0; s < steps; ++s)
#pragma GCC unroll 10
        for (int i = 0; i < 10; ++i) {
            if constexpr (Pairs) sum[i] = native::add_pair_products(sum[i].value, pair.value, pair.value);
            else sum[i] = fma(number, number, sum[i]);
        }
    for (int i = 1; i < 10; ++i) sum[0] += sum[i];
    asm volatile("" : : "g"(&sum[0]) : "memory");
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace detail

/// Whether products of pairs are faster than those of floats here: a Zen 5 does nearly twice as many products, a Sapphire
/// Rapids half as many. Measured once, in a fraction of a millisecond; the two are far apart, so that noise decides nothing.
inline bool pairs_pay() {
    static const bool pay = [] {
        double pairs = std::numeric_limits<double>::infinity(), floats = pairs;
        for (int i = 0; i < 7; ++i) {
            pairs = std::min(pairs, detail::seconds_of_products<true>(2000));
            floats = std::min(floats, detail::seconds_of_products<false>(2000));
        }
        return pairs < 1.6 * floats;
    }();
    return pay;
}

#else

inline constexpr bool pairs_pay() { return false; }

#endif

}  // namespace heed::inline HEED_TARGET::cpu
