/// Attention, backward: the gradients of q, k and v from that of the output.
///
/// With w = softmax_j(s), s = f(x), x[i, j] = sum_d q[i, d] k[j, d] and out[i] = sum_j w[i, j] v[j]:
///
///     dv[j]    = sum_i w[i, j] dout[i]
///     dw[i, j] = dout[i] . v[j]
///     ds[i, j] = w[i, j] (dw[i, j] - sum_l w[i, l] dw[i, l]) = w[i, j] (dw[i, j] - D[i]),   D[i] = dout[i] . out[i]
///     dx[i, j] = f'(x[i, j]) ds[i, j]
///     dq[i]    = sum_j dx[i, j] k[j]          dk[j] = sum_i dx[i, j] q[i]
///
/// Where weights are dropped, m[i, j] is 0 or 1 / (1 - rate), out[i] = sum_j m w v, and with it dv[j] = sum_i m w dout and
/// dw[i, j] = m (dout . v); D[i] = sum_l w m (dout . v[l]) is dout . out as before.
///
/// The weights are not kept from the forward but computed again a tile at a time, w = exp(s - log_sum_exp).
///
/// dq sums over keys and dk, dv over rows, so rows and keys are cut into blocks, and block b of the keys meets block
/// (b + phase) mod n of the rows: within a phase no two cells write the same place, whichever threads compute them, and
/// from phase to phase every place is added to in the same order.
#pragma once

#include "attention.hpp"

