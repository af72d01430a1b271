/// What attention does with tiles of numbers in the cache: multiply two, and pack one out of a strided tensor.
///
/// A tile is row-major, its rows `stride` elements apart and padded with zeros to whole registers, so that no loop over
/// columns has a tail. Packing also watches for infinities and NaN: a weight of zero does not silence those.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

#include "simd.hpp"

namespace heed::inline HEED_TARGET::cpu::tiles {

/// Registers of one row of the product: with 6 rows, the sums leave just enough registers for the operands
/// (32 registers: 24 sums, 4 + 1 operands; 16 registers: 12 sums, 2 + 1 operands).
inline constexpr int widest = HEED_AVX512 ? 4 : 2;
/// Rows of the product that keep both multipliers busy, whatever the width. Twice as many where it is half as wide.
inline constexpr int tallest = 6;

template <class T> constexpr std::ptrdiff_t whole_registers(std::ptrdiff_t n) {
    return (n + simd<T>::lanes - 1) / simd<T>::lanes * simd<T>::lanes;
}

/// The left operand, read one number at a time: element (row, step) lies at data[row * row_stride + step * step_stride],
/// so a transposed tile costs no more than an upright one.
template <class T> struct left_operand { const T* data; std::ptrdiff_t row_stride, step_stride; };

/// A tile: as the right operand, row `step`; as the product, row `row`.
template <class T> struct tile { T* data; std::ptrdiff_t stride; };

enum class onto { nothing, sum, scaled_sum };

/// c = a b, c += a b, or c = factor[row] * c + a b, for Rows rows and Vectors registers across.
template <int Rows, int Vectors, onto Former, class T>
[[gnu::noinline]] void multiply_registers(left_operand<T> a, tile<const T> b, std::ptrdiff_t steps, tile<T> c, const T* factor) {
    constexpr int lanes = simd<T>::lanes;
    simd<T> sum[Rows][Vectors];
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            if constexpr (Former == onto::nothing) sum[r][v] = simd<T>(T(0));
            else sum[r][v] = simd<T>::load(c.data + r * c.stride + v * lanes);
            if constexpr (Former == onto::scaled_sum) sum[r][v] *= simd<T>(factor[r]);
        }
    for (std::ptrdiff_t step = 0; step < steps; ++step) {
        simd<T> right[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) right[v] = simd<T>::load(b.data + v * lanes);
#pragma GCC unroll 12
        for (int r = 0; r < Rows; ++r) {
            const simd<T> left(a.data[r * a.row_stride]);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
        }
        a.data += a.step_stride;
        b.data += b.stride;
    }
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) sum[r][v].store(c.data + r * c.stride + v * lanes);
}

template <int Vectors, onto Former, class T>
void multiply_strip(left_operand<T> a, tile<const T> b, std::ptrdiff_t steps, tile<T> c, std::ptrdiff_t rows, const T* factor) {
    const auto take = [&]<int Rows>(std::integral_constant<int, Rows>) {
        for (; rows >= Rows; rows -= Rows) {
            multiply_registers<Rows, Vectors, Former, T>(a, b, steps, c, factor);
            a.data += Rows * a.row_stride;
            c.data += Rows * c.stride;
            if constexpr (Former == onto::scaled_sum) factor += Rows;
        }
    };
    if constexpr (Vectors <= widest / 2) take(std::integral_constant<int, 2 * tallest>{});
    take(std::integral_constant<int, tallest>{});
    take(std::integral_constant<int, 2>{});
    take(std::integral_constant<int, 1>{});
}

/// c {rows, columns} = a {rows, steps} b {steps, columns}, onto what stood there as Former says. Columns are rounded up to
/// whole registers. Every element is summed over the steps in their order, so tiling changes no bit of it.
template <onto Former, class T>
void multiply(left_operand<T> a, tile<const T> b, std::ptrdiff_t steps, tile<T> c, std::ptrdiff_t rows, std::ptrdiff_t columns,
              const T* factor = nullptr) {
    constexpr int lanes = simd<T>::lanes;
    std::ptrdiff_t vectors = (columns + lanes - 1) / lanes;
    const auto take = [&]<int Vectors>(std::integral_constant<int, Vectors>) {
        for (; vectors >= Vectors; vectors -= Vectors) {
            multiply_strip<Vectors, Former, T>(a, b, steps, c, rows, factor);
            b.data += Vectors * lanes;
            c.data += Vectors * lanes;
        }
    };
    if constexpr (widest == 4) {
        take(std::integral_constant<int, 4>{});
        take(std::integral_constant<int, 3>{});
    }
    take(std::integral_constant<int, 2>{});
    take(std::integral_constant<int, 1>{});
}

/// The inner axes of an operand, taken as one: column c lies at (c / size) * outer_stride + (c % size) * stride.
struct columns {
    std::ptrdiff_t outer = 1, size = 1;
    std::ptrdiff_t outer_stride = 0, stride = 1;

    std::ptrdiff_t count() const { return outer * size; }
};

/// Notes whether anything that it saw is infinite or NaN: x * 0 is then NaN, and stays it.
template <class T> class watch {
public:
    HEED_INLINE void see(simd<T> x) { sum_ = fma(x, simd<T>(T(0)), sum_); }
    HEED_INLINE void see(T x) { rest_ += x * T(0); }
    bool all_finite() const { return reduce_add(sum_) + rest_ == T(0); }

private:
    simd<T> sum_ = simd<T>(T(0));
    T rest_ = T(0);
};

