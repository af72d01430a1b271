/// Arithmetic, functions, comparisons and logic: operands line up by name, and what only one has is broadcast.
#pragma once

#include <heed/expr/node.hpp>
#include <heed/expr/operations.hpp>

namespace heed::inline HEED_TARGET {

namespace detail {

template <class Op, class T, class X>
struct unary : computed<unary<Op, T, X>, T, typename X::items> {
    X x;
    explicit unary(X operand) : x(std::move(operand)) {}
    using operands = axes<X>;
    void each(auto&& f) const { f(x); }
    auto map(const auto& f) const { return unary<Op, T, decltype(f(x))>(f(x)); }
};

template <class Op, class T, class L, class R>
struct binary : computed<binary<Op, T, L, R>, T, widest<typename L::items, typename R::items>> {
    L left;
    R right;
    binary(L l, R r) : left(std::move(l)), right(std::move(r)) {}
    using operands = axes<L, R>;
    void each(auto&& f) const { f(left), f(right); }
    auto map(const auto& f) const { return binary<Op, T, decltype(f(left)), decltype(f(right))>(f(left), f(right)); }
};

/// condition ? yes : no
template <class T, class C, class L, class R>
struct choice : computed<choice<T, C, L, R>, T, widest<widest<typename L::items, typename R::items>, typename C::items>> {
    C condition;
    L yes;
    R no;
    choice(C c, L l, R r) : condition(std::move(c)), yes(std::move(l)), no(std::move(r)) {}
    using operands = axes<C, L, R>;
    void each(auto&& f) const { f(condition), f(yes), f(no); }
    auto map(const auto& f) const {
        return choice<T, decltype(f(condition)), decltype(f(yes)), decltype(f(no))>(f(condition), f(yes), f(no));
    }
};

/// The same values in another element type.
template <class T, class X>
struct cast : computed<cast<T, X>, T, typename X::items> {
    X x;
    explicit cast(X operand) : x(std::move(operand)) {}
    using operands = axes<X>;
    void each(auto&& f) const { f(x); }
    auto map(const auto& f) const { return cast<T, decltype(f(x))>(f(x)); }
};

template <class Op, class X> using with_x = unary<Op, element_of<X>, captured<X>>;

template <class Op, class X>
auto function_of(X&& x) {
    if constexpr (absorbs<X>) return stand_in{};
    else return unary<Op, floating<element_of<X>>, captured<X>>(capture(std::forward<X>(x)));
}

/// What arithmetic makes of elements: true and false count as 1 and 0.
template <class T> using number_of = std::conditional_t<is_mask<T>, in_space_of<std::int32_t, T>, T>;
/// What a mask chooses, in its space where numbers have none.
template <class M, class T> using chosen_of = std::conditional_t<is_on_host<M>, T, in_space_of<value_of<T>, M>>;
/// What a comparison of elements gives.
template <class L, class R> using mask_of_comparison = in_space_of<bool, promote<L, R>>;
template <class Op, class X> using number_function = unary<Op, number_of<element_of<X>>, captured<X>>;

template <class Op, class L, class R>
auto arithmetic(L&& l, R&& r) {
    if constexpr (absorbs<L, R>) return stand_in{};
    else if constexpr (spaces_differ<L, R>) {
        (void)sizeof(error::tensors_of_different_spaces_do_not_mix<element_of<L>, element_of<R>>);
        return stand_in{};
    } else if constexpr (!mixes<element_of<L>, element_of<R>>) {
        (void)sizeof(error::element_types_do_not_mix_without_as<element_of<L>, element_of<R>>);
        return stand_in{};
    } else
        return binary<Op, number_of<promote<element_of<L>, element_of<R>>>, captured<L>, captured<R>>(capture(std::forward<L>(l)), capture(std::forward<R>(r)));
}

template <class Op, class L, class R>
auto comparison(L&& l, R&& r) {
    if constexpr (absorbs<L, R>) return stand_in{};
    else if constexpr (spaces_differ<L, R>) {
        (void)sizeof(error::tensors_of_different_spaces_do_not_mix<element_of<L>, element_of<R>>);
        return stand_in{};
    } else if constexpr (is_mask<element_of<L>> != is_mask<element_of<R>>) {
        (void)sizeof(error::comparison_of_a_mask_with_a_number<element_of<L>, element_of<R>>);
        return stand_in{};
    } else if constexpr (!mixes<element_of<L>, element_of<R>>) {
        (void)sizeof(error::element_types_do_not_mix_without_as<element_of<L>, element_of<R>>);
        return stand_in{};
    } else if constexpr (is_mask<element_of<L>>) {
        using left = cast<number_of<element_of<L>>, captured<L>>;
        using right = cast<number_of<element_of<R>>, captured<R>>;
        return binary<Op, mask_of_comparison<element_of<L>, element_of<R>>, left, right>(left(capture(std::forward<L>(l))), right(capture(std::forward<R>(r))));
    } else return binary<Op, mask_of_comparison<element_of<L>, element_of<R>>, captured<L>, captured<R>>(capture(std::forward<L>(l)), capture(std::forward<R>(r)));
}

template <class Op, class L, class R>
auto logic(L&& l, R&& r) {
    if constexpr (absorbs<L, R>) return stand_in{};
    else if constexpr (spaces_differ<L, R>) {
        (void)sizeof(error::tensors_of_different_spaces_do_not_mix<element_of<L>, element_of<R>>);
        return stand_in{};
    } else if constexpr (!is_mask<element_of<L>>) {
        (void)sizeof(error::logic_wants_masks_not_numbers<element_of<L>>);
        return stand_in{};
    } else if constexpr (!is_mask<element_of<R>>) {
        (void)sizeof(error::logic_wants_masks_not_numbers<element_of<R>>);
        return stand_in{};
    } else return binary<Op, promote<element_of<L>, element_of<R>>, captured<L>, captured<R>>(capture(std::forward<L>(l)), capture(std::forward<R>(r)));
}

}  // namespace detail

template <class L, class R> requires detail::operands_together<L, R> auto operator+(L&& l, R&& r) { return detail::arithmetic<operations::add>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto operator-(L&& l, R&& r) { return detail::arithmetic<operations::subtract>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto operator*(L&& l, R&& r) { return detail::arithmetic<operations::multiply>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto operator/(L&& l, R&& r) { return detail::arithmetic<operations::divide>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto min(L&& l, R&& r) { return detail::arithmetic<operations::minimum>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto max(L&& l, R&& r) { return detail::arithmetic<operations::maximum>(std::forward<L>(l), std::forward<R>(r)); }

template <class L, class R> requires detail::operands_together<L, R> auto operator<(L&& l, R&& r) { return detail::comparison<operations::less>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto operator<=(L&& l, R&& r) { return detail::comparison<operations::less_equal>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto operator>(L&& l, R&& r) { return detail::comparison<operations::greater>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto operator>=(L&& l, R&& r) { return detail::comparison<operations::greater_equal>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto operator==(L&& l, R&& r) { return detail::comparison<operations::equal>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto operator!=(L&& l, R&& r) { return detail::comparison<operations::not_equal>(std::forward<L>(l), std::forward<R>(r)); }

/// Masks combine by &&, || and !; both sides are evaluated.
template <class L, class R> requires detail::operands_together<L, R> auto operator&&(L&& l, R&& r) { return detail::logic<operations::both>(std::forward<L>(l), std::forward<R>(r)); }
template <class L, class R> requires detail::operands_together<L, R> auto operator||(L&& l, R&& r) { return detail::logic<operations::either>(std::forward<L>(l), std::forward<R>(r)); }
template <node_type X>
auto operator!(X&& x) {
    if constexpr (detail::absorbs<X>) return stand_in{};
    else if constexpr (!is_mask<detail::element_of<X>>) {
        (void)sizeof(error::logic_wants_masks_not_numbers<detail::element_of<X>>);
        return stand_in{};
    } else return detail::with_x<operations::opposite, X>(detail::capture(std::forward<X>(x)));
}

template <node_type X>
auto operator-(X&& x) {
    if constexpr (detail::absorbs<X>) return stand_in{};
    else return detail::number_function<operations::negate, X>(detail::capture(std::forward<X>(x)));
}
template <node_type X>
auto abs(X&& x) {
    if constexpr (detail::absorbs<X>) return stand_in{};
    else return detail::number_function<operations::absolute, X>(detail::capture(std::forward<X>(x)));
}

template <node_type X> auto exp(X&& x) { return detail::function_of<operations::exponential>(std::forward<X>(x)); }
template <node_type X> auto log(X&& x) { return detail::function_of<operations::logarithm>(std::forward<X>(x)); }
template <node_type X> auto sqrt(X&& x) { return detail::function_of<operations::square_root>(std::forward<X>(x)); }
/// 1 / sqrt(x)
template <node_type X> auto rsqrt(X&& x) { return detail::function_of<operations::reciprocal_square_root>(std::forward<X>(x)); }
template <node_type X> auto tanh(X&& x) { return detail::function_of<operations::hyperbolic_tangent>(std::forward<X>(x)); }
template <node_type X> auto erf(X&& x) { return detail::function_of<operations::error_function>(std::forward<X>(x)); }
/// 1 / (1 + exp(-x))
template <node_type X> auto sigmoid(X&& x) { return detail::function_of<operations::logistic>(std::forward<X>(x)); }
/// max(x, 0)
template <node_type X> auto relu(X&& x) { return detail::function_of<operations::rectified>(std::forward<X>(x)); }
/// x * sigmoid(x)
template <node_type X> auto silu(X&& x) { return detail::function_of<operations::sigmoid_weighted>(std::forward<X>(x)); }
/// x * Phi(x), Phi the distribution function of the normal, by erf
template <node_type X> auto gelu(X&& x) { return detail::function_of<operations::gauss_weighted>(std::forward<X>(x)); }
/// Its slope, Phi(x) + x phi(x)
template <node_type X> auto gelu_slope(X&& x) { return detail::function_of<operations::gauss_weighted_slope>(std::forward<X>(x)); }
/// x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), GELU by tanh
template <node_type X> auto gelu_tanh(X&& x) { return detail::function_of<operations::gauss_weighted_by_tanh>(std::forward<X>(x)); }
/// Its slope, s + x s (1 - s) 2 u' with s = (1 + tanh u) / 2
template <node_type X> auto gelu_tanh_slope(X&& x) { return detail::function_of<operations::gauss_weighted_by_tanh_slope>(std::forward<X>(x)); }

/// The same values with elements of type T: float, double, int, bool, bf16 or fp16.
template <class T, node_type X>
auto as(X&& x) {
    if constexpr (detail::absorbs<X>) return stand_in{};
    else return detail::cast<in_space_of<T, detail::element_of<X>>, detail::captured<X>>(detail::capture(std::forward<X>(x)));
}

/// `yes` where the mask is true, else `no`.
template <class C, class L, class R>
    requires detail::operands_together<C, L, R>
auto where(C&& condition, L&& yes, R&& no) {
    using namespace detail;
    if constexpr (absorbs<C, L, R>) return stand_in{};
    else if constexpr (spaces_differ<L, R>) {
        (void)sizeof(error::tensors_of_different_spaces_do_not_mix<element_of<L>, element_of<R>>);
        return stand_in{};
    } else if constexpr (spaces_differ<C, L> || spaces_differ<C, R>) {
        (void)sizeof(error::tensors_of_different_spaces_do_not_mix<element_of<C>, std::conditional_t<spaces_differ<C, L>, element_of<L>, element_of<R>>>);
        return stand_in{};
    } else if constexpr (!is_mask<element_of<C>>) {
        (void)sizeof(error::where_condition_is_not_a_mask<element_of<C>>);
        return stand_in{};
    } else if constexpr (!mixes<element_of<L>, element_of<R>>) {
        (void)sizeof(error::element_types_do_not_mix_without_as<element_of<L>, element_of<R>>);
        return stand_in{};
    } else
        return choice<chosen_of<element_of<C>, promote<element_of<L>, element_of<R>>>, captured<C>, captured<L>, captured<R>>(
            capture(std::forward<C>(condition)), capture(std::forward<L>(yes)), capture(std::forward<R>(no)));
}

}  // namespace heed::inline HEED_TARGET
