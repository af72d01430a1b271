/// Rows of a strided tensor to and from tiles in the cache: as they are, turned to columns, and what they measure.
///
/// Rows of a tile are padded with zeros to whole registers, so that no loop over columns has a tail. Packing also watches for
/// infinities and NaN: a weight of zero does not silence those.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "attention_tiles.hpp"

namespace heed::inline HEED_TARGET::cpu::tiles {

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

/// Asks for one row of a tensor to be brought near, to read or to write it. (Inlined since g++ drops calls of functions
/// that do nothing but this.)
template <int Write, class T> HEED_INLINE void prefetch_row(const T* row, const columns& inner) {
    if (inner.stride != 1) return;
    for (std::ptrdiff_t o = 0; o < inner.outer; ++o)
        for (std::ptrdiff_t i = 0; i < inner.size; i += 64 / static_cast<std::ptrdiff_t>(sizeof(T))) __builtin_prefetch(row + o * inner.outer_stride + i, Write);
}

/// Rows at equal distances, as something to walk over.
template <class T> struct even_rows {
    T* row;
    std::ptrdiff_t stride;

    T* operator*() const { return row; }
    even_rows& operator++() {
        row += stride;
        return *this;
    }
};

/// Row r of `to` = factor * the r-th row that `from` walks over, zeros up to whole registers. True if all was finite.
template <class T, class Walk> bool pack_rows(tile<T> to, Walk from, std::ptrdiff_t rows, const columns& inner, T factor) {
    constexpr int lanes = simd<T>::lanes;
    const simd<T> factors(factor);
    const std::ptrdiff_t count = inner.count(), whole = inner.size / lanes * lanes, padded = whole_registers<T>(count);
    const int rest = static_cast<int>(inner.size - whole);
    watch<T> seen, seen_too;   // two, since each addition waits for the one before
    constexpr std::ptrdiff_t ahead = 8;   // rows whose place is asked for early: stores wait for their lines one by one
    if (inner.outer == 1 && inner.stride == 1 && rest == 0) {
        for (std::ptrdiff_t r = 0; r < rows; ++r, ++from, to.data += to.stride) {
            const T* row = *from;
            std::ptrdiff_t i = 0;
            for (std::ptrdiff_t c = 0; c < whole; c += 64 / static_cast<std::ptrdiff_t>(sizeof(T))) __builtin_prefetch(to.data + ahead * to.stride + c, 1);
            for (; i + 2 * lanes <= whole; i += 2 * lanes) {
                const simd<T> x = simd<T>::load(row + i), y = simd<T>::load(row + i + lanes);
                seen.see(x);
                seen_too.see(y);
                (x * factors).store(to.data + i);
                (y * factors).store(to.data + i + lanes);
            }
            if (i < whole) {
                const simd<T> x = simd<T>::load(row + i);
                seen.see(x);
                (x * factors).store(to.data + i);
            }
        }
        return seen.all_finite() && seen_too.all_finite();
    }
    for (std::ptrdiff_t r = 0; r < rows; ++r, ++from, to.data += to.stride) {
        T* place = to.data;
        for (std::ptrdiff_t o = 0; o < inner.outer; ++o, place += inner.size) {
            const T* row = *from + o * inner.outer_stride;
            if (inner.stride == 1) {
                for (std::ptrdiff_t i = 0; i < whole; i += lanes) {
                    const simd<T> x = simd<T>::load(row + i);
                    seen.see(x);
                    (x * factors).store(place + i);
                }
                if (rest > 0) {
                    const simd<T> x = simd<T>::load(row + whole, rest);
                    seen.see(x);
                    (x * factors).store(place + whole, rest);
                }
            } else {
                for (std::ptrdiff_t i = 0; i < inner.size; ++i) {
                    const T x = row[i * inner.stride];
                    seen.see(x);
                    place[i] = x * factor;
                }
            }
        }
        for (std::ptrdiff_t c = count; c < padded; ++c) to.data[c] = T(0);
    }
    return seen.all_finite();
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

/// The sums over the lanes of as many registers as one has lanes, as one register: each round folds pairs of registers
/// into one, with halves of half the width. Every sum is of the same tree, wherever its register stands.
template <class T, int Width = simd<T>::lanes / 2> HEED_INLINE simd<T> sums(simd<T> (&row)[simd<T>::lanes]) {
    if constexpr (Width > 0) {
        constexpr std::make_index_sequence<simd<T>::lanes> every{};
#pragma GCC unroll 16
        for (int i = 0; i < Width; ++i)
            row[i] = exchanged<T, Width, true>(row[i], row[i + Width], every) + exchanged<T, Width, false>(row[i], row[i + Width], every);
        return sums<T, Width / 2>(row);
    }
    return row[0];
}

/// to {column, row} = factor * from {row, column}, both squares of as many numbers a side as a register has lanes. Adds
/// the squares of each row to norms.
template <class T> HEED_INLINE void transpose_square(T* to, std::ptrdiff_t to_stride, const T* from, std::ptrdiff_t from_stride, simd<T> factor, simd<T>& norms) {
    constexpr int lanes = simd<T>::lanes;
    simd<T> square[lanes], sums[2] = {norms, simd<T>(T(0))};
#pragma GCC unroll 16
    for (int k = 0; k < lanes; ++k) __builtin_prefetch(to + k * to_stride, 1);
#pragma GCC unroll 16
    for (int k = 0; k < lanes; ++k) square[k] = simd<T>::load(from + k * from_stride);
    transpose<lanes / 2, T>(square);
#pragma GCC unroll 16
    for (int k = 0; k < lanes; ++k) {
        const simd<T> x = square[k] * factor;
        sums[k % 2] = fma(x, x, sums[k % 2]);
        x.store(to + k * to_stride);
    }
    norms = sums[0] + sums[1];
}

/// to {column, row}: `rows` rows of a tensor, `row_stride` apart, times factor, become columns; zeros up to whole
/// registers. Returns the greatest |row|^2 as packed, or infinity if anything is infinite, NaN or too large to be squared.
template <class T>
T pack_transposed(tile<T> to, const T* from, std::ptrdiff_t rows, std::ptrdiff_t row_stride, const columns& inner, T factor) {
    constexpr int lanes = simd<T>::lanes;
    const simd<T> factors(factor);
    simd<T> greatest(T(0)), all(T(0));
    for (std::ptrdiff_t r = 0; r < rows; r += lanes) {
        const int height = static_cast<int>(std::min<std::ptrdiff_t>(lanes, rows - r));
        T* const column = to.data + (to.next_strip == 0 ? r : r / strip<T> * to.next_strip + r % strip<T>);
        simd<T> norms(T(0));
        for (std::ptrdiff_t o = 0; o < inner.outer; ++o)
            for (std::ptrdiff_t i = 0; i < inner.size; i += lanes) {
                const int width = static_cast<int>(std::min<std::ptrdiff_t>(lanes, inner.size - i));
                const T* block = from + r * row_stride + o * inner.outer_stride + i * inner.stride;
                T* target = column + (o * inner.size + i) * to.stride;
                if (height == lanes && width == lanes && inner.stride == 1) {
                    transpose_square<T>(target, to.stride, block, row_stride, factors, norms);
                } else {   // an edge, or scattered numbers: by way of a square of its own
                    T gathered[lanes * lanes], turned[lanes * lanes];
                    for (int k = 0; k < lanes; ++k) {
                        if (inner.stride == 1) {
                            simd<T>::load(block + (k < height ? k * row_stride : 0), k < height ? width : 0).store(gathered + k * lanes);
                        } else {
                            for (int l = 0; l < lanes; ++l) gathered[k * lanes + l] = k < height && l < width ? block[k * row_stride + l * inner.stride] : T(0);
                        }
                    }
                    transpose_square<T>(turned, lanes, gathered, lanes, factors, norms);
                    for (int l = 0; l < width; ++l) simd<T>::load(turned + l * lanes).store(target + l * to.stride);
                }
            }
        greatest = max(greatest, norms);
        all += norms;
    }
    return reduce_add(all) < std::numeric_limits<T>::infinity() ? reduce_max(greatest) : std::numeric_limits<T>::infinity();
}

/// The greatest |row|^2, or infinity, as above.
template <class T> T greatest_norm(const T* from, std::ptrdiff_t rows, std::ptrdiff_t row_stride, std::ptrdiff_t width) {
    constexpr int lanes = simd<T>::lanes;
    simd<T> greatest(T(0)), all(T(0));
    for (std::ptrdiff_t r = 0; r < rows; r += lanes) {
        simd<T> squares[lanes];
        for (int k = 0; k < lanes; ++k) {
            simd<T> sum(T(0));
            if (r + k < rows)
                for (std::ptrdiff_t i = 0; i < width; i += lanes) {
                    const T* p = from + (r + k) * row_stride + i;
                    const simd<T> x = width - i >= lanes ? simd<T>::load(p) : simd<T>::load(p, static_cast<int>(width - i));
                    sum = fma(x, x, sum);
                }
            squares[k] = sum;
        }
        const simd<T> norms = sums<T>(squares);
        greatest = max(greatest, norms);
        all += norms;
    }
    return reduce_add(all) < std::numeric_limits<T>::infinity() ? reduce_max(greatest) : std::numeric_limits<T>::infinity();
}

/// The rows of a tensor that `to` walks over = factor of the row * from, or += it. The factor of row r is factors[r * step].
template <class T, class Walk>
void unpack_rows(Walk to, const columns& inner, const T* from, std::ptrdiff_t from_stride, std::ptrdiff_t rows, const T* factors, std::ptrdiff_t step, bool add) {
    constexpr int lanes = simd<T>::lanes;
    const std::ptrdiff_t whole = inner.stride == 1 ? inner.size / lanes * lanes : 0;
    const int rest = inner.stride == 1 ? static_cast<int>(inner.size - whole) : 0;
    for (std::ptrdiff_t r = 0; r < rows; ++r, ++to, from += from_stride, factors += step) {
        const simd<T> factor(*factors);
        const T* part = from;
        for (std::ptrdiff_t o = 0; o < inner.outer; ++o, part += inner.size) {
            T* const row = *to + o * inner.outer_stride;
            for (std::ptrdiff_t i = 0; i < whole; i += lanes) {
                const simd<T> x = simd<T>::load(part + i) * factor;
                (add ? simd<T>::load(row + i) + x : x).store(row + i);
            }
            if (rest > 0) {
                const simd<T> x = simd<T>::load(part + whole, rest) * factor;
                (add ? simd<T>::load(row + whole, rest) + x : x).store(row + whole, rest);
            }
            if (inner.stride != 1)
                for (std::ptrdiff_t i = 0; i < inner.size; ++i) {
                    T& place = row[i * inner.stride];
                    place = add ? place + part[i] * *factors : part[i] * *factors;
                }
        }
    }
}

}  // namespace heed::inline HEED_TARGET::cpu::tiles
