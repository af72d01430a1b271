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

/// A block of rows against a block of keys, of one problem.
template <class T, class Score> class backward_cell {
public:
    backward_cell(const attention_shape& shape, const attention_backward_operands<T>& x, const Score& score, const problem& p,
                  std::ptrdiff_t row0, std::ptrdiff_t row1, std::ptrdiff_t key0, std::ptrdiff_t key1)
        : shape_(shape), x_(x), score_(score), problem_(p), row0_(row0), rows_(row1 - row0), key0_(key0), key1_(key1) {}

    /// Assigns the gradients where this is the first cell of its rows and keys, adds to them elsewhere.
    void run(bool first) {
        add_ = !first;
        const bool nothing = rows_ == 0 || key0_ == key1_ || verdict(row0_, row0_ + rows_, key0_, key1_) == tile_verdict::none;
        if (nothing && add_) return;
        std::fill(dq_.begin(), dq_.end(), T(0));
        if (!nothing) pack_rows();
        for (std::ptrdiff_t key0 = key0_; key0 < key1_; key0 += backward_tile_keys) {
            const std::ptrdiff_t n = std::min(backward_tile_keys, key1_ - key0);
            if (!nothing && sum_keys(key0, static_cast<int>(n))) continue;
            if (!add_) clear_keys(key0, n);
        }
        T factor = T(1);
        if constexpr (Score::linear) factor = score_.scale();
        const tiles::columns depth = depth_columns(shape_, x_.dq.inner);
        row_cursor<T> row(problem_, x_.dq, row0_);
        for (std::ptrdiff_t r = 0; r < rows_; ++r, ++row) tiles::unpack_row<T>(*row, depth, &dq_[r * depth_stride_], factor, add_);
    }

private:
    tile_verdict verdict(std::ptrdiff_t row0, std::ptrdiff_t row1, std::ptrdiff_t key0, std::ptrdiff_t key1) const {
        if constexpr (Score::masked) return score_.verdict(row0, row1, key0, key1);
        else return tile_verdict::all;
    }

    /// q (times scale and log2(e) where f is linear), dout, D and the log-sum-exp to base 2.
    void pack_rows() {
        constexpr int lanes = simd<T>::lanes;
        T factor = T(1);
        if constexpr (Score::linear) factor = score_.scale() * log2_e<T>;
        rows_finite_ = tiles::pack_rows<T>({q_.data(), depth_stride_}, row_cursor<const T>(problem_, x_.q, row0_), rows_, depth_columns(shape_, x_.q.inner), factor);
        rows_finite_ &= tiles::pack_rows<T>({d_out_.data(), value_stride_}, row_cursor<const T>(problem_, x_.d_out, row0_), rows_, value_columns(shape_, x_.d_out.inner), T(1));
        const tiles::columns value = value_columns(shape_, x_.out.inner);
        row_cursor<const T> out(problem_, x_.out, row0_), log_sum_exp(problem_, x_.log_sum_exp, row0_);
        T* copy = dv_.data();   // not in use yet, and wide enough for a row
        for (std::ptrdiff_t r = 0; r < rows_; ++r, ++out, ++log_sum_exp) {
            tiles::pack_rows<T>({copy, value_stride_}, tiles::even_rows<T>{*out, 0}, 1, value, T(1));
            simd<T> sum(T(0));
            for (std::ptrdiff_t c = 0; c < value_stride_; c += lanes) sum = fma(simd<T>::load(&d_out_[r * value_stride_ + c]), simd<T>::load(copy + c), sum);
            mean_[r] = reduce_add(sum);
            // A row that sees nothing: any finite number makes its weights exp2(-infinity) = 0. A NaN among the scores of
            // a row makes this one, and so exp2(-infinity - NaN) of its hidden keys.
            log_[r] = **log_sum_exp == minus_infinity<T> ? T(0) : **log_sum_exp * log2_e<T>;
            rows_finite_ &= std::isfinite(log_[r]);
        }
    }

    bool pack_keys(std::ptrdiff_t key0, std::ptrdiff_t n) {
        const tiles::columns depth = depth_columns(shape_, x_.k.inner), value = value_columns(shape_, x_.v.inner);
        const T *k = problem_.base(x_.k) + key0 * x_.k.key, *v = problem_.base(x_.v) + key0 * x_.v.key;
        const T k_norm = tiles::pack_transposed<T>({k_across_.data(), score_stride}, k, n, x_.k.key, depth, T(1));
        const T v_norm = tiles::pack_transposed<T>({v_across_.data(), score_stride}, v, n, x_.v.key, value, T(1));
        tiles::pack_rows<T>({k_.data(), depth_stride_}, tiles::even_rows<T>{k, x_.k.key}, n, depth, T(1));
        return std::isfinite(k_norm) && std::isfinite(v_norm);
    }

    /// dk and dv of a tile of keys, and what it adds to dq. False where no row sees any of it.
    bool sum_keys(std::ptrdiff_t key0, int n) {
        bool packed = false, finite = true;
        for (std::ptrdiff_t r = 0; r < rows_; r += backward_tile_rows) {
            const std::ptrdiff_t height = std::min(backward_tile_rows, rows_ - r);
            const tile_verdict seen = verdict(row0_ + r, row0_ + r + height, key0, key0 + n);
            if (seen == tile_verdict::none) continue;
            if (!packed) {
                finite = pack_keys(key0, n) && rows_finite_;
                std::fill(dk_.begin(), dk_.end(), T(0));
                std::fill(dv_.begin(), dv_.end(), T(0));
                packed = true;
            }
            weigh(r, height, key0, n, seen, !finite);
            if (finite) sum_tile(r, height, n);
            else sum_visible(r, height, n);
        }
        if (!packed) return false;
        T factor = T(1);
        if constexpr (Score::linear) factor = ln_2<T>;   // q was packed with scale * log2(e), of which dk wants scale
        const tiles::columns depth = depth_columns(shape_, x_.dk.inner), value = value_columns(shape_, x_.dv.inner);
        T *dk = problem_.base(x_.dk) + key0 * x_.dk.key, *dv = problem_.base(x_.dv) + key0 * x_.dv.key;
        for (std::ptrdiff_t j = 0; j < n; ++j, dk += x_.dk.key, dv += x_.dv.key) {
            tiles::unpack_row<T>(dk, depth, &dk_[j * depth_stride_], factor, add_);
            tiles::unpack_row<T>(dv, value, &dv_[j * value_stride_], T(1), add_);
        }
        return true;
    }

    /// The tile's weights and dx (less the factor scale where f is linear).
    void weigh(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t key0, int n, tile_verdict seen, bool selecting) {
        tiles::multiply<tiles::onto::nothing, T>({&q_[r * depth_stride_], depth_stride_, 1}, {k_across_.data(), score_stride}, shape_.depth,
                                                 {weights_.data(), score_stride}, height, n);
        tiles::multiply<tiles::onto::nothing, T>({&d_out_[r * value_stride_], value_stride_, 1}, {v_across_.data(), score_stride}, values_,
                                                 {d_scores_.data(), score_stride}, height, n);
        T slope[score_stride];
        for (std::ptrdiff_t i = 0; i < height; ++i) {
            T *s = &weights_[i * score_stride], *d = &d_scores_[i * score_stride];
            if constexpr (!Score::linear) {
                score_.derivative(row0_ + r + i, key0, s, slope, n);
                score_.value(row0_ + r + i, key0, s, n);
            }
            if constexpr (Score::masked)
                if (seen == tile_verdict::some) score_.mask(row0_ + r + i, key0, s, n);
            const T* const factors = drop_factors(score_, row0_ + r + i, key0, factors_, n);
            for (int j = 0; factors && j < n; j += simd<T>::lanes) (simd<T>::load(d + j) * simd<T>::load(factors + j)).store(d + j);
            if (selecting) weigh_row<true>(s, d, slope, log_[r + i], mean_[r + i], n);
            else weigh_row<false>(s, d, slope, log_[r + i], mean_[r + i], n);
            if (factors) multiply_weights(s, factors, n);
        }
    }

    template <bool Selecting> static void weigh_row(T* s, T* d, [[maybe_unused]] const T* slope, T log, T mean, int n) {
        constexpr int lanes = simd<T>::lanes;
        const simd<T> minus_log(-log), means(mean), zero(T(0));
        for (int j = 0; j < n; j += lanes) {
            const simd<T> score = simd<T>::load(s + j);
            const auto is_hidden = score == simd<T>(minus_infinity<T>);
            simd<T> weight, d_score;
            if constexpr (Score::linear) weight = exp2(score + minus_log);
            else weight = exp2(fma(score, simd<T>(log2_e<T>), minus_log));
            d_score = weight * (simd<T>::load(d + j) - means);
            if constexpr (!Score::linear) d_score *= simd<T>::load(slope + j);
            select(is_hidden, zero, d_score).store(d + j);
            if constexpr (Selecting) select(is_hidden, simd<T>(hidden), weight).store(s + j);
            else weight.store(s + j);
        }
    }

    void sum_tile(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t n) {
        tiles::multiply<tiles::onto::sum, T>({weights_.data(), 1, score_stride}, {&d_out_[r * value_stride_], value_stride_}, height,
                                             {dv_.data(), value_stride_}, n, value_stride_);
        tiles::multiply<tiles::onto::sum, T>({d_scores_.data(), 1, score_stride}, {&q_[r * depth_stride_], depth_stride_}, height,
                                             {dk_.data(), depth_stride_}, n, depth_stride_);
        tiles::multiply<tiles::onto::sum, T>({d_scores_.data(), score_stride, 1}, {k_.data(), depth_stride_}, n,
                                             {&dq_[r * depth_stride_], depth_stride_}, height, depth_stride_);
    }

    /// The same where something is infinite or NaN: hidden pairs are left out, not multiplied by zero.
    void sum_visible(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t n) {
        const auto add = [](T* to, T factor, const T* from, std::ptrdiff_t width) {
            for (std::ptrdiff_t c = 0; c < width; c += simd<T>::lanes)
                fma(simd<T>(factor), simd<T>::load(from + c), simd<T>::load(to + c)).store(to + c);
        };
        for (std::ptrdiff_t i = 0; i < height; ++i)
            for (std::ptrdiff_t j = 0; j < n; ++j) {
                const T weight = weights_[i * score_stride + j], d_score = d_scores_[i * score_stride + j];
                if (weight == hidden) continue;
                add(&dv_[j * value_stride_], weight, &d_out_[(r + i) * value_stride_], value_stride_);
                add(&dk_[j * depth_stride_], d_score, &q_[(r + i) * depth_stride_], depth_stride_);
                add(&dq_[(r + i) * depth_stride_], d_score, &k_[j * depth_stride_], depth_stride_);
            }
    }

    void clear_keys(std::ptrdiff_t key0, std::ptrdiff_t n) {
        const tiles::columns depth = depth_columns(shape_, x_.dk.inner), value = value_columns(shape_, x_.dv.inner);
        std::fill(dk_.begin(), dk_.end(), T(0));
        std::fill(dv_.begin(), dv_.end(), T(0));
        for (std::ptrdiff_t j = 0; j < n; ++j) {
            tiles::unpack_row<T>(problem_.base(x_.dk) + (key0 + j) * x_.dk.key, depth, dk_.data(), T(1), false);
            tiles::unpack_row<T>(problem_.base(x_.dv) + (key0 + j) * x_.dv.key, value, dv_.data(), T(1), false);
        }
    }

    static constexpr T hidden = hidden_weight<T>;
    static constexpr std::ptrdiff_t score_stride = backward_tile_keys + simd<T>::lanes;   // no multiple of a page

    const attention_shape& shape_;
    const attention_backward_operands<T>& x_;
    const Score& score_;
    const problem& problem_;
    std::ptrdiff_t row0_, rows_, key0_, key1_;
    bool add_ = false, rows_finite_ = true;
    T factors_[static_cast<std::size_t>(backward_tile_keys + simd<T>::lanes)];

    std::ptrdiff_t values_ = shape_.value[0] * shape_.value[1];
    std::ptrdiff_t depth_stride_ = tiles::whole_registers<T>(shape_.depth);
    std::ptrdiff_t value_stride_ = tiles::whole_registers<T>(values_);
    template <class Size> static std::size_t room(Size n) { return static_cast<std::size_t>(n); }
    scratch<T> q_{room(rows_ * depth_stride_)}, d_out_{room(rows_ * value_stride_)}, dq_{room(rows_ * depth_stride_)};
    scratch<T> mean_{room(rows_)}, log_{room(rows_)};
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
    const double widths = static_cast<double>(shape.depth + shape.value[0] * shape.value[1]);
    const double cost = 5.0 * static_cast<double>(size) * std::min(static_cast<double>(size), mean_keys(shape)) * widths;
    const std::ptrdiff_t phases = work.count() > 0 ? work.most() : 0;
    for (std::ptrdiff_t phase = 0; phase < phases; ++phase)
        parallel_for(work.count(), cost, [&](std::ptrdiff_t number) {
            problem p;
            std::ptrdiff_t b;
            if (!work.find(number, p, b)) return;
            const std::ptrdiff_t n = (std::max(p.rows, p.keys) + size - 1) / size;
            if (phase >= n) return;
            const std::ptrdiff_t row0 = (b + phase) % n * size, key0 = b * size;
            Score policy = score;
            policy.seek(p.index);
            backward_cell<T, Score>(shape, x, policy, p, std::min(row0, p.rows), std::min(row0 + size, p.rows), std::min(key0, p.keys),
                                    std::min(key0 + size, p.keys)).run(phase == 0);
        });
}

}  // namespace heed::inline HEED_TARGET::cpu
