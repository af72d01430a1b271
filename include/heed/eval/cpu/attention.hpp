/// Attention, forward: scores, softmax and weighted sum of a tile of queries and keys while it lies in the cache.
///
/// No more than one tile of scores ever exists; how they become weights stands in attention_weights.hpp.
#pragma once

#include "attention_blocks.hpp"
#include "attention_weights.hpp"
#include "attention_zeros.hpp"

namespace heed::inline HEED_TARGET::cpu {

template <class T> struct attention_operands {
    attention_operand<const T> q, k, v;
    attention_operand<T> out;
    /// log sum_j exp(score[i, j]), natural; -infinity for a row that sees nothing. May be absent; the backward needs it.
    attention_operand<T> log_sum_exp;
};

namespace attention_detail {

/// Computes blocks of rows of problems, each against all its keys, one after the other.
template <class T, class Score> class forward_worker {
public:
    /// For blocks of up to so many rows.
    forward_worker(const attention_shape& shape, const attention_operands<T>& x, const Score& score, std::ptrdiff_t block)
        : shape_(shape), x_(x), score_(score), block_(block) {}

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
        weights_.begin(rows_);
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
            const group g{row0_ + r, r, std::min(group_rows, rows_ - r), key0};
            runs_.seek_rows(score_, g.row, g.row + g.height);
            bool written = false;
            if (runs_.begin() != runs_.end()) {
                if (!packed) pack_keys(key0, key1 - key0);
                packed = true;
                weights_.weigh(g, queries(r), keys_tile<const T>(), shape_.depth, finite_, upcoming_);
                if (const T* shrinks = weights_.shrinks()) shrink_sums(g, shrinks);
                if (last) expect_output(g);
                weights_.drop(g);
                written = only && write_values(g);
            }
            if (only && !written) clear_sums(r, g.height);
            if (!written) sum_values(g);
            upcoming_.reach(parts += parts_of_group(key1 - key0));
            if (last && !written) write_group(g);
        }
    }

    /// While values are summed, memory brings the places of the output.
    HEED_INLINE void expect_output(const group& g) {
        row_cursor<T> out(*problem_, x_.out, g.row);
        for (std::ptrdiff_t i = 0; i < g.height; ++i, ++out) tiles::prefetch_row<1>(*out, value_columns(shape_, x_.out.inner));
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
        weights_.begin_tile(n, q_norm_, k_norm);
        read_values(v, n);
    }

    /// v lies still where it is read row by row and everything in it counts: where all is visible, and weights cannot be zero.
    /// A long tile is read faster packed.
    void read_values(const T* v, std::ptrdiff_t n) {
        constexpr std::ptrdiff_t long_tile = 48 * 1024 / static_cast<std::ptrdiff_t>(sizeof(T));
        const tiles::columns inner = value_columns(shape_, x_.v.inner);
        if (runs_.everything() && weights_.bounded() && inner.outer == 1 && inner.stride == 1 && inner.size == out_stride_ && n * inner.size <= long_tile) {
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

    void shrink_sums(const group& g, const T* shrinks) {
        constexpr int lanes = simd<T>::lanes;
        for (std::ptrdiff_t i = 0; i < g.height; ++i) {
            T* const out = &out_[(g.row_of_block + i) * out_stride_];
            for (std::ptrdiff_t c = 0; c < out_stride_; c += lanes) (simd<T>::load(out + c) * simd<T>(shrinks[i])).store(out + c);
        }
    }

    void sum_values(const group& g) {
        for (const key_run* seen = runs_.begin(); seen != runs_.end();) {
            const std::ptrdiff_t first = seen->first;
            std::ptrdiff_t last = seen->last;
            while (++seen != runs_.end() && seen->first == last) last = seen->last;
            if (finite_) tiles::multiply<tiles::onto::sum, T>(weights_.from_key(first), values_from(first), last - first,
                                                              {&out_[g.row_of_block * out_stride_], out_stride_}, g.height, 0, out_stride_);
            else sum_visible(g, first, last);
        }
    }

    /// The weighted sum that leaves out what is hidden, instead of multiplying it by zero.
    void sum_visible(const group& g, std::ptrdiff_t first, std::ptrdiff_t last) {
        constexpr int lanes = simd<T>::lanes;
        for (std::ptrdiff_t i = 0; i < g.height; ++i) {
            T* out = &out_[(g.row_of_block + i) * out_stride_];
            for (std::ptrdiff_t c = 0; c < out_stride_; c += lanes) {
                simd<T> sum = simd<T>::load(out + c);
                for (std::ptrdiff_t j = first; j < last; ++j)
                    if (const T weight = weights_.weight(i, j); weight != hidden_weight<T>) sum = fma(simd<T>(weight), simd<T>::load(&v_[j * out_stride_ + c]), sum);
                sum.store(out + c);
            }
        }
    }

    void clear_sums(std::ptrdiff_t r, std::ptrdiff_t height) { std::fill(&out_[r * out_stride_], &out_[(r + height) * out_stride_], T(0)); }

    /// Where one tile holds all keys: the sums of values leave the registers for the places of the output. False if something
    /// stands in the way.
    bool write_values(const group& g) {
        const key_run *const first = runs_.begin(), *last = first;
        while (last + 1 != runs_.end() && last[1].first == last->last) ++last;
        std::ptrdiff_t stride = 0;
        const tiles::columns inner = value_columns(shape_, x_.out.inner);
        if (!finite_ || last + 1 != runs_.end() || inner.outer > 1 || inner.stride != 1 || inner.size != out_stride_ || !rows_are_even(*problem_, x_.out, stride)) return false;
        T inverse[group_rows + simd<T>::lanes];
        write_totals(g, inverse);
        tiles::multiply<tiles::onto::scaled, T>(weights_.from_key(first->first), values_from(first->first), last->last - first->first,
                                                {*row_cursor<T>(*problem_, x_.out, g.row), stride}, g.height, 0, out_stride_, {inverse, nullptr});
        return true;
    }

    void write_group(const group& g) {
        T inverse[group_rows + simd<T>::lanes];
        write_totals(g, inverse);
        tiles::unpack_rows<T>(row_cursor<T>(*problem_, x_.out, g.row), value_columns(shape_, x_.out.inner), &out_[g.row_of_block * out_stride_], out_stride_, g.height, inverse, 1, false);
    }

    /// Their logarithms go to log_sum_exp, their inverses to `inverse`.
    void write_totals(const group& g, T* inverse) {
        weights_.invert_totals(g, inverse);
        if (!x_.log_sum_exp) return;
        const T* const logs = weights_.log_totals(g);
        row_cursor<T> place(*problem_, x_.log_sum_exp, g.row);
        for (std::ptrdiff_t i = 0; i < g.height; ++i, ++place) **place = logs[i];
    }

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
    scratch<T> q_{static_cast<std::size_t>(block_ * q_stride_)};
    scratch<T> out_{static_cast<std::size_t>(block_ * out_stride_)};
    scratch<T> k_{static_cast<std::size_t>(shape_.depth * (key_tile_ + tiles::strip<T>))};
    scratch<T> v_{static_cast<std::size_t>(key_tile_ * out_stride_)};
    group_weights<T, Score> weights_{score_, block_, key_tile_};
    visible_runs<most_tile_keys>& runs_ = weights_.runs;
    upcoming upcoming_;
    zeros<T> clear_;
    tiles::left_operand<T> queries_{};
    tiles::tile<const T> v_tile_{};
    T q_norm_ = T(0);        // the greatest |q|^2 of the block
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
