/// Attention, forward: scores, softmax and weighted sum of a tile of queries and keys while it lies in the cache.
///
/// The softmax is online (Milakov and Gimelshein 2018; Dao et al. 2022): beside each row stand the greatest score so far,
/// m, and the sum of exp(score - m). When a tile raises m to m', what was summed is multiplied by exp(m - m'). So no
/// more than one tile of scores ever exists. All exponents are base 2: log2(e) is folded into the packing of k.
/// What stands beside a row is m rounded up to a whole number: then those factors are powers of two, and no bit of the output
/// depends on how high the base was, that is on what else the tile holds.
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

#include <cmath>
#include <limits>

#include "attention_shape.hpp"
#include "parallel.hpp"
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

template <class T> inline constexpr T log2_e = T(1.442695040888963407359924681001892137L);
template <class T> inline constexpr T ln_2 = T(0.693147180559945309417232121458176568L);
template <class T> inline constexpr T minus_infinity = -std::numeric_limits<T>::infinity();

/// Rows whose scores are in the cache at once: twice the height of a register tile.
inline constexpr std::ptrdiff_t group_rows = 2 * tiles::tallest;

/// The keys of a tile: many, since their products are added to the output in one go, as far as k and v of a tile stay in
/// the second level of the cache.
inline constexpr std::ptrdiff_t most_tile_keys = 512;

template <class T> std::ptrdiff_t tile_keys(std::ptrdiff_t widths) {
    std::ptrdiff_t keys = most_tile_keys;
    while (keys > 64 && keys * widths * static_cast<std::ptrdiff_t>(sizeof(T)) > 280 * 1024) keys /= 2;
    return keys;
}

/// Masks are asked, and hidden keys left out, by panels of a tile.
inline constexpr std::ptrdiff_t panel_keys = 128;

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

