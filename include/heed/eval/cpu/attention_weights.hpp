/// From scores to weights: the products of a group of rows with a tile of keys, exponentiated in place, and their sums.
///
/// The softmax is online (Milakov and Gimelshein 2018; Dao et al. 2022): beside each row stand the greatest score so far,
/// m, and the sum of exp(score - m). When a tile raises m to m', what was summed is multiplied by exp(m - m'). So no
/// more than one tile of scores ever exists. All exponents are base 2: log2(e) is folded into the packing of k.
/// What stands beside a row is m rounded up to a whole number: then those factors are powers of two, and no bit of the output
/// depends on how high the base was, that is on what else the tile holds.
///
/// Where no score of a tile can be large (as is usual: the lengths of queries and keys bound it), the base is 0, and scores
/// become weights in the registers in which they were summed.
#pragma once

#include <cmath>
#include <limits>

#include "attention_policy.hpp"
#include "attention_upcoming.hpp"
#include "attention_visible.hpp"
#include "simd.hpp"
#include "workspace.hpp"

namespace heed::inline HEED_TARGET::cpu::attention_detail {

/// The keys of a tile: many, since their products are added to the output in one go, as far as k and v of a tile stay in
/// the second level of the cache.
inline constexpr std::ptrdiff_t most_tile_keys = 512;

template <class T> std::ptrdiff_t tile_keys(std::ptrdiff_t widths) {
    std::ptrdiff_t keys = most_tile_keys;
    while (keys > 64 && keys * widths * static_cast<std::ptrdiff_t>(sizeof(T)) > 280 * 1024) keys /= 2;
    return keys;
}

/// A group of rows against a tile of keys: where both begin, in the problem and in the block of rows.
struct group {
    std::ptrdiff_t row, row_of_block, height, key0;
};

/// The weights of one group at a time, and the sums of a block of rows.
template <class T, class Score> class group_weights {
public:
    static constexpr int lanes = simd<T>::lanes;

    /// For blocks of up to so many rows, and tiles of up to so many keys.
    group_weights(const Score& score, std::ptrdiff_t block, std::ptrdiff_t key_tile)
        : score_(score), stride_(key_tile + lanes), weights_(static_cast<std::size_t>(group_rows * stride_)), greatest_(static_cast<std::size_t>(block)), total_(static_cast<std::size_t>(block)) {
        std::fill(std::begin(start_), std::end(start_), T(0));
    }

    /// What of the tile the group sees.
    visible_runs<most_tile_keys> runs;

    /// A block of so many rows, none of which has seen anything.
    void begin(std::ptrdiff_t rows) {
        std::fill(greatest_.begin(), greatest_.begin() + rows, minus_infinity<T>);
        std::fill(total_.begin(), total_.begin() + rows, T(0));
    }

    /// A tile of so many keys. The scores of a linear policy are no larger than |q| |k|, of which the squares are given.
    void begin_tile(std::ptrdiff_t keys, T q_norm, T k_norm) {
        if constexpr (Score::linear) bounded_ = q_norm * k_norm <= bound * bound;
        // What rounds a tile up to whole registers weighs nothing.
        std::fill(start_ + tail_, start_ + tiles::whole_registers<T>(tail_), T(0));
        std::fill(start_ + keys, start_ + tiles::whole_registers<T>(keys), T(4 * std::numeric_limits<T>::min_exponent));
        tail_ = keys;
    }
    /// No score of the tile is so large that a weight could be zero or infinite.
    bool bounded() const { return bounded_; }

    /// Weights of the group in the tile. `finite`: nothing in v is infinite or NaN; else hidden weights are marked. Sums of
    /// values of earlier tiles are then to be multiplied by shrinks(), where there are any.
    void weigh(const group& g, const tiles::left_operand<T>& queries, const tiles::tile<const T>& keys, std::ptrdiff_t depth, bool finite, upcoming& memory) {
        shrunk_ = false;
        if constexpr (Score::linear)
            if (finite && is_moderate(g)) return weigh_moderate(g, queries, keys, depth, memory);
        weigh_any(g, queries, keys, depth, finite);
    }
    const T* shrinks() const { return shrunk_ ? shrinks_ : nullptr; }

    /// After the sums: dropped weights count in them.
    void drop(const group& g) {
        T room[most_tile_keys + lanes];
        for (const key_run& seen : runs)
            for (std::ptrdiff_t i = 0; i < g.height; ++i)
                if (const T* factors = drop_factors(score_, g.row + i, g.key0 + seen.first, room, seen.last - seen.first))
                    multiply_weights(row(i) + seen.first, factors, seen.last - seen.first);
    }

    tiles::left_operand<T> from_key(std::ptrdiff_t first) const { return {weights_.data() + first, stride_, 1}; }
    T weight(std::ptrdiff_t i, std::ptrdiff_t key) const { return weights_[static_cast<std::size_t>(i * stride_ + key)]; }

    /// At the end: 1 / the sums of the group's rows, 0 for one that saw nothing; in whole registers.
    void invert_totals(const group& g, T* inverse) const {
        for (std::ptrdiff_t i = 0; i < g.height; i += lanes) {
            const simd<T> total = simd<T>::load(&total_.data()[g.row_of_block + i], count(g, i)), zero(T(0));
            select(total == zero, zero, simd<T>(T(1)) / total).store(inverse + i);
        }
    }
    /// At the end: log sum exp of the group's rows, natural.
    const T* log_totals(const group& g) {
        T* const greatest = &greatest_[static_cast<std::size_t>(g.row_of_block)];
        for (std::ptrdiff_t i = 0; i < g.height; i += lanes)
            log(simd<T>::load(&total_.data()[g.row_of_block + i], count(g, i)), simd<T>::load(greatest + i, count(g, i))).store(greatest + i, count(g, i));
        return greatest;
    }

private:
    /// Rows i, i + 1, ... of the group in a register.
    static int count(const group& g, std::ptrdiff_t i) { return static_cast<int>(std::min<std::ptrdiff_t>(lanes, g.height - i)); }
    T* row(std::ptrdiff_t i) { return weights_.data() + i * stride_; }

    /// Whether no score of these rows and this tile is large, and none was before: they are relative to 0.
    bool is_moderate(const group& g) const {
        if (!bounded_) return false;
        for (std::ptrdiff_t i = g.row_of_block; i < g.row_of_block + g.height; ++i)
            if (greatest_.data()[i] != T(0) && greatest_.data()[i] != minus_infinity<T>) return false;
        return true;
    }

    /// The products of the group with a run of keys, masked; what fills the last register is hidden.
    void score_run(const group& g, const tiles::left_operand<T>& queries, const tiles::tile<const T>& keys, std::ptrdiff_t depth, const key_run& seen) {
        tiles::multiply<tiles::onto::nothing, T>(queries, keys, depth, {weights_.data(), stride_}, g.height, seen.first, seen.last);
        const int n = static_cast<int>(seen.last - seen.first);
        for (std::ptrdiff_t i = 0; i < g.height; ++i) {
            T* const s = row(i) + seen.first;
            if constexpr (!Score::linear) score_.value(g.row + i, g.key0 + seen.first, s, n);
            if constexpr (Score::masked)
                if (!seen.whole) score_.mask(g.row + i, g.key0 + seen.first, s, n);
            std::fill(s + n, s + tiles::whole_registers<T>(n), minus_infinity<T>);
        }
    }

    /// Scores become weights relative to 0.
    void weigh_moderate(const group& g, const tiles::left_operand<T>& queries, const tiles::tile<const T>& keys, std::ptrdiff_t depth, upcoming& memory) {
        std::fill(sums_, sums_ + tiles::whole_registers<T>(g.height) * lanes, T(0));
        for (const key_run& seen : runs) {
            if (seen.whole) {
                tiles::multiply<tiles::onto::powers, T>(queries, keys, depth, {weights_.data(), stride_}, g.height, seen.first, seen.last, {start_, sums_}, memory);
                continue;
            }
            score_run(g, queries, keys, depth, seen);
            for (std::ptrdiff_t i = 0; i < g.height; ++i) weigh_row<false>(row(i) + seen.first, seen.last - seen.first, T(0), sums_ + i * lanes);
        }
        for (std::ptrdiff_t i0 = 0; i0 < g.height; i0 += lanes) {
            const std::ptrdiff_t r = g.row_of_block + i0;
            const simd<T> total = simd<T>::load(&total_.data()[r], count(g, i0)) + row_sums(i0), zero(T(0));
            total.store(&total_.data()[r], count(g, i0));
            select(total == zero, simd<T>(minus_infinity<T>), zero).store(&greatest_.data()[r], count(g, i0));   // of what they have seen
        }
    }

    /// Scores become weights relative to the row's greatest; what was summed before shrinks to that.
    void weigh_any(const group& g, const tiles::left_operand<T>& queries, const tiles::tile<const T>& keys, std::ptrdiff_t depth, bool finite) {
        shrunk_ = g.key0 > 0;
        for (const key_run& seen : runs) score_run(g, queries, keys, depth, seen);
        for (std::ptrdiff_t i0 = 0; i0 < g.height; i0 += lanes) {
            const int n = count(g, i0);
            T *const greatest = &greatest_.data()[g.row_of_block + i0], *const total = &total_.data()[g.row_of_block + i0];
            T each[lanes], bases[lanes];
            for (int i = 0; i < n; ++i) each[i] = greatest_of(row(i0 + i)) * unit;
            const simd<T> before = simd<T>::load(greatest, n), now = max(before, -floor(-simd<T>::load(each, n)));
            now.store(greatest, n);
            // A row that has seen nothing has no greatest score: any finite base makes its weights exp2(-infinity) = 0.
            const simd<T> base = select(now == simd<T>(minus_infinity<T>), simd<T>(T(0)), now), shrink = exp2(before - base);
            base.store(bases);
            shrink.store(shrinks_ + i0);
            std::fill(sums_ + i0 * lanes, sums_ + (i0 + lanes) * lanes, T(0));
            for (int i = 0; i < n; ++i)
                for (const key_run& seen : runs) {
                    T *const s = row(i0 + i) + seen.first, *const sums = sums_ + (i0 + i) * lanes;
                    if (finite) weigh_row<false>(s, seen.last - seen.first, bases[i], sums);
                    else weigh_row<true>(s, seen.last - seen.first, bases[i], sums);
                }
            fma(simd<T>::load(total, n), shrink, row_sums(i0)).store(total, n);
        }
    }

    /// The sums of rows i0, i0 + 1, ... of the group, a lane each.
    simd<T> row_sums(std::ptrdiff_t i0) const {
        simd<T> sum[lanes];
        for (int i = 0; i < lanes; ++i) sum[i] = simd<T>::load(sums_ + (i0 + i) * lanes);
        return tiles::sums<T>(sum);
    }

    T greatest_of(const T* scores) const {
        simd<T> most(minus_infinity<T>);
        for (const key_run& seen : runs)
            for (std::ptrdiff_t j = seen.first; j < seen.last; j += lanes) most = max(most, simd<T>::load(scores + j));
        return reduce_max(most);
    }

    /// exp2(score - base) in place, base a whole number; adds them to the row's sums, lane by lane and register by register.
    template <bool Selecting> [[gnu::noinline]] static void weigh_row(T* s, std::ptrdiff_t n, T base, T* sums) {
        const simd<T> minus_base(-base);
        simd<T> sum = simd<T>::load(sums);
        for (std::ptrdiff_t j = 0; j < n; j += lanes) {
            const simd<T> score = simd<T>::load(s + j), weight = exp2(Score::linear ? score : score * simd<T>(unit), minus_base);
            if constexpr (Selecting) select(score == simd<T>(minus_infinity<T>), simd<T>(hidden_weight<T>), weight).store(s + j);
            else weight.store(s + j);
            sum += weight;
        }
        sum.store(sums);
    }

    /// Scores of a linear policy are in units of log2 already.
    static constexpr T unit = Score::linear ? T(1) : log2_e<T>;
    /// Where no score of a tile can exceed 2^bound in size (as is usual), none need be searched for the greatest: weights
    /// lie between 2^-bound and 2^bound, far from the ends of T's range.
    static constexpr T bound = T(40);

    const Score& score_;
    std::ptrdiff_t stride_;                                 // no multiple of a page: rows would share a few sets of the cache
    scratch<T> weights_, greatest_, total_;
    alignas(64) T start_[most_tile_keys + lanes];           // of the sums that make scores: 0, or what hides a column
    std::ptrdiff_t tail_ = 0;                               // the column from which on it hides
    alignas(64) T sums_[(group_rows + lanes) * lanes];
    alignas(64) T shrinks_[group_rows + lanes];
    bool bounded_ = false, shrunk_ = false;
};

}  // namespace heed::inline HEED_TARGET::cpu::attention_detail
