/// Attention, forward: scores, softmax and weighted sum of a tile of queries and keys while it lies in the cache.
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

#include "attention_blocks.hpp"
#include "attention_policy.hpp"
#include "attention_upcoming.hpp"
#include "attention_visible.hpp"
#include "attention_zeros.hpp"
#include "simd.hpp"
#include "workspace.hpp"

namespace heed::inline HEED_TARGET::cpu {

template <class T> struct attention_operands {
    attention_operand<const T> q, k, v;
    attention_operand<T> out;
    /// log sum_j exp(score[i, j]), natural; -infinity for a row that sees nothing. May be absent; the backward needs it.
    attention_operand<T> log_sum_exp;
};

namespace attention_detail {

/// The keys of a tile: many, since their products are added to the output in one go, as far as k and v of a tile stay in
/// the second level of the cache.
inline constexpr std::ptrdiff_t most_tile_keys = 512;

template <class T> std::ptrdiff_t tile_keys(std::ptrdiff_t widths) {
    std::ptrdiff_t keys = most_tile_keys;
    while (keys > 64 && keys * widths * static_cast<std::ptrdiff_t>(sizeof(T)) > 280 * 1024) keys /= 2;
    return keys;
}

/// Computes blocks of rows of problems, each against all its keys, one after the other.
template <class T, class Score> class forward_worker {
public:
    /// For blocks of up to so many rows.
    forward_worker(const attention_shape& shape, const attention_operands<T>& x, const Score& score, std::ptrdiff_t block)
        : shape_(shape), x_(x), score_(score), block_(block) {
        std::fill(std::begin(start_), std::end(start_), T(0));
    }

    /// Rows row0 to row1 of a problem. `next` is the problem that the next call is for, from its row next_row0 on; may be null.
    void run(const problem& p, std::ptrdiff_t row0, std::ptrdiff_t row1, const problem* next, std::ptrdiff_t next_row0) {
        if (!next_) see(p, row0, row1);
        problem_ = &p;
        row0_ = row0;
        rows_ = seen_.row1 - row0;
        keys_ = seen_.key1;
        next_ = next;
        next_row0_ = next_row0;
        if (next) see(*next, next_row0, std::min(next_row0 + block_, next->rows));
        score_.seek(p.index);
        clear(row0 + rows_, row1);
        if (rows_ == 0) return;
        pack_queries();
        std::fill(greatest_.begin(), greatest_.begin() + rows_, minus_infinity<T>);
        std::fill(total_.begin(), total_.begin() + rows_, T(0));
        if (keys_ > key_tile_) clear_sums(0, rows_);
        for (std::ptrdiff_t key0 = 0; key0 < keys_; key0 += key_tile_) attend(key0, std::min(key0 + key_tile_, keys_));
    }

private:
    /// Of what is met next, what can be seen. (Asked ahead, so that memory brings nothing that is hidden.)
    void see(const problem& p, std::ptrdiff_t row0, std::ptrdiff_t row1) {
        score_.seek(p.index);
        seen_ = visible_part(score_, {row0, row1, 0, p.keys}, seen_);
    }

    /// Rows that see nothing.
    void clear(std::ptrdiff_t row0, std::ptrdiff_t row1) {
        if (row0 == row1) return;
        std::ptrdiff_t stride = 0;
        clear_.rows(*problem_, x_.out, row0, row1, value_columns(shape_, x_.out.inner));
        if (!x_.log_sum_exp) return;
        row_cursor<T> place(*problem_, x_.log_sum_exp, row0);
        if (rows_are_even(*problem_, x_.log_sum_exp, stride))
            for (std::ptrdiff_t i = 0; i < row1 - row0; ++i) (*place)[i * stride] = minus_infinity<T>;
        else
            for (std::ptrdiff_t i = row0; i < row1; ++i, ++place) **place = minus_infinity<T>;
    }

    /// Rows that are met once, by the only tile of keys, are read where they lie.
    void pack_queries() {
        std::ptrdiff_t stride = 0;
        const tiles::columns inner = depth_columns(shape_, x_.q.inner);
        const row_cursor<const T> first(*problem_, x_.q, row0_);
        if (keys_ <= key_tile_ && inner.stride == 1 && rows_are_even(*problem_, x_.q, stride)) {
            queries_ = {*first, stride, 1};
        } else {
            tiles::pack_rows<T>({q_.data(), q_stride_}, first, rows_, inner, T(1));
            queries_ = {q_.data(), q_stride_, 1};
        }
        if constexpr (Score::linear) q_norm_ = tiles::greatest_norm<T>(queries_.data, rows_, queries_.row_stride, shape_.depth);
    }

    void attend(std::ptrdiff_t key0, std::ptrdiff_t key1) {
        const bool last = key1 == keys_, only = last && key0 == 0;
        runs_.seek(score_, row0_, row0_ + rows_, key0, key1);
        if (runs_.nothing() && !last) return;
        expect(key1);
        bool packed = false;
        std::ptrdiff_t parts = 0;
        for (std::ptrdiff_t r = 0; r < rows_; r += group_rows) {
            const std::ptrdiff_t height = std::min(group_rows, rows_ - r);
            runs_.seek_rows(score_, row0_ + r, row0_ + r + height);
            bool written = false;
            if (runs_.begin() != runs_.end()) {
                if (!packed) pack_keys(key0, key1 - key0);
                packed = true;
                weigh(r, height, key0);
                if (last) expect_output(r, height);
                drop_weights(r, height, key0);
                written = only && write_values(r, height);
            }
            if (only && !written) clear_sums(r, height);
            if (!written) sum_values(r, height);
            upcoming_.reach(parts += parts_of_group(key1 - key0));
            if (last && !written) write_group(r, height);
        }
    }

    /// While values are summed, memory brings the places of the output.
    HEED_INLINE void expect_output(std::ptrdiff_t r, std::ptrdiff_t height) {
        row_cursor<T> out(*problem_, x_.out, row0_ + r);
        for (std::ptrdiff_t i = 0; i < height; ++i, ++out) tiles::prefetch_row<1>(*out, value_columns(shape_, x_.out.inner));
    }

    /// While this block meets the keys up to key1, memory brings what comes after: the next tile of keys, or, at the last
    /// one, the next problem's rows and first tile.
    void expect(std::ptrdiff_t key1) {
        const bool last = key1 == keys_;
        upcoming_.clear();
        std::ptrdiff_t stride = 0;
        if (last) {
            if (next_ && rows_are_even(*next_, x_.q, stride))
                upcoming_.template add<0>(*row_cursor<const T>(*next_, x_.q, next_row0_), stride, seen_.row1 - next_row0_, depth_columns(shape_, x_.q.inner));
        }
        if (const problem* const then = last ? next_ : problem_) {
            const std::ptrdiff_t key0 = last ? 0 : key1, n = std::min(key_tile_, (last ? seen_.key1 : keys_) - key0);
            upcoming_.template add<0>(then->base(x_.k) + key0 * x_.k.key, x_.k.key, n, depth_columns(shape_, x_.k.inner));
            upcoming_.template add<0>(then->base(x_.v) + key0 * x_.v.key, x_.v.key, n, value_columns(shape_, x_.v.inner));
        }
        upcoming_.share_out((rows_ + group_rows - 1) / group_rows * parts_of_group(std::min(key_tile_, keys_)));
    }

    /// A part of what is upcoming is asked for after each strip of scores.
    static std::ptrdiff_t parts_of_group(std::ptrdiff_t keys) { return (keys + tiles::strip<T> - 1) / tiles::strip<T> * (group_rows / tiles::tallest); }

    void pack_keys(std::ptrdiff_t key0, std::ptrdiff_t n) {
        T factor = T(1);
        if constexpr (Score::linear) factor = score_.scale() * log2_e<T>;
        const T *k = problem_->base(x_.k) + key0 * x_.k.key, *v = problem_->base(x_.v) + key0 * x_.v.key;
        const T k_norm = tiles::pack_transposed<T>(keys_tile<T>(), k, n, x_.k.key, depth_columns(shape_, x_.k.inner), factor);
        if constexpr (Score::linear) bounded_ = q_norm_ * k_norm <= bound * bound;   // |q . k| <= |q| |k|
        read_values(v, n);
        // What rounds a tile up to whole registers weighs nothing.
        std::fill(start_ + tail_, start_ + tiles::whole_registers<T>(tail_), T(0));
        std::fill(start_ + n, start_ + tiles::whole_registers<T>(n), T(4 * std::numeric_limits<T>::min_exponent));
        tail_ = n;
    }

    /// v lies still where it is read row by row and everything in it counts: where all is visible, and weights cannot be zero.
    /// A long tile is read faster packed.
    void read_values(const T* v, std::ptrdiff_t n) {
        constexpr std::ptrdiff_t long_tile = 48 * 1024 / static_cast<std::ptrdiff_t>(sizeof(T));
        const tiles::columns inner = value_columns(shape_, x_.v.inner);
        if (runs_.everything() && bounded_ && inner.outer == 1 && inner.stride == 1 && inner.size == out_stride_ && n * inner.size <= long_tile) {
            finite_ = true;
            v_tile_ = {v, x_.v.key};
            return;
        }
        finite_ = tiles::pack_rows<T>({v_.data(), out_stride_}, tiles::even_rows<const T>{v, x_.v.key}, n, inner, T(1));
        v_tile_ = {v_.data(), out_stride_};
    }
    tiles::tile<const T> values_from(std::ptrdiff_t key) const { return {v_tile_.data + key * v_tile_.stride, v_tile_.stride}; }

    /// k as it is packed: strips of columns, each a page or a few of its own.
    template <class U> tiles::tile<U> keys_tile() { return {k_.data(), tiles::strip<T>, shape_.depth * tiles::strip<T>}; }

    tiles::left_operand<T> queries(std::ptrdiff_t r) const { return {queries_.data + r * queries_.row_stride, queries_.row_stride, queries_.step_stride}; }

    void weigh(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t key0) {
        if constexpr (Score::linear)
            if (is_moderate(r, height)) return weigh_moderate(r, height, key0);
        weigh_any(r, height, key0);
    }

    /// Whether no score of these rows and this tile is large, and none was before: they are relative to 0.
    bool is_moderate(std::ptrdiff_t r, std::ptrdiff_t height) const {
        if (!bounded_ || !finite_) return false;
        for (std::ptrdiff_t i = r; i < r + height; ++i)
            if (greatest_[i] != T(0) && greatest_[i] != minus_infinity<T>) return false;
        return true;
    }

    /// The products of a group of rows with a run of keys, masked; what fills the last register is hidden.
    void score_run(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t key0, const key_run& seen) {
        tiles::multiply<tiles::onto::nothing, T>(queries(r), keys_tile<const T>(), shape_.depth, {scores_.data(), score_stride_}, height, seen.first, seen.last);
        const int n = static_cast<int>(seen.last - seen.first);
        for (std::ptrdiff_t i = 0; i < height; ++i) {
            T* const s = &scores_[i * score_stride_] + seen.first;
            if constexpr (!Score::linear) score_.value(row0_ + r + i, key0 + seen.first, s, n);
            if constexpr (Score::masked)
                if (!seen.whole) score_.mask(row0_ + r + i, key0 + seen.first, s, n);
            std::fill(s + n, s + tiles::whole_registers<T>(n), minus_infinity<T>);
        }
    }

    /// Scores become weights relative to 0.
    void weigh_moderate(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t key0) {
        constexpr int lanes = simd<T>::lanes;
        std::fill(sums_, sums_ + tiles::whole_registers<T>(height) * lanes, T(0));
        for (const key_run& seen : runs_) {
            if (seen.whole) {
                tiles::multiply<tiles::onto::powers, T>(queries(r), keys_tile<const T>(), shape_.depth, {scores_.data(), score_stride_}, height, seen.first, seen.last,
                                                        {start_, sums_}, upcoming_);
                continue;
            }
            score_run(r, height, key0, seen);
            for (std::ptrdiff_t i = 0; i < height; ++i) weigh_row<false>(&scores_[i * score_stride_] + seen.first, seen.last - seen.first, T(0), sums_ + i * lanes);
        }
        for (std::ptrdiff_t i0 = 0; i0 < height; i0 += lanes) {
            const int count = static_cast<int>(std::min<std::ptrdiff_t>(lanes, height - i0));
            const simd<T> total = simd<T>::load(&total_[r + i0], count) + row_sums(i0), zero(T(0));
            total.store(&total_[r + i0], count);
            select(total == zero, simd<T>(minus_infinity<T>), zero).store(&greatest_[r + i0], count);   // of what they have seen
        }
    }

    /// Scores become weights relative to the row's greatest; what was summed before shrinks to that.
    void weigh_any(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t key0) {
        constexpr int lanes = simd<T>::lanes;
        for (const key_run& seen : runs_) score_run(r, height, key0, seen);
        for (std::ptrdiff_t i0 = 0; i0 < height; i0 += lanes) {
            const int count = static_cast<int>(std::min<std::ptrdiff_t>(lanes, height - i0));
            T each[lanes], bases[lanes], shrinks[lanes];
            for (int i = 0; i < count; ++i) each[i] = greatest_of(&scores_[(i0 + i) * score_stride_]) * unit;
            const simd<T> before = simd<T>::load(&greatest_[r + i0], count), now = max(before, -floor(-simd<T>::load(each, count)));
            now.store(&greatest_[r + i0], count);
            // A row that has seen nothing has no greatest score: any finite base makes its weights exp2(-infinity) = 0.
            const simd<T> base = select(now == simd<T>(minus_infinity<T>), simd<T>(T(0)), now), shrink = exp2(before - base);
            base.store(bases);
            shrink.store(shrinks);
            std::fill(sums_ + i0 * lanes, sums_ + (i0 + lanes) * lanes, T(0));
            for (int i = 0; i < count; ++i) {
                for (const key_run& seen : runs_) {
                    T *const s = &scores_[(i0 + i) * score_stride_] + seen.first, *const sums = sums_ + (i0 + i) * lanes;
                    if (finite_) weigh_row<false>(s, seen.last - seen.first, bases[i], sums);
                    else weigh_row<true>(s, seen.last - seen.first, bases[i], sums);
                }
                T* const out = &out_[(r + i0 + i) * out_stride_];
                if (key0 > 0)
                    for (std::ptrdiff_t c = 0; c < out_stride_; c += lanes) (simd<T>::load(out + c) * simd<T>(shrinks[i])).store(out + c);
            }
            fma(simd<T>::load(&total_[r + i0], count), shrink, row_sums(i0)).store(&total_[r + i0], count);
        }
    }

    /// The sums of rows i0, i0 + 1, ... of the group, a lane each.
    simd<T> row_sums(std::ptrdiff_t i0) const {
        constexpr int lanes = simd<T>::lanes;
        simd<T> sum[lanes];
        for (int i = 0; i < lanes; ++i) sum[i] = simd<T>::load(sums_ + (i0 + i) * lanes);
        return tiles::sums<T>(sum);
    }

    /// After the sums: dropped weights count in them.
    void drop_weights(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t key0) {
        T room[most_tile_keys + simd<T>::lanes];
        for (const key_run& seen : runs_)
            for (std::ptrdiff_t i = 0; i < height; ++i)
                if (const T* factors = drop_factors(score_, row0_ + r + i, key0 + seen.first, room, seen.last - seen.first))
                    multiply_weights(&scores_[i * score_stride_] + seen.first, factors, seen.last - seen.first);
    }

    T greatest_of(const T* scores) const {
        simd<T> most(minus_infinity<T>);
        for (const key_run& seen : runs_)
            for (std::ptrdiff_t j = seen.first; j < seen.last; j += simd<T>::lanes) most = max(most, simd<T>::load(scores + j));
        return reduce_max(most);
    }

    /// exp2(score - base) in place, base a whole number; adds them to the row's sums, lane by lane and register by register.
    template <bool Selecting> [[gnu::noinline]] static void weigh_row(T* s, std::ptrdiff_t n, T base, T* sums) {
        const simd<T> minus_base(-base);
        simd<T> sum = simd<T>::load(sums);
        for (std::ptrdiff_t j = 0; j < n; j += simd<T>::lanes) {
            const simd<T> score = simd<T>::load(s + j), weight = exp2(Score::linear ? score : score * simd<T>(unit), minus_base);
            if constexpr (Selecting) select(score == simd<T>(minus_infinity<T>), simd<T>(hidden_weight<T>), weight).store(s + j);
            else weight.store(s + j);
            sum += weight;
        }
        sum.store(sums);
    }

    void sum_values(std::ptrdiff_t r, std::ptrdiff_t height) {
        for (const key_run* seen = runs_.begin(); seen != runs_.end();) {
            const std::ptrdiff_t first = seen->first;
            std::ptrdiff_t last = seen->last;
            while (++seen != runs_.end() && seen->first == last) last = seen->last;
            if (finite_) tiles::multiply<tiles::onto::sum, T>({scores_.data() + first, score_stride_, 1}, values_from(first), last - first,
                                                              {&out_[r * out_stride_], out_stride_}, height, 0, out_stride_);
            else sum_visible(r, height, first, last);
        }
    }

    /// The weighted sum that leaves out what is hidden, instead of multiplying it by zero.
    void sum_visible(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t first, std::ptrdiff_t last) {
        constexpr int lanes = simd<T>::lanes;
        for (std::ptrdiff_t i = 0; i < height; ++i) {
            T* out = &out_[(r + i) * out_stride_];
            for (std::ptrdiff_t c = 0; c < out_stride_; c += lanes) {
                simd<T> sum = simd<T>::load(out + c);
                for (std::ptrdiff_t j = first; j < last; ++j)
                    if (const T weight = scores_[i * score_stride_ + j]; weight != hidden_weight<T>) sum = fma(simd<T>(weight), simd<T>::load(&v_[j * out_stride_ + c]), sum);
                sum.store(out + c);
            }
        }
    }

    void clear_sums(std::ptrdiff_t r, std::ptrdiff_t height) { std::fill(&out_[r * out_stride_], &out_[(r + height) * out_stride_], T(0)); }

    /// Where one tile holds all keys: the sums of values leave the registers for the places of the output. False if something
    /// stands in the way.
    bool write_values(std::ptrdiff_t r, std::ptrdiff_t height) {
        const key_run *const first = runs_.begin(), *last = first;
        while (last + 1 != runs_.end() && last[1].first == last->last) ++last;
        std::ptrdiff_t stride = 0;
        const tiles::columns inner = value_columns(shape_, x_.out.inner);
        if (!finite_ || last + 1 != runs_.end() || inner.outer > 1 || inner.stride != 1 || inner.size != out_stride_ || !rows_are_even(*problem_, x_.out, stride)) return false;
        T inverse[group_rows + simd<T>::lanes];
        write_totals(r, height, inverse);
        tiles::multiply<tiles::onto::scaled, T>({scores_.data() + first->first, score_stride_, 1}, values_from(first->first), last->last - first->first,
                                                {*row_cursor<T>(*problem_, x_.out, row0_ + r), stride}, height, 0, out_stride_, {inverse, nullptr});
        return true;
    }

    void write_group(std::ptrdiff_t r, std::ptrdiff_t height) {
        T inverse[group_rows + simd<T>::lanes];
        write_totals(r, height, inverse);
        tiles::unpack_rows<T>(row_cursor<T>(*problem_, x_.out, row0_ + r), value_columns(shape_, x_.out.inner), &out_[r * out_stride_], out_stride_, height, inverse, 1, false);
    }

    /// Their logarithms go to log_sum_exp, their inverses to `inverse`.
    void write_totals(std::ptrdiff_t r, std::ptrdiff_t height, T* inverse) {
        constexpr int lanes = simd<T>::lanes;
        for (std::ptrdiff_t i = 0; i < height; i += lanes) {
            const int count = static_cast<int>(std::min<std::ptrdiff_t>(lanes, height - i));
            const simd<T> total = simd<T>::load(&total_[r + i], count), zero(T(0));
            select(total == zero, zero, simd<T>(T(1)) / total).store(inverse + i);
            if (x_.log_sum_exp) log(total, simd<T>::load(&greatest_[r + i], count)).store(&greatest_[r + i], count);
        }
        if (!x_.log_sum_exp) return;
        row_cursor<T> place(*problem_, x_.log_sum_exp, row0_ + r);
        for (std::ptrdiff_t i = 0; i < height; ++i, ++place) **place = greatest_[r + i];
    }

    /// Scores of a linear policy are in units of log2 already.
    static constexpr T unit = Score::linear ? T(1) : log2_e<T>;
    /// Where no score of a tile can exceed 2^bound in size (as is usual), none need be searched for the greatest: weights
    /// lie between 2^-bound and 2^bound, far from the ends of T's range.
    static constexpr T bound = T(40);

    const attention_shape& shape_;
    const attention_operands<T>& x_;
    Score score_;
    std::ptrdiff_t block_;
    const problem *problem_ = nullptr, *next_ = nullptr;
    std::ptrdiff_t row0_ = 0, rows_ = 0, keys_ = 0, next_row0_ = 0;   // rows and keys as far as anything is visible

    rectangle seen_{};   // of the next problem, if it is known

    std::ptrdiff_t values_ = shape_.value[0] * shape_.value[1];
    std::ptrdiff_t key_tile_ = tile_keys<T>(shape_.depth + values_);
    std::ptrdiff_t q_stride_ = tiles::whole_registers<T>(shape_.depth);
    std::ptrdiff_t out_stride_ = tiles::whole_registers<T>(values_);
    std::ptrdiff_t score_stride_ = key_tile_ + simd<T>::lanes;   // no multiple of a page: rows would share a few sets of the cache
    scratch<T> q_{static_cast<std::size_t>(block_ * q_stride_)};
    scratch<T> out_{static_cast<std::size_t>(block_ * out_stride_)};
    scratch<T> greatest_{static_cast<std::size_t>(block_)};
    scratch<T> total_{static_cast<std::size_t>(block_)};
    scratch<T> k_{static_cast<std::size_t>(shape_.depth * (key_tile_ + tiles::strip<T>))};
    scratch<T> v_{static_cast<std::size_t>(key_tile_ * out_stride_)};
    scratch<T> scores_{static_cast<std::size_t>(group_rows * score_stride_)};
    alignas(64) T start_[most_tile_keys + simd<T>::lanes];   // of the sums that make scores: 0, or what hides a column
    std::ptrdiff_t tail_ = 0;                                    // the column from which on it hides
    alignas(64) T sums_[(group_rows + simd<T>::lanes) * simd<T>::lanes];
    visible_runs<most_tile_keys> runs_;
    upcoming upcoming_;
    zeros<T> clear_;
    tiles::left_operand<T> queries_{};
    tiles::tile<const T> v_tile_{};
    T q_norm_ = T(0);        // the greatest |q|^2 of the block
    bool bounded_ = false;   // no score of the tile of keys exceeds the bound
    bool finite_ = true;     // nor is anything in its v infinite or NaN, which a weight of zero would not silence, or no weight is zero
};

/// Rows of a block: few enough that q and out stay in the second level of the cache and that there is work to share
/// out, many enough that packing the keys again for each block does not show. A matter of the shape, not of the threads.
template <class T> std::ptrdiff_t forward_block_rows(const attention_shape& shape) {
    const std::ptrdiff_t widths = shape.depth + shape.value[0] * shape.value[1];
    std::ptrdiff_t most = 64 * group_rows;
    while (most > group_rows && most * widths * static_cast<std::ptrdiff_t>(sizeof(T)) > 512 * 1024) most /= 2;
    while (most > 8 * group_rows && blocks(shape, most, false).count() < 32) most /= 2;
    if (shape.segment_axis >= 0) return most;
    const std::ptrdiff_t rows = shape.row[0] * shape.row[1] * shape.row[2], count = std::max<std::ptrdiff_t>(1, (rows + most - 1) / most);
    return std::max(group_rows, ((rows + count - 1) / count + group_rows - 1) / group_rows * group_rows);
}

}  // namespace attention_detail

/// out and, where it is given, log_sum_exp, assigned. A row that sees no key gives zeros and -infinity. A key whose score
/// is -infinity adds nothing to its row, whatever k and v hold there; other infinities and NaN spread as in IEEE arithmetic.
/// Workspace: one block of rows and one tile of keys a thread, whatever the lengths. The bits do not depend on the threads.
template <class T, class Score>
void attention_forward(const attention_shape& shape, const attention_operands<T>& x, const Score& score) {
    using namespace attention_detail;
    const std::ptrdiff_t block = forward_block_rows<T>(shape);
    const blocks work(shape, block, false);
    share_among_threads(work, 2.0 * static_cast<double>(shape.depth + shape.value[0] * shape.value[1]), [&](std::ptrdiff_t number, std::ptrdiff_t end, std::ptrdiff_t after) {
        forward_worker<T, Score> worker(shape, x, score, block);
        work.each(number, end, after, [&](const problem& p, std::ptrdiff_t b, const problem* next, std::ptrdiff_t next_b) {
            worker.run(p, b * block, std::min((b + 1) * block, p.rows), next, next_b * block);
        });
    });
}

}  // namespace heed::inline HEED_TARGET::cpu