namespace heed::inline HEED_TARGET::cpu {

template <class T> struct attention_backward_operands {
    attention_operand<const T> q, k, v;
    /// What the forward wrote.
    attention_operand<const T> out, log_sum_exp;
    attention_operand<const T> d_out;
    /// Laid out as they like; they need not share the strides of q, k and v.
    attention_operand<T> dq, dk, dv;
};

namespace attention_detail {

/// Keys and rows of the tile that is computed again: it, its gradient and what they multiply stay in the cache.
inline constexpr std::ptrdiff_t backward_tile_keys = 128, backward_tile_rows = 5 * group_rows;

/// A block of rows and a block of keys of one problem.
struct cell { const problem* of; std::ptrdiff_t row0, row1, key0, key1; };

/// Computes cells, one after the other.
template <class T, class Score> class backward_worker {
public:
    /// For cells of up to so many rows and keys.
    backward_worker(const attention_shape& shape, const attention_backward_operands<T>& x, const Score& score, std::ptrdiff_t block)
        : shape_(shape), x_(x), score_(score), block_(block) {}

    /// Assigns the gradients where this is the first cell of its rows and keys, adds to them elsewhere. `next` is the cell
    /// that the next call is for; may be null.
    void run(const cell& c, bool first, const cell* next) {
        if (!foreseen_) see(c);
        problem_ = c.of;
        foreseen_ = next != nullptr;
        const rectangle seen = seen_;
        row0_ = c.row0, rows_ = seen.row1 - c.row0, key0_ = c.key0, key1_ = seen.key1;
        add_ = !first;
        if (next) see(*next);
        score_.seek(problem_->index);
        if (!add_) {
            clear_dq_.rows(*problem_, x_.dq, seen.row1, c.row1, depth_columns(shape_, x_.dq.inner));
            clear_keys(key1_, c.key1);
        }
        if (rows_ == 0) return;
        std::fill(dq_.begin(), dq_.begin() + rows_ * depth_stride_, T(0));
        expect(seen, next);
        pack_rows();
        for (std::ptrdiff_t key0 = key0_; key0 < key1_; key0 += backward_tile_keys) {
            const std::ptrdiff_t n = std::min(backward_tile_keys, key1_ - key0);
            if (!sum_keys(key0, n) && !add_) clear_keys(key0, key0 + n);
        }
        T factor = T(1);
        if constexpr (Score::linear) factor = score_.scale();
        tiles::unpack_rows<T>(row_cursor<T>(*problem_, x_.dq, row0_), depth_columns(shape_, x_.dq.inner), dq_.data(), depth_stride_, rows_, &factor, 0, add_);
    }

private:
    /// While this cell is computed, memory brings the places of its gradients and the next cell's operands.
    void expect(const rectangle& now, const cell* next) {
        upcoming_.clear();
        expect_rows<1>(*problem_, now, x_.dq, depth_columns(shape_, x_.dq.inner));
        expect_keys<1>(*problem_, now, x_.dk, depth_columns(shape_, x_.dk.inner));
        expect_keys<1>(*problem_, now, x_.dv, value_columns(shape_, x_.dv.inner));
        if (next) {
            const problem& then = *next->of;
            expect_rows<0>(then, seen_, x_.q, depth_columns(shape_, x_.q.inner));
            expect_rows<0>(then, seen_, x_.d_out, value_columns(shape_, x_.d_out.inner));
            expect_rows<0>(then, seen_, x_.out, value_columns(shape_, x_.out.inner));
            expect_keys<0>(then, seen_, x_.k, depth_columns(shape_, x_.k.inner));
            expect_keys<0>(then, seen_, x_.v, value_columns(shape_, x_.v.inner));
        }
        // A part is asked for after each handful of scores and of their gradients.
        upcoming_.share_out(2 * ((rows_ + tiles::tallest - 1) / tiles::tallest) * ((key1_ - key0_ + tiles::strip<T> - 1) / tiles::strip<T>));
    }
    template <int Write, class U> void expect_rows(const problem& p, const rectangle& seen, const attention_operand<U>& x, const tiles::columns& inner) {
        if (std::ptrdiff_t stride = 0; rows_are_even(p, x, stride)) upcoming_.template add<Write>(*row_cursor<U>(p, x, seen.row0), stride, seen.row1 - seen.row0, inner);
    }
    template <int Write, class U> void expect_keys(const problem& p, const rectangle& seen, const attention_operand<U>& x, const tiles::columns& inner) {
        upcoming_.template add<Write>(p.base(x) + seen.key0 * x.key, x.key, seen.key1 - seen.key0, inner);
    }

    /// Of a cell that is met next, what can be seen. (Asked ahead, so that memory brings nothing that is hidden.)
    void see(const cell& c) {
        score_.seek(c.of->index);
        seen_ = visible_part(score_, {c.row0, c.row1, c.key0, c.key1}, seen_);
    }

    /// q (times scale and log2(e) where f is linear), dout, D and the log-sum-exp to base 2.
    void pack_rows() {
        constexpr int lanes = simd<T>::lanes;
        T factor = T(1);
        if constexpr (Score::linear) factor = score_.scale() * log2_e<T>;
        rows_finite_ = tiles::pack_rows<T>({q_.data(), depth_stride_}, row_cursor<const T>(*problem_, x_.q, row0_), rows_, depth_columns(shape_, x_.q.inner), factor);
        rows_finite_ &= tiles::pack_rows<T>({d_out_.data(), value_stride_}, row_cursor<const T>(*problem_, x_.d_out, row0_), rows_, value_columns(shape_, x_.d_out.inner), T(1));
        const tiles::columns value = value_columns(shape_, x_.out.inner);
        row_cursor<const T> out(*problem_, x_.out, row0_), log_sum_exp(*problem_, x_.log_sum_exp, row0_);
        T* copy = dv_.data();   // not in use yet, and wide enough for a row
        for (std::ptrdiff_t r = 0; r < rows_; ++r, ++out, ++log_sum_exp) {
            tiles::pack_rows<T>({copy, value_stride_}, tiles::even_rows<const T>{*out, 0}, 1, value, T(1));
            simd<T> sum(T(0));
            for (std::ptrdiff_t c = 0; c < value_stride_; c += lanes) sum = fma(simd<T>::load(&d_out_[r * value_stride_ + c]), simd<T>::load(copy + c), sum);
            minus_mean_[r] = -reduce_add(sum);
            // A row that sees nothing: any finite number makes its weights exp2(-infinity) = 0. A NaN among the scores of
            // a row makes this one, and so exp2(-infinity - NaN) of its hidden keys.
            minus_log_[r] = **log_sum_exp == minus_infinity<T> ? T(0) : -**log_sum_exp * log2_e<T>;
            rows_finite_ &= std::isfinite(minus_log_[r]);
        }
    }

    bool pack_keys(std::ptrdiff_t key0, std::ptrdiff_t n) {
        const tiles::columns depth = depth_columns(shape_, x_.k.inner), value = value_columns(shape_, x_.v.inner);
        const T *k = problem_->base(x_.k) + key0 * x_.k.key, *v = problem_->base(x_.v) + key0 * x_.v.key;
        const T k_norm = tiles::pack_transposed<T>({k_across_.data(), score_stride}, k, n, x_.k.key, depth, T(1));
        const T v_norm = tiles::pack_transposed<T>({v_across_.data(), score_stride}, v, n, x_.v.key, value, T(1));
        tiles::pack_rows<T>({k_.data(), depth_stride_}, tiles::even_rows<const T>{k, x_.k.key}, n, depth, T(1));
        return std::isfinite(k_norm) && std::isfinite(v_norm);
    }

    /// dk and dv of a tile of keys, and what it adds to dq. False where no row sees any of it.
    bool sum_keys(std::ptrdiff_t key0, std::ptrdiff_t n) {
        bool packed = false, finite = true;
        for (std::ptrdiff_t r = 0; r < rows_; r += backward_tile_rows) {
            const part seen = visible(r, std::min(r + backward_tile_rows, rows_), key0, n);
            if (seen.row0 == seen.row1) continue;
            if (!packed) {
                finite = pack_keys(key0, n) && rows_finite_;
                std::fill(dk_.begin(), dk_.begin() + n * depth_stride_, T(0));
                std::fill(dv_.begin(), dv_.begin() + n * value_stride_, T(0));
                packed = true;
            }
            bool weighed = false;
            if constexpr (Score::linear)
                if ((weighed = seen.whole && finite && !drops())) weigh_whole(seen);
            if (!weighed) weigh(seen, key0, !finite);
            if (finite) sum_tile(seen);
            else sum_visible(seen);
        }
        if (!packed) return false;
        T factor = T(1);
        if constexpr (Score::linear) factor = ln_2<T>;   // q was packed with scale * log2(e), of which dk wants scale
        const tiles::columns depth = depth_columns(shape_, x_.dk.inner), value = value_columns(shape_, x_.dv.inner);
        T *dk = problem_->base(x_.dk) + key0 * x_.dk.key, *dv = problem_->base(x_.dv) + key0 * x_.dv.key;
        const T one(1);
        tiles::unpack_rows<T>(tiles::even_rows<T>{dk, x_.dk.key}, depth, dk_.data(), depth_stride_, n, &factor, 0, add_);
        tiles::unpack_rows<T>(tiles::even_rows<T>{dv, x_.dv.key}, value, dv_.data(), value_stride_, n, &one, 0, add_);
        return true;
    }

    /// Rows of the block and keys of the tile, counted from the beginning of either.
    struct part { std::ptrdiff_t row0, row1, first, last; bool whole; };

    /// The part of a tile that holds all its visible pairs.
    part visible(std::ptrdiff_t row0, std::ptrdiff_t row1, std::ptrdiff_t key0, std::ptrdiff_t n) {
        const auto ask = [&](std::ptrdiff_t a, std::ptrdiff_t b) { return verdict_of(score_, row0_ + a, row0_ + b, key0, key0 + n); };
        const tile_verdict seen = ask(row0, row1);
        if (seen == tile_verdict::none) return {0, 0, 0, 0, false};
        if (seen == tile_verdict::all) return {row0, row1, 0, n, true};
        while (row1 - row0 > group_rows && ask(row0, row0 + group_rows) == tile_verdict::none) row0 += group_rows;
        while (row1 - row0 > group_rows && ask(row1 - group_rows, row1) == tile_verdict::none) row1 -= group_rows;
        runs_.seek(score_, row0_ + row0, row0_ + row1, key0, key0 + n);
        runs_.seek_rows(score_, row0_ + row0, row0_ + row1);
        if (runs_.begin() == runs_.end()) return {0, 0, 0, 0, false};
        return {row0, row1, runs_.begin()->first, (runs_.end() - 1)->last, runs_.end() - runs_.begin() == 1 && runs_.begin()->whole};
    }

    bool drops() const {
        if constexpr (requires { score_.drops(); }) return score_.drops();
        else return false;
    }

    tiles::left_operand<T> queries(const part& p) const { return {&q_[p.row0 * depth_stride_], depth_stride_, 1}; }
    tiles::left_operand<T> d_out(const part& p) const { return {&d_out_[p.row0 * value_stride_], value_stride_, 1}; }

    /// A part's weights and dx (less the factor scale), where f is linear and every pair visible.
    void weigh_whole(const part& p) {
        tiles::multiply<tiles::onto::row_powers, T>(queries(p), {k_across_.data(), score_stride}, shape_.depth, {weights_.data(), score_stride}, p.row1 - p.row0, p.first, p.last,
                                                    {&minus_log_[p.row0], nullptr}, upcoming_);
        tiles::multiply<tiles::onto::weighted, T>(d_out(p), {v_across_.data(), score_stride}, values_, {d_scores_.data(), score_stride}, p.row1 - p.row0, p.first, p.last,
                                                  {&minus_mean_[p.row0], weights_.data()}, upcoming_);
    }

    /// The same of any part.
    void weigh(const part& p, std::ptrdiff_t tile_key0, bool selecting) {
        const std::ptrdiff_t height = p.row1 - p.row0, key0 = tile_key0 + p.first;
        const int n = static_cast<int>(p.last - p.first);
        tiles::multiply<tiles::onto::nothing, T>(queries(p), {k_across_.data(), score_stride}, shape_.depth, {weights_.data(), score_stride}, height, p.first, p.last);
        tiles::multiply<tiles::onto::nothing, T>(d_out(p), {v_across_.data(), score_stride}, values_, {d_scores_.data(), score_stride}, height, p.first, p.last);
        T slope[score_stride];
        for (std::ptrdiff_t i = 0; i < height; ++i) {
            const std::ptrdiff_t row = row0_ + p.row0 + i;
            T *s = &weights_[i * score_stride + p.first], *d = &d_scores_[i * score_stride + p.first];
            if constexpr (!Score::linear) {
                score_.derivative(row, key0, s, slope, n);
                score_.value(row, key0, s, n);
            }
            if constexpr (Score::masked)
                if (!p.whole) score_.mask(row, key0, s, n);
            const T* const factors = drop_factors(score_, row, key0, factors_, n);
            for (int j = 0; factors && j < n; j += simd<T>::lanes) (simd<T>::load(d + j) * simd<T>::load(factors + j)).store(d + j);
            if (selecting) weigh_row<true>(s, d, slope, minus_log_[p.row0 + i], minus_mean_[p.row0 + i], n);
            else weigh_row<false>(s, d, slope, minus_log_[p.row0 + i], minus_mean_[p.row0 + i], n);
            if (factors) multiply_weights(s, factors, n);
        }
    }

    template <bool Selecting> static void weigh_row(T* s, T* d, [[maybe_unused]] const T* slope, T minus_log, T minus_mean, int n) {
        constexpr int lanes = simd<T>::lanes;
        const simd<T> minus_logs(minus_log), minus_means(minus_mean), zero(T(0));
        for (int j = 0; j < n; j += lanes) {
            const simd<T> score = simd<T>::load(s + j);
            const auto is_hidden = score == simd<T>(minus_infinity<T>);
            simd<T> weight, d_score;
            if constexpr (Score::linear) weight = exp2(score + minus_logs);
            else weight = exp2(fma(score, simd<T>(log2_e<T>), minus_logs));
            d_score = weight * (simd<T>::load(d + j) + minus_means);
            if constexpr (!Score::linear) d_score *= simd<T>::load(slope + j);
            select(is_hidden, zero, d_score).store(d + j);
            if constexpr (Selecting) select(is_hidden, simd<T>(hidden), weight).store(s + j);
            else weight.store(s + j);
        }
    }

    void sum_tile(const part& p) {
        const std::ptrdiff_t height = p.row1 - p.row0, n = p.last - p.first;
        const T *const weights = weights_.data() + p.first, *const d_scores = d_scores_.data() + p.first;
        tiles::multiply<tiles::onto::sum, T>({weights, 1, score_stride}, {&d_out_[p.row0 * value_stride_], value_stride_}, height, {&dv_[p.first * value_stride_], value_stride_},
                                             n, 0, value_stride_);
        tiles::multiply<tiles::onto::sum, T>({d_scores, 1, score_stride}, {&q_[p.row0 * depth_stride_], depth_stride_}, height, {&dk_[p.first * depth_stride_], depth_stride_},
                                             n, 0, depth_stride_);
        tiles::multiply<tiles::onto::sum, T>({d_scores, score_stride, 1}, {&k_[p.first * depth_stride_], depth_stride_}, n, {&dq_[p.row0 * depth_stride_], depth_stride_},
                                             height, 0, depth_stride_);
    }

    /// The same where something is infinite or NaN: hidden pairs are left out, not multiplied by zero.
    void sum_visible(const part& p) {
        const auto add = [](T* to, T factor, const T* from, std::ptrdiff_t width) {
            for (std::ptrdiff_t c = 0; c < width; c += simd<T>::lanes)
                fma(simd<T>(factor), simd<T>::load(from + c), simd<T>::load(to + c)).store(to + c);
        };
        for (std::ptrdiff_t i = p.row0; i < p.row1; ++i)
            for (std::ptrdiff_t j = p.first; j < p.last; ++j) {
                const T weight = weights_[(i - p.row0) * score_stride + j], d_score = d_scores_[(i - p.row0) * score_stride + j];
                if (weight == hidden) continue;
                add(&dv_[j * value_stride_], weight, &d_out_[i * value_stride_], value_stride_);
                add(&dk_[j * depth_stride_], d_score, &q_[i * depth_stride_], depth_stride_);
                add(&dq_[i * depth_stride_], d_score, &k_[j * depth_stride_], depth_stride_);
            }
    }

    /// dk and dv of keys that nothing sees.
    void clear_keys(std::ptrdiff_t key0, std::ptrdiff_t key1) {
        clear_dk_.keys(*problem_, x_.dk, key0, key1, depth_columns(shape_, x_.dk.inner));
        clear_dv_.keys(*problem_, x_.dv, key0, key1, value_columns(shape_, x_.dv.inner));
    }

    static constexpr T hidden = hidden_weight<T>;
    static constexpr std::ptrdiff_t score_stride = backward_tile_keys + simd<T>::lanes;   // no multiple of a page

    const attention_shape& shape_;
    const attention_backward_operands<T>& x_;
    Score score_;
    std::ptrdiff_t block_;
    const problem* problem_ = nullptr;
    rectangle seen_{};   // of the next cell, if it is known
    bool foreseen_ = false;
    std::ptrdiff_t row0_ = 0, rows_ = 0, key0_ = 0, key1_ = 0;
    bool add_ = false, rows_finite_ = true;
    visible_runs<backward_tile_keys> runs_;
    upcoming upcoming_;
    zeros<T> clear_dq_, clear_dk_, clear_dv_;
    T factors_[static_cast<std::size_t>(backward_tile_keys + simd<T>::lanes)];

    std::ptrdiff_t values_ = shape_.value[0] * shape_.value[1];
    std::ptrdiff_t depth_stride_ = tiles::whole_registers<T>(shape_.depth);
    std::ptrdiff_t value_stride_ = tiles::whole_registers<T>(values_);
    template <class Size> static std::size_t room(Size n) { return static_cast<std::size_t>(n); }
    scratch<T> q_{room(block_ * depth_stride_)}, d_out_{room(block_ * value_stride_)}, dq_{room(block_ * depth_stride_)};
    scratch<T> minus_mean_{room(block_)}, minus_log_{room(block_)};
    scratch<T> k_{room(backward_tile_keys * depth_stride_)};
    scratch<T> k_across_{room(shape_.depth * score_stride)}, v_across_{room(values_ * score_stride)};
    scratch<T> dk_{room(backward_tile_keys * depth_stride_)}, dv_{room(backward_tile_keys * value_stride_)};
    scratch<T> weights_{room(backward_tile_rows * score_stride)}, d_scores_{room(backward_tile_rows * score_stride)};
};

/// Rows and keys of a cell: what it packs stays in the second level of the cache, and where problems are few there are
/// enough cells to share out. A matter of the shape, not of the threads.
template <class T> std::ptrdiff_t backward_block(const attention_shape& shape) {
    const std::ptrdiff_t widths = 2 * shape.depth + shape.value[0] * shape.value[1];
    std::ptrdiff_t block = 512;
    while (block > backward_tile_keys && block * widths * static_cast<std::ptrdiff_t>(sizeof(T)) > 512 * 1024) block /= 2;
    while (block > backward_tile_keys && blocks(shape, block, true).count() < 16) block /= 2;
    return block;
}

}  // namespace attention_detail

/// dq, dk and dv, assigned. Where the forward gave a row zeros since it sees nothing, its gradients are zeros; a pair whose
/// score is -infinity adds nothing to any gradient, whatever its numbers. Workspace: a block of rows and a tile of keys a
/// thread. The bits do not depend on the threads.
template <class T, class Score>
void attention_backward(const attention_shape& shape, const attention_backward_operands<T>& x, const Score& score) {
    using namespace attention_detail;
    const std::ptrdiff_t size = backward_block<T>(shape);
    const blocks work(shape, size, true);
    const double operations = 5.0 * static_cast<double>(shape.depth + shape.value[0] * shape.value[1]);
    const std::ptrdiff_t phases = work.count() > 0 ? work.most() : 0;
    for (std::ptrdiff_t phase = 0; phase < phases; ++phase)
        share_among_threads(work, operations / static_cast<double>(phases), [&](std::ptrdiff_t number, std::ptrdiff_t end, std::ptrdiff_t after) {
            backward_worker<T, Score> worker(shape, x, score, size);
            const auto cell_of = [&](const problem& p, std::ptrdiff_t b) {
                const std::ptrdiff_t n = (std::max(p.rows, p.keys) + size - 1) / size, row0 = (b + phase) % n * size, key0 = b * size;
                return cell{&p, std::min(row0, p.rows), std::min(row0 + size, p.rows), std::min(key0, p.keys), std::min(key0 + size, p.keys)};
            };
            work.each(number, end, after, [&](const problem& p, std::ptrdiff_t b, const problem* next, std::ptrdiff_t next_b) {
                const auto met = [&](const problem& it) { return phase < (std::max(it.rows, it.keys) + size - 1) / size; };
                if (!met(p)) return;
                const bool known = next && met(*next);
                const cell then = known ? cell_of(*next, next_b) : cell{};
                worker.run(cell_of(p, b), phase == 0, known ? &then : nullptr);
            });
        });
}

}  // namespace heed::inline HEED_TARGET::cpu