/// One block of rows of one problem against all its keys.
template <class T, class Score> class forward_block {
public:
    /// `next` is the problem that this thread turns to afterwards, from its row next_row0 on; may be null.
    forward_block(const attention_shape& shape, const attention_operands<T>& x, const Score& score, const problem& p,
                  std::ptrdiff_t row0, std::ptrdiff_t row1, const problem* next, std::ptrdiff_t next_row0)
        : shape_(shape), x_(x), score_(score), problem_(p), next_(next), row0_(row0), rows_(row1 - row0), next_row0_(next_row0) {}

    void run() {
        pack_queries();
        std::fill(greatest_.begin(), greatest_.end(), minus_infinity<T>);
        std::fill(total_.begin(), total_.end(), T(0));
        std::fill(out_.begin(), out_.end(), T(0));
        for (std::ptrdiff_t key0 = 0; key0 < problem_.keys; key0 += key_tile_) attend(key0, std::min(key0 + key_tile_, problem_.keys));
        if (problem_.keys == 0)
            for (std::ptrdiff_t r = 0; r < rows_; r += group_rows) write_group(r, std::min(group_rows, rows_ - r));
    }

private:
    /// Rows that are met once, by the only tile of keys, are read where they lie.
    void pack_queries() {
        std::ptrdiff_t stride = 0;
        const tiles::columns inner = depth_columns(shape_, x_.q.inner);
        const row_cursor<const T> first(problem_, x_.q, row0_);
        if (problem_.keys <= key_tile_ && inner.stride == 1 && rows_are_even(problem_, x_.q, stride)) {
            queries_ = {*first, stride, 1};
        } else {
            tiles::pack_rows<T>({q_.data(), q_stride_}, first, rows_, inner, T(1));
            queries_ = {q_.data(), q_stride_, 1};
        }
        if constexpr (Score::linear) q_norm_ = tiles::greatest_norm<T>(queries_.data, rows_, queries_.row_stride, shape_.depth);
    }

    void attend(std::ptrdiff_t key0, std::ptrdiff_t key1) {
        const tile_verdict whole = verdict(row0_, row0_ + rows_, key0, key1);
        const bool last = key1 == problem_.keys;
        if (whole == tile_verdict::none && !last) return;
        bool packed = false;
        for (std::ptrdiff_t r = 0; r < rows_; r += group_rows) {
            const std::ptrdiff_t height = std::min(group_rows, rows_ - r);
            prefetch(r, height, key1);
            if (const span seen = visible(r, height, key0, key1, whole); seen.first < seen.last) {
                if (!packed) pack_keys(key0, key1 - key0);
                packed = true;
                score_group(r, height, key0, seen);
                weigh_group(r, height, seen);
                drop_weights(r, height, key0, seen);
                const T* weights = scores_.data() + seen.first;
                if (finite_) tiles::multiply<tiles::onto::scaled_sum, T>({weights, score_stride_, 1}, {&v_[seen.first * out_stride_], out_stride_}, seen.last - seen.first,
                                                                         {&out_[r * out_stride_], out_stride_}, height, out_stride_, factor_);
                else sum_visible(r, height, seen);
            }
            if (last) write_group(r, height);
        }
    }

    /// A range of keys, counted from the beginning of the tile.
    struct span { std::ptrdiff_t first, last; };

    /// What a group of rows sees of a tile, in panels: those hidden at either end are left out.
    span visible(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t key0, std::ptrdiff_t key1, tile_verdict whole) {
        std::fill(std::begin(panels_), std::end(panels_), whole);
        if (whole == tile_verdict::none) return {0, 0};
        if (whole == tile_verdict::all) return {0, key1 - key0};
        span seen{key1 - key0, 0};
        for (std::ptrdiff_t first = 0; first < key1 - key0; first += panel_keys) {
            const std::ptrdiff_t last = std::min(first + panel_keys, key1 - key0);
            const tile_verdict panel = verdict(row0_ + r, row0_ + r + height, key0 + first, key0 + last);
            panels_[first / panel_keys] = panel;
            if (panel != tile_verdict::none) seen = {std::min(seen.first, first), last};
        }
        return seen;
    }

    /// While this block's rows r to r + height meet the keys up to key1, memory brings what comes after: their share of the
    /// next tile of keys, or, at the last one, the places of the output and the next problem's rows and first tile. (Inlined
    /// since g++ drops calls of functions that do nothing but this.)
    HEED_INLINE void prefetch(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t key1) {
        const bool last = key1 == problem_.keys;
        if (last) {
            row_cursor<T> out(problem_, x_.out, row0_ + r);
            for (std::ptrdiff_t i = 0; i < height; ++i, ++out) tiles::prefetch_row<1>(*out, value_columns(shape_, x_.out.inner));
            if (next_ == nullptr) return;
            const std::ptrdiff_t rows = std::min(height, next_->rows - next_row0_ - r);
            if (rows > 0) {
                row_cursor<const T> q(*next_, x_.q, next_row0_ + r);
                for (std::ptrdiff_t i = 0; i < rows; ++i, ++q) tiles::prefetch_row<0>(*q, depth_columns(shape_, x_.q.inner));
            }
        }
        const problem& then = last ? *next_ : problem_;
        const std::ptrdiff_t key0 = last ? 0 : key1, n = std::min(key_tile_, then.keys - key0);
        const T *k = then.base(x_.k) + key0 * x_.k.key, *v = then.base(x_.v) + key0 * x_.v.key;
        for (std::ptrdiff_t j = n * r / rows_; j < n * (r + height) / rows_; ++j) {
            tiles::prefetch_row<0>(k + j * x_.k.key, depth_columns(shape_, x_.k.inner));
            tiles::prefetch_row<0>(v + j * x_.v.key, value_columns(shape_, x_.v.inner));
        }
    }

    tile_verdict verdict(std::ptrdiff_t row0, std::ptrdiff_t row1, std::ptrdiff_t key0, std::ptrdiff_t key1) const {
        if constexpr (Score::masked) return score_.verdict(row0, row1, key0, key1);
        else return tile_verdict::all;
    }

    void pack_keys(std::ptrdiff_t key0, std::ptrdiff_t n) {
        T factor = T(1);
        if constexpr (Score::linear) factor = score_.scale() * log2_e<T>;
        const T *k = problem_.base(x_.k) + key0 * x_.k.key, *v = problem_.base(x_.v) + key0 * x_.v.key;
        const T k_norm = tiles::pack_transposed<T>({k_.data(), score_stride_}, k, n, x_.k.key, depth_columns(shape_, x_.k.inner), factor);
        if constexpr (Score::linear) bounded_ = q_norm_ * k_norm <= bound * bound;   // |q . k| <= |q| |k|
        finite_ = tiles::pack_rows<T>({v_.data(), out_stride_}, tiles::even_rows<T>{v, x_.v.key}, n, value_columns(shape_, x_.v.inner), T(1));
    }

    void score_group(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t key0, span seen) {
        const int n = static_cast<int>(seen.last - seen.first);
        tiles::multiply<tiles::onto::nothing, T>({queries_.data + r * queries_.row_stride, queries_.row_stride, queries_.step_stride}, {&k_[seen.first], score_stride_}, shape_.depth,
                                                 {&scores_[seen.first], score_stride_}, height, n);
        for (std::ptrdiff_t i = 0; i < height; ++i) {
            T* s = &scores_[i * score_stride_];
            if constexpr (!Score::linear) score_.value(row0_ + r + i, key0 + seen.first, s + seen.first, n);
            if constexpr (Score::masked)
                for (std::ptrdiff_t first = seen.first; first < seen.last; first += panel_keys)
                    if (panels_[first / panel_keys] != tile_verdict::all)
                        score_.mask(row0_ + r + i, key0 + first, s + first, static_cast<int>(std::min(panel_keys, seen.last - first)));
            std::fill(s + seen.last, s + seen.first + tiles::whole_registers<T>(n), minus_infinity<T>);
        }
    }

    /// Scores become weights relative to the row's greatest, or to the bound of all; factor_ is what the sums so far shrink by.
    void weigh_group(std::ptrdiff_t r, std::ptrdiff_t height, span seen) {
        constexpr int lanes = simd<T>::lanes;
        const std::ptrdiff_t n = seen.last - seen.first;
        for (std::ptrdiff_t i0 = 0; i0 < height; i0 += lanes) {
            const int count = static_cast<int>(std::min<std::ptrdiff_t>(lanes, height - i0));
            T* s = &scores_[i0 * score_stride_ + seen.first];
            simd<T> greatest(bound);
            if (!bounded_) {
                T each[lanes];
                for (int i = 0; i < count; ++i) each[i] = greatest_of(s + i * score_stride_, n) * unit;
                greatest = -floor(-simd<T>::load(each, count));
            }
            const simd<T> before = simd<T>::load(&greatest_[r + i0], count), now = max(before, greatest);
            now.store(&greatest_[r + i0], count);
            // A row that has seen nothing has no greatest score: any finite base makes its weights exp2(-infinity) = 0.
            const simd<T> base = select(now == simd<T>(minus_infinity<T>), simd<T>(T(0)), now);
            const simd<T> shrink = exp2(before - base);
            shrink.store(factor_ + i0, count);
            T bases[lanes];
            base.store(bases);
            simd<T> sum[lanes];
            for (int i = count; i < lanes; ++i) sum[i] = simd<T>(T(0));
            for (int i = 0; i < count; ++i)
                sum[i] = finite_ ? weigh_row<false>(s + i * score_stride_, n, bases[i]) : weigh_row<true>(s + i * score_stride_, n, bases[i]);
            fma(simd<T>::load(&total_[r + i0], count), shrink, tiles::sums<T>(sum)).store(&total_[r + i0], count);
        }
    }

    /// After the sums: dropped weights count in them.
    void drop_weights(std::ptrdiff_t r, std::ptrdiff_t height, std::ptrdiff_t key0, span seen) {
        T room[most_tile_keys + simd<T>::lanes];
        for (std::ptrdiff_t i = 0; i < height; ++i)
            if (const T* factors = drop_factors(score_, row0_ + r + i, key0 + seen.first, room, seen.last - seen.first))
                multiply_weights(&scores_[i * score_stride_ + seen.first], factors, seen.last - seen.first);
    }

    static T greatest_of(const T* s, std::ptrdiff_t n) {
        simd<T> most(minus_infinity<T>);
        for (std::ptrdiff_t j = 0; j < n; j += simd<T>::lanes) most = max(most, simd<T>::load(s + j));
        return reduce_max(most);
    }

    /// exp2(score - base) in place, base a whole number; returns the sum, lane by lane.
    template <bool Selecting> [[gnu::noinline]] static simd<T> weigh_row(T* s, std::ptrdiff_t n, T base) {
        constexpr int lanes = simd<T>::lanes;
        const simd<T> minus_base(-base);
        const auto weigh = [&](T* place) __attribute__((always_inline)) {
            const simd<T> score = simd<T>::load(place), weight = exp2(Score::linear ? score : score * simd<T>(unit), minus_base);
            if constexpr (Selecting) select(score == simd<T>(minus_infinity<T>), simd<T>(hidden), weight).store(place);
            else weight.store(place);
            return weight;
        };
        simd<T> even(T(0)), odd(T(0));
        std::ptrdiff_t j = 0;
        for (; j + lanes < n; j += 2 * lanes) even += weigh(s + j), odd += weigh(s + j + lanes);
        if (j < n) even += weigh(s + j);
        return even + odd;
    }

    /// The weighted sum that leaves out what is hidden, instead of multiplying it by zero.
    void sum_visible(std::ptrdiff_t r, std::ptrdiff_t height, span seen) {
        constexpr int lanes = simd<T>::lanes;
        for (std::ptrdiff_t i = 0; i < height; ++i) {
            T* out = &out_[(r + i) * out_stride_];
            for (std::ptrdiff_t c = 0; c < out_stride_; c += lanes) {
                simd<T> sum = simd<T>::load(out + c) * simd<T>(factor_[i]);
                for (std::ptrdiff_t j = seen.first; j < seen.last; ++j)
                    if (const T weight = scores_[i * score_stride_ + j]; weight != hidden)
                        sum = fma(simd<T>(weight), simd<T>::load(&v_[j * out_stride_ + c]), sum);
                sum.store(out + c);
            }
        }
    }

    void write_group(std::ptrdiff_t r, std::ptrdiff_t height) {
        constexpr int lanes = simd<T>::lanes;
        T inverse[group_rows + lanes];
        for (std::ptrdiff_t i = 0; i < height; i += lanes) {
            const int count = static_cast<int>(std::min<std::ptrdiff_t>(lanes, height - i));
            const simd<T> total = simd<T>::load(&total_[r + i], count), zero(T(0));
            select(total == zero, zero, simd<T>(T(1)) / total).store(inverse + i);
            log(total, simd<T>::load(&greatest_[r + i], count)).store(&greatest_[r + i], count);
        }
        const tiles::columns inner = value_columns(shape_, x_.out.inner);
        row_cursor<T> row(problem_, x_.out, row0_ + r);
        for (std::ptrdiff_t i = 0; i < height; ++i, ++row) tiles::unpack_row<T>(*row, inner, &out_[(r + i) * out_stride_], inverse[i], false);
        if (!x_.log_sum_exp) return;
        row_cursor<T> place(problem_, x_.log_sum_exp, row0_ + r);
        for (std::ptrdiff_t i = 0; i < height; ++i, ++place) **place = greatest_[r + i];
    }

    /// Scores of a linear policy are in units of log2 already.
    static constexpr T unit = Score::linear ? T(1) : log2_e<T>;
    static constexpr T hidden = hidden_weight<T>;
    /// Where no score of a tile can exceed 2^bound in size (as is usual), none need be searched for the greatest: relative
    /// to 2^bound all weights lie between 2^-(2 bound) and 1, far from the ends of T's range.
    static constexpr T bound = T(24);

    const attention_shape& shape_;
    const attention_operands<T>& x_;
    const Score& score_;
    const problem& problem_;
    const problem* next_;
    std::ptrdiff_t row0_, rows_, next_row0_;

    std::ptrdiff_t values_ = shape_.value[0] * shape_.value[1];
    std::ptrdiff_t key_tile_ = tile_keys<T>(shape_.depth + values_);
    std::ptrdiff_t q_stride_ = tiles::whole_registers<T>(shape_.depth);
    std::ptrdiff_t out_stride_ = tiles::whole_registers<T>(values_);
    std::ptrdiff_t score_stride_ = key_tile_ + simd<T>::lanes;   // no multiple of a page: rows would share a few sets of the cache
    scratch<T> q_{static_cast<std::size_t>(rows_ * q_stride_)};
    scratch<T> out_{static_cast<std::size_t>(rows_ * out_stride_)};
    scratch<T> greatest_{static_cast<std::size_t>(rows_)};
    scratch<T> total_{static_cast<std::size_t>(rows_)};
    scratch<T> k_{static_cast<std::size_t>(shape_.depth * score_stride_)};
    scratch<T> v_{static_cast<std::size_t>(key_tile_ * out_stride_)};
    scratch<T> scores_{static_cast<std::size_t>(group_rows * score_stride_)};
    T factor_[group_rows];
    tile_verdict panels_[most_tile_keys / panel_keys];
    tiles::left_operand<T> queries_{};
    T q_norm_ = T(0);        // the greatest |q|^2 of the block
    bool bounded_ = false;   // no score of the tile of keys exceeds the bound
    bool finite_ = true;     // nor is anything in its v infinite or NaN, which a weight of zero would not silence
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
    const double widths = static_cast<double>(shape.depth + shape.value[0] * shape.value[1]);
    // A thread takes a few neighbouring numbers at a time, which share pages and cache lines, and guesses what it takes next.
    const std::ptrdiff_t chunk = std::clamp<std::ptrdiff_t>(work.count() / 64, 1, 4), ahead = (thread_count() - 1) * chunk + 1;
    const double cost = 2.0 * static_cast<double>(chunk * block) * mean_keys(shape) * widths;
    parallel_for((work.count() + chunk - 1) / chunk, cost, [&](std::ptrdiff_t taken) {
        Score policy = score;
        const std::ptrdiff_t end = std::min((taken + 1) * chunk, work.count());
        for (std::ptrdiff_t number = taken * chunk; number < end; ++number) {
            problem p, next;
            std::ptrdiff_t b, next_b;
            if (!work.find(number, p, b)) continue;
            const std::ptrdiff_t then = number + 1 < end ? number + 1 : number + ahead;
            const bool more = then < work.count() && work.find(then, next, next_b);
            policy.seek(p.index);
            forward_block<T, Score>(shape, x, policy, p, b * block, std::min((b + 1) * block, p.rows), more ? &next : nullptr, more ? next_b * block : 0).run();
        }
    });
}

}  // namespace heed::inline HEED_TARGET::cpu
