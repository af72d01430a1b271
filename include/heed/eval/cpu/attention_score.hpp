/// A score expression as the policy of the attention kernels: its scale where it is one, its tree, its mask, its derivative.
#pragma once

#include <heed/eval/attention_call.hpp>
#include <heed/eval/cpu/attention_backward.hpp>
#include <heed/eval/cpu/lanes.hpp>
#include <heed/eval/derivative.hpp>
#include <heed/eval/interval.hpp>

namespace heed::inline HEED_TARGET::cpu {

namespace scores {

using lowered::kind;

/// Whether a tree is a constant times the product, and that constant.
template <class X> struct scaled { static constexpr bool value = false; };
template <class T> struct scaled<lowered::accumulated<T>> {
    static constexpr bool value = true;
    static double factor(const lowered::accumulated<T>&) { return 1; }
};
template <class X> struct scaled<lowered::converted<kind::floating, X>> : scaled<X> {
    static double factor(const lowered::converted<kind::floating, X>& e) { return scaled<X>::factor(e.x); }
};
template <class X> struct fixed { static constexpr bool value = false; };
template <kind K> struct fixed<lowered::constant<K>> { static constexpr bool value = true; };
template <class L, class R> struct scaled<lowered::binary<operations::multiply, kind::floating, L, R>> {
    static constexpr bool value = (scaled<L>::value && fixed<R>::value) || (fixed<L>::value && scaled<R>::value);
    static double factor(const lowered::binary<operations::multiply, kind::floating, L, R>& e) {
        if constexpr (scaled<L>::value) return scaled<L>::factor(e.left) * e.right.value;
        else return scaled<R>::factor(e.right) * e.left.value;
    }
};
template <class L, class R> struct scaled<lowered::binary<operations::divide, kind::floating, L, R>> {
    static constexpr bool value = scaled<L>::value && fixed<R>::value;
    static double factor(const lowered::binary<operations::divide, kind::floating, L, R>& e) { return scaled<L>::factor(e.left) / e.right.value; }
};

}  // namespace scores

/// What attention_forward and attention_backward ask of a score (see there), from trees over the slots batch, rows, key.
template <class Slots, class T, class Tree, class Mask>
class attention_score {
    using context = lanes<T, Slots::key>;
    using simd_t = typename context::floating;

public:
    static constexpr bool linear = scores::scaled<Tree>::value;
    static constexpr bool masked = !std::is_same_v<Mask, heed::detail::no_mask>;

    attention_score(const heed::detail::attention_call<T>& call, const Tree& tree, const Mask& mask)
        : call_(call), tree_(tree), mask_(mask), slope_(derivatives::derive(tree)) {
        if constexpr (linear) scale_ = static_cast<T>(scores::scaled<Tree>::factor(tree));
    }

    T scale() const { return scale_; }

    bool drops() const { return call_.drop.rate > 0; }
    void factors(index row, index key0, T* factor, index n) const { call_.drop.factors(problem_, row, key0, factor, n); }

    void seek(const index* batch) {
        for (int i = 0; i < Slots::batch; ++i) at_[i] = batch[i];
        problem_ = call_.number_of(batch);
        row_ = call_.ragged() ? call_.query_offsets[batch[call_.segment_axis]] : 0;
    }

    tile_verdict verdict(index row0, index row1, index key0, index key1) const {
        if constexpr (!masked) return tile_verdict::all;
        else {
            intervals::rectangle r;
            const index inner = call_.row[1] * call_.row[2];
            const index last[3] = {(row1 - 1) / inner, call_.row[1] - 1, call_.row[2] - 1};
            const index first[3] = {row0 / inner, 0, 0};
            for (int i = 0; i < Slots::rows; ++i) {
                r.open |= 1u << (Slots::batch + i);
                r.range[Slots::batch + i] = {static_cast<double>(first[i]), static_cast<double>(last[i])};
            }
            r.open |= 1u << Slots::key;
            r.range[Slots::key] = {static_cast<double>(key0), static_cast<double>(key1 - 1)};
            Mask mask = mask_;
            mask.template seek<lowered::no_lane>(at_, row_);
            const auto can = intervals::over(mask, r);
            return can.high <= 0 ? tile_verdict::none : can.low > 0 ? tile_verdict::all : tile_verdict::some;
        }
    }

