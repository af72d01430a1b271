/// What the attention kernels ask of a score: f, the mask, dropout; and what hidden and dropped weights are.
///
/// A score policy says what f and the mask are. The kernel is compiled once for each policy type:
///
///     struct policy {                                        // copied for each thread
///         static constexpr bool linear;                      // f(x) = scale() * x, and value() is never called
///         static constexpr bool masked;                      // false: every pair is visible
///         T scale() const;
///         void seek(const std::ptrdiff_t* batch_index);      // once before each problem: its place on the batch axes
///         tile_verdict verdict(row0, row1, key0, key1) const;               // of [row0, row1) x [key0, key1); `some` is always right
///         void value(row, key0, T* scores, int n) const;                    // in place: q k becomes f(q k), for n keys of one row
///         void mask(row, key0, T* scores, int n) const;                     // -infinity over what is hidden
///         void derivative(row, key0, const T* product, T* slope, int n) const;   // f'(q k)
///         bool drops() const;                                // these two may be absent: dropout of the weights,
///         void factors(row, key0, T* factors, n) const;      // which are multiplied by 0 or 1 / (1 - rate)
///     };
///
/// Rows are counted flattened over the row axes; rows and keys of a ragged sequence from its own beginning.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include "attention_tiles.hpp"

namespace heed::inline HEED_TARGET::cpu {

/// What a score policy knows of a rectangle of rows and keys: every pair hidden, some, or every pair visible.
enum class tile_verdict { none, some, all };

namespace attention_detail {

template <class T> inline constexpr T log2_e = T(1.442695040888963407359924681001892137L);
template <class T> inline constexpr T ln_2 = T(0.693147180559945309417232121458176568L);
template <class T> inline constexpr T minus_infinity = -std::numeric_limits<T>::infinity();

/// Rows whose scores are in the cache at once: twice the height of a register tile.
inline constexpr std::ptrdiff_t group_rows = 2 * tiles::tallest;

template <class Score> tile_verdict verdict_of(const Score& score, std::ptrdiff_t row0, std::ptrdiff_t row1, std::ptrdiff_t key0, std::ptrdiff_t key1) {
    if constexpr (Score::masked) return score.verdict(row0, row1, key0, key1);
    else return tile_verdict::all;
}

/// Marks a weight that is zero because its key is hidden; true weights are not negative.
template <class T> inline constexpr T hidden_weight = T(-1);

/// What the policy multiplies the weights of a row by, in a room of whole registers; null where it drops none.
template <class T, class Score> const T* drop_factors(const Score& score, std::ptrdiff_t row, std::ptrdiff_t key0, T* room, std::ptrdiff_t n) {
    if constexpr (requires { score.drops(); })
        if (score.drops()) {
            std::fill(room + n, room + tiles::whole_registers<T>(n), T(0));
            score.factors(row, key0, room, n);
            return room;
        }
    return nullptr;
}

/// weights *= factors; marks of hidden ones stay.
template <class T> void multiply_weights(T* weights, const T* factors, std::ptrdiff_t n) {
    for (std::ptrdiff_t j = 0; j < n; j += simd<T>::lanes) {
        const simd<T> weight = simd<T>::load(weights + j), mark(hidden_weight<T>);
        select(weight == mark, mark, weight * simd<T>::load(factors + j)).store(weights + j);
    }
}

}  // namespace attention_detail

}  // namespace heed::inline HEED_TARGET::cpu