/// to[c] = factor * column c of one row of a tensor, zeros up to whole registers.
template <class T>
void pack_row(T* to, const T* from, const columns& inner, T factor, watch<T>& seen) {
    constexpr int lanes = simd<T>::lanes;
    const simd<T> factors(factor);
    const std::ptrdiff_t count = inner.count();
    std::ptrdiff_t c = 0;
    for (std::ptrdiff_t o = 0; o < inner.outer; ++o) {
        const T* row = from + o * inner.outer_stride;
        std::ptrdiff_t i = 0;
        if (inner.stride == 1) {
            for (; i + lanes <= inner.size; i += lanes, c += lanes) {
                const simd<T> x = simd<T>::load(row + i);
                seen.see(x);
                (x * factors).store(to + c);
            }
            if (const int rest = static_cast<int>(inner.size - i); rest > 0) {
                const simd<T> x = simd<T>::load(row + i, rest);
                seen.see(x);
                (x * factors).store(to + c, rest);
                c += rest;
            }
        } else {
            for (; i < inner.size; ++i, ++c) {
                const T x = row[i * inner.stride];
                seen.see(x);
                to[c] = x * factor;
            }
        }
    }
    std::fill(to + count, to + whole_registers<T>(count), T(0));
}

/// A register in which every other block of `Width` lanes is exchanged: the off-diagonal blocks of two rows.
template <class T, int Width, bool Upper, std::size_t... Lane>
HEED_INLINE simd<T> exchanged(simd<T> a, simd<T> b, std::index_sequence<Lane...>) {
    constexpr int lanes = simd<T>::lanes;
    typedef T plain [[gnu::vector_size(sizeof(T) * lanes)]];
    // Lane l of the upper row takes from b's lower block where l lies in the second block; of the lower row, the mirror.
    return native::cast_bits<native::vector<T>>(__builtin_shufflevector(
        native::cast_bits<plain>(a.value), native::cast_bits<plain>(b.value),
        static_cast<int>(Upper ? ((Lane & Width) ? Lane - Width + lanes : Lane) : ((Lane & Width) ? Lane + lanes : Lane + Width))...));
}

/// Transposes a square of registers: blocks of half the width are exchanged, then of a quarter, down to single lanes.
template <int Width, class T> HEED_INLINE void transpose(simd<T> (&row)[simd<T>::lanes]) {
    if constexpr (Width > 0) {
        constexpr std::make_index_sequence<simd<T>::lanes> every{};
#pragma GCC unroll 16
        for (int i = 0; i < simd<T>::lanes; ++i)
            if ((i & Width) == 0) {
                const simd<T> a = row[i], b = row[i + Width];
                row[i] = exchanged<T, Width, true>(a, b, every);
                row[i + Width] = exchanged<T, Width, false>(a, b, every);
            }
        transpose<Width / 2, T>(row);
    }
}

/// to {column, row}: `rows` rows of a tensor, `row_stride` apart, become columns; zeros up to whole registers.
template <class T>
void pack_transposed(tile<T> to, const T* from, std::ptrdiff_t rows, std::ptrdiff_t row_stride, const columns& inner, watch<T>& seen) {
    constexpr int lanes = simd<T>::lanes;
    for (std::ptrdiff_t r = 0; r < rows; r += lanes) {
        const int height = static_cast<int>(std::min<std::ptrdiff_t>(lanes, rows - r));
        for (std::ptrdiff_t o = 0; o < inner.outer; ++o) {
            const T* block = from + r * row_stride + o * inner.outer_stride;
            T* target = to.data + o * inner.size * to.stride + r;
            if (inner.stride == 1) {
                for (std::ptrdiff_t i = 0; i < inner.size; i += lanes) {
                    const int width = static_cast<int>(std::min<std::ptrdiff_t>(lanes, inner.size - i));
                    simd<T> square[lanes];
#pragma GCC unroll 16
                    for (int k = 0; k < lanes; ++k) {
                        if (k >= height) square[k] = simd<T>(T(0));
                        else if (width == lanes) square[k] = simd<T>::load(block + k * row_stride + i);
                        else square[k] = simd<T>::load(block + k * row_stride + i, width);
                        seen.see(square[k]);
                    }
                    transpose<lanes / 2, T>(square);
#pragma GCC unroll 16
                    for (int k = 0; k < lanes; ++k)
                        if (k < width) square[k].store(target + (i + k) * to.stride);
                }
            } else {
                for (std::ptrdiff_t i = 0; i < inner.size; ++i)
                    for (int k = 0; k < lanes; ++k) {
                        const T x = k < height ? block[k * row_stride + i * inner.stride] : T(0);
                        seen.see(x);
                        target[i * to.stride + k] = x;
                    }
            }
        }
    }
}

/// One row of a tensor = factor * from, or += it.
template <class T> void unpack_row(T* to, const columns& inner, const T* from, T factor, bool add) {
    constexpr int lanes = simd<T>::lanes;
    const simd<T> factors(factor);
    for (std::ptrdiff_t o = 0; o < inner.outer; ++o, from += inner.size) {
        T* row = to + o * inner.outer_stride;
        std::ptrdiff_t i = 0;
        if (inner.stride == 1) {
            for (; i + lanes <= inner.size; i += lanes) {
                const simd<T> x = simd<T>::load(from + i) * factors;
                (add ? simd<T>::load(row + i) + x : x).store(row + i);
            }
            if (const int rest = static_cast<int>(inner.size - i); rest > 0) {
                const simd<T> x = simd<T>::load(from + i, rest) * factors;
                (add ? simd<T>::load(row + i, rest) + x : x).store(row + i, rest);
            }
        } else {
            for (; i < inner.size; ++i) {
                T& place = row[i * inner.stride];
                place = add ? place + from[i] * factor : from[i] * factor;
            }
        }
    }
}

}  // namespace heed::inline HEED_TARGET::cpu::tiles