    void value(index row, index key0, T* product, int n) const {
        Tree tree = tree_;
        seek_row(tree, row);
        each(tree, key0, product, n, [&](int i, int count, simd_t score) { score.store(product + i, count); });
    }
    void derivative(index row, index key0, const T* product, T* slope, int n) const {
        slope_tree tree = slope_;
        seek_row(tree, row);
        each(tree, key0, product, n, [&](int i, int count, simd_t d) { d.store(slope + i, count); });
    }
    void mask(index row, index key0, T* score, int n) const {
        if constexpr (masked) {
            Mask mask = mask_;
            seek_row(mask, row);
            for (int i = 0; i < n; i += context::width) {
                const int count = std::min(context::width, n - i);
                const auto seen = mask.template get<context>(lowered::spot{key0 + i, count, nullptr});
                select(seen, simd_t::load(score + i, count), simd_t(static_cast<T>(negative_infinity()))).store(score + i, count);
            }
        }
    }

private:
    using slope_tree = decltype(derivatives::derive(std::declval<const Tree&>()));

    template <class X> void seek_row(X& tree, index row) const {
        index at[lowered::most_slots];
        std::copy(at_, at_ + lowered::most_slots, at);
        const index inner = call_.row[1] * call_.row[2];
        const index where[3] = {inner == 1 ? row : row / inner, inner == 1 ? 0 : row / call_.row[2] % call_.row[1], inner == 1 ? 0 : row % call_.row[2]};
        for (int i = 0; i < Slots::rows; ++i) at[Slots::batch + i] = where[i];
        tree.template seek<Slots::key>(at, row_);
    }
    /// The tree reads the product at `product[lane - key0]`.
    template <class X, class F> static void each(const X& tree, index key0, const T* product, int n, F&& f) {
        for (int i = 0; i < n; i += context::width) {
            const int count = std::min(context::width, n - i);
            f(i, count, tree.template get<context>(lowered::spot{key0 + i, count, product - key0}));
        }
    }

    const heed::detail::attention_call<T>& call_;
    Tree tree_;
    Mask mask_;
    slope_tree slope_;
    T scale_ = T(1);
    index at_[lowered::most_slots] = {};
    index row_ = 0, problem_ = 0;
};

inline attention_shape shape_of(const auto& call) {
    attention_shape s;
    std::copy(call.batch, call.batch + 4, s.batch);
    std::copy(call.row, call.row + 3, s.row);
    std::copy(call.value, call.value + 2, s.value);
    s.key = call.key, s.depth = call.depth;
    s.segment_axis = call.segment_axis, s.query_offsets = call.query_offsets, s.key_offsets = call.key_offsets;
    return s;
}
template <class T>
attention_operand<T> operand_of(const heed::detail::attention_memory<T>& m) {
    attention_operand<T> x;
    x.data = m.data;
    std::copy(m.batch, m.batch + 4, x.batch);
    std::copy(m.row, m.row + 3, x.row);
    x.key = m.key;
    std::copy(m.inner, m.inner + 2, x.inner);
    return x;
}

template <class Slots, class T, class Tree, class Mask>
void attend(const heed::detail::attention_call<T>& call, const Tree& tree, const Mask& mask) {
    attention_operands<T> x;
    x.q = operand_of(call.q), x.k = operand_of(call.k), x.v = operand_of(call.v);
    x.out = operand_of(call.out), x.log_sum_exp = operand_of(call.log_sum_exp);
    attention_forward<T>(shape_of(call), x, attention_score<Slots, T, Tree, Mask>(call, tree, mask));
}

template <class Slots, class T, class Tree, class Mask>
void attend_backward(const heed::detail::attention_call<T>& call, const Tree& tree, const Mask& mask) {
    const auto written = [](auto m) {
        heed::detail::attention_memory<const T> r;
        r.data = m.data;
        std::copy(m.batch, m.batch + 4, r.batch);
        std::copy(m.row, m.row + 3, r.row);
        r.key = m.key;
        std::copy(m.inner, m.inner + 2, r.inner);
        return r;
    };
    attention_backward_operands<T> x;
    x.q = operand_of(call.q), x.k = operand_of(call.k), x.v = operand_of(call.v);
    x.out = operand_of(written(call.out)), x.log_sum_exp = operand_of(written(call.log_sum_exp)), x.d_out = operand_of(call.d_out);
    x.dq = operand_of(call.dq), x.dk = operand_of(call.dk), x.dv = operand_of(call.dv);
    attention_backward<T>(shape_of(call), x, attention_score<Slots, T, Tree, Mask>(call, tree, mask));
}

}  // namespace heed::inline HEED_TARGET::cpu
