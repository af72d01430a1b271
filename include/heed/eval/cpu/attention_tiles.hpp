/// Products of tiles of numbers in the cache, and what attention makes of them while they are in registers.
///
/// A tile is row-major, its rows `stride` elements apart and padded with zeros to whole registers.
#pragma once

#include <algorithm>
#include <cstddef>

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

/// Columns that the registers of a product hold side by side.
template <class T> inline constexpr std::ptrdiff_t strip = widest * simd<T>::lanes;

/// The left operand, read one number at a time: element (row, step) lies at data[row * row_stride + step * step_stride],
/// so a transposed tile costs no more than an upright one.
template <class T> struct left_operand { const T* data; std::ptrdiff_t row_stride, step_stride; };

/// A tile: as the right operand, row `step`; as the product, row `row`. Right operands may be cut into strips, each of
/// which lies for itself: `next_strip` is the distance from one to the next (0: they are one tile, side by side).
template <class T> struct tile { T* data; std::ptrdiff_t stride, next_strip = 0; };

/// What becomes of a product p = a b:
///     nothing       c = p
///     sum           c += p
///     scaled        c = p start[row]
///     powers        c = 2^(p + start[column]); these are added to with[row], lane by lane and register by register
///     row_powers    c = 2^(p + start[row])
///     weighted      c = (p + start[row]) with[row, column]
enum class onto { nothing, sum, scaled, powers, row_powers, weighted };

/// A product of Rows rows and Vectors registers across. (Its operands come one by one: structures would be passed in memory,
/// and read before they have arrived there, at 70 cycles a call.)
template <int Rows, int Vectors, onto Form, class T>
[[gnu::noinline]] void multiply_registers(const T* a, std::ptrdiff_t a_row, std::ptrdiff_t a_step, const T* b, std::ptrdiff_t b_step,
                                          std::ptrdiff_t steps, T* c, std::ptrdiff_t c_row, const T* start, T* with) {
    constexpr int lanes = simd<T>::lanes;
    simd<T> sum[Rows][Vectors];
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            if constexpr (Form == onto::sum) sum[r][v] = simd<T>::load(c + r * c_row + v * lanes);
            else if constexpr (Form == onto::powers) sum[r][v] = simd<T>::load(start + v * lanes);
            else sum[r][v] = simd<T>(T(0));
        }
    for (std::ptrdiff_t step = 0; step < steps; ++step) {
        simd<T> right[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) right[v] = simd<T>::load(b + v * lanes);
#pragma GCC unroll 12
        for (int r = 0; r < Rows; ++r) {
            const simd<T> left(a[r * a_row]);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
        }
        a += a_step;
        b += b_step;
    }
#pragma GCC unroll 12
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
            if constexpr (Form == onto::scaled) sum[r][v] = sum[r][v] * simd<T>(start[r]);
            if constexpr (Form == onto::powers) sum[r][v] = exp2_of_moderate(sum[r][v]);
            if constexpr (Form == onto::row_powers) sum[r][v] = exp2(sum[r][v] + simd<T>(start[r]));
            if constexpr (Form == onto::weighted) sum[r][v] = (sum[r][v] + simd<T>(start[r])) * simd<T>::load(with + r * c_row + v * lanes);
            sum[r][v].store(c + r * c_row + v * lanes);
        }
        if constexpr (Form == onto::powers) {
            simd<T> powers = simd<T>::load(with + r * lanes);
#pragma GCC unroll 4
            for (int v = 0; v < Vectors; ++v) powers += sum[r][v];
            powers.store(with + r * lanes);
        }
    }
}

/// A strip of the product, or as many registers of one as `Vectors` says.
template <int Vectors, onto Form, class T, class Meanwhile>
void multiply_strip(const left_operand<T>& a, const T* b, std::ptrdiff_t b_stride, std::ptrdiff_t steps, T* c, std::ptrdiff_t c_stride, std::ptrdiff_t rows, const T* start, T* with, Meanwhile& meanwhile) {
    const T* left = a.data;
    const auto take = [&]<int Rows>(std::integral_constant<int, Rows>) {
        for (; rows >= Rows; rows -= Rows) {
            multiply_registers<Rows, Vectors, Form, T>(left, a.row_stride, a.step_stride, b, b_stride, steps, c, c_stride, start, with);
            meanwhile();
            left += Rows * a.row_stride;
            c += Rows * c_stride;
            if constexpr (Form == onto::powers) with += Rows * simd<T>::lanes;
            if constexpr (Form == onto::scaled || Form == onto::row_powers || Form == onto::weighted) start += Rows;
            if constexpr (Form == onto::weighted) with += Rows * c_stride;
        }
    };
    if constexpr (Vectors <= widest / 2) take(std::integral_constant<int, 2 * tallest>{});
    take(std::integral_constant<int, tallest>{});
    take(std::integral_constant<int, 4>{});
    take(std::integral_constant<int, 1>{});
}

/// What a product is told beside its operands, as its form asks.
template <class T> struct aside { const T* start = nullptr; T* with = nullptr; };

/// Nothing to do between products.
struct idle { void operator()() const {} };
inline constexpr idle idle_always;

/// Columns first to last of c {rows, columns} = a {rows, steps} b {steps, columns}, in the form that Form says; `first` is a
/// whole number of registers, `last` is rounded up to one. Every element is summed over the steps in their order, so tiling
/// changes no bit of it. `meanwhile` is called after each handful of rows and registers.
template <onto Form, class T, class Meanwhile = const idle>
void multiply(const left_operand<T>& a, const tile<const T>& b, std::ptrdiff_t steps, const tile<T>& c, std::ptrdiff_t rows, std::ptrdiff_t first, std::ptrdiff_t last,
              const aside<T>& beside = {}, Meanwhile& meanwhile = idle_always) {
    constexpr std::ptrdiff_t lanes = simd<T>::lanes;
    const std::ptrdiff_t next_strip = b.next_strip == 0 ? strip<T> : b.next_strip;
    for (std::ptrdiff_t column = first; column < last;) {
        const std::ptrdiff_t within = column % strip<T>, vectors = std::min(widest - within / lanes, (last - column + lanes - 1) / lanes);
        const T* const right = b.data + column / strip<T> * next_strip + within;
        const auto take = [&]<int Vectors>(std::integral_constant<int, Vectors>) {
            multiply_strip<Vectors, Form, T>(a, right, b.stride, steps, c.data + column, c.stride, rows,
                                             Form == onto::powers ? beside.start + column : beside.start, Form == onto::weighted ? beside.with + column : beside.with, meanwhile);
        };
        if constexpr (widest == 4) {
            if (vectors == 4) take(std::integral_constant<int, 4>{});
            if (vectors == 3) take(std::integral_constant<int, 3>{});
        }
        if (vectors == 2) take(std::integral_constant<int, 2>{});
        if (vectors == 1) take(std::integral_constant<int, 1>{});
        column += vectors * lanes;
    }
}

}  // namespace heed::inline HEED_TARGET::cpu::tiles
