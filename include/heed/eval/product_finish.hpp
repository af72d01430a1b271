/// What the library of a device does to the sums of a product before it stores them, found in the lowered tree around a
/// contraction.
#pragma once

#include <heed/eval/calls.hpp>
#include <heed/eval/lowered.hpp>
#include <heed/eval/statement.hpp>

namespace heed::inline HEED_TARGET::detail {

/// What is done to scale * sum, after the operands were added.
enum class product_bend { none, gelu_by_tanh, times_gelu_by_tanh_slope };

///     bend(scale * sum + operand + operand)    or    scale * sum * slope(operand)
template <class T>
struct product_finish {
    static constexpr int most_operands = 2;
    struct beside {
        const T* data = nullptr;
        const index* by_slot = nullptr;         // its strides, of the tree's leaf
        index per_row = 0;
        index by_item[lowered::most_slots] = {};
        contraction_axes axes;                  // sorted as the contraction's are; its own steps stand in c
    };
    double scale = 1;
    product_bend bend = product_bend::none;
    int operands = 0;
    beside operand[most_operands];

    void add(const auto& leaf) {
        beside& one = operand[operands++];
        one.data = leaf.base, one.by_slot = leaf.stride, one.per_row = leaf.per_row;
    }
    /// The operands' strides by items of the result. False where one steps otherwise through a ragged pair than row by row.
    bool find_steps(const item_place* item, int rank) {
        for (int k = 0; k < operands; ++k)
            for (int i = 0; i < rank; ++i) {
                beside& one = operand[k];
                one.by_item[i] = one.by_slot[item[i].at];
                if (item[i].is_ragged && (one.by_slot[item[i].outer] != 0 || one.per_row != one.by_item[i])) return false;
            }
        return true;
    }
};

/// What of a tree stands beside the sums.
template <class T, class X> inline constexpr bool is_memory_of = false;
template <class T, unsigned S> inline constexpr bool is_memory_of<T, lowered::leaf<T, S>> = true;
template <class T, class X> inline constexpr bool is_slope_of = false;
template <class T, unsigned S> inline constexpr bool is_slope_of<T, lowered::unary<operations::gauss_weighted_by_tanh_slope, lowered::kind::floating, lowered::leaf<T, S>>> = true;
template <class X> inline constexpr bool is_plain_number = false;
template <lowered::kind K> inline constexpr bool is_plain_number<lowered::constant<K>> = K != lowered::kind::mask;

/// Whether a tree is such a finish; read() writes down which.
template <class T, class Tree>
struct finish_of {
    static constexpr bool matches = false, is_scaled_sum = false, is_bent = false;
    static constexpr int operands = 0;
};
template <class T>
struct finish_of<T, lowered::accumulated<T>> {
    static constexpr bool matches = true, is_scaled_sum = true, is_bent = false;
    static constexpr int operands = 0;
    static void read(const auto&, product_finish<T>&) {}
};
template <class T, class X>
struct finish_of<T, lowered::unary<operations::gauss_weighted_by_tanh, lowered::kind::floating, X>> {
    using sum = finish_of<T, X>;
    static constexpr bool matches = sum::matches && !sum::is_bent, is_scaled_sum = false, is_bent = true;
    static constexpr int operands = sum::operands;
    static void read(const auto& tree, product_finish<T>& to) {
        sum::read(tree.x, to);
        to.bend = product_bend::gelu_by_tanh;
    }
};
template <class T, class Op, class L, class R>
struct finish_of<T, lowered::binary<Op, lowered::kind::floating, L, R>> {
    static constexpr bool on_left = finish_of<T, L>::matches;
    using sum = finish_of<T, std::conditional_t<on_left, L, R>>;
    using other = std::conditional_t<on_left, R, L>;
    static constexpr bool multiplies = std::is_same_v<Op, operations::multiply>, divides = std::is_same_v<Op, operations::divide> && on_left;
    static constexpr bool is_scaled_sum = sum::is_scaled_sum && is_plain_number<other> && (multiplies || divides);
    static constexpr bool is_bent = sum::is_scaled_sum && is_slope_of<T, other> && multiplies;
    static constexpr bool adds = sum::matches && !sum::is_bent && sum::operands < product_finish<T>::most_operands && is_memory_of<T, other> && std::is_same_v<Op, operations::add>;
    static constexpr bool matches = is_scaled_sum || is_bent || adds;
    static constexpr int operands = sum::operands + (is_bent || adds);

    static void read(const auto& tree, product_finish<T>& to) {
        if constexpr (on_left) read(tree.left, tree.right, to);
        else read(tree.right, tree.left, to);
    }

private:
    static void read(const auto& inner, const auto& beside, product_finish<T>& to) {
        sum::read(inner, to);
        if constexpr (is_scaled_sum) to.scale = multiplies ? to.scale * beside.value : to.scale / beside.value;
        else if constexpr (is_bent) to.add(beside.x), to.bend = product_bend::times_gelu_by_tanh_slope;
        else to.add(beside);
    }
};

}  // namespace heed::inline HEED_TARGET::detail
