/// The derivative of a score tree by the product of queries and keys, as a tree: what the backward of attention multiplies by.
#pragma once

#include <heed/eval/lowered.hpp>

namespace heed::inline HEED_TARGET::derivatives {

using lowered::kind;

struct zero {};
struct one {};
template <class D> inline constexpr bool is_zero = std::is_same_v<D, zero>;
template <class D> inline constexpr bool is_one = std::is_same_v<D, one>;

template <class Op, class L, class R> HEED_HOST_DEVICE auto combine(L l, R r) { return lowered::binary<Op, kind::floating, L, R>{l, r}; }
HEED_HOST_DEVICE inline auto constant(double value) { return lowered::constant<kind::floating>{value}; }

template <class L, class R> HEED_HOST_DEVICE auto times(L l, R r) {
    if constexpr (is_zero<L> || is_zero<R>) return zero{};
    else if constexpr (is_one<L>) return r;
    else if constexpr (is_one<R>) return l;
    else return combine<operations::multiply>(l, r);
}
template <class D> HEED_HOST_DEVICE auto tree_of(D d) {
    if constexpr (is_zero<D>) return constant(0);
    else if constexpr (is_one<D>) return constant(1);
    else return d;
}
template <class L, class R> HEED_HOST_DEVICE auto plus(L l, R r) {
    if constexpr (is_zero<L>) return r;
    else if constexpr (is_zero<R>) return l;
    else return combine<operations::add>(tree_of(l), tree_of(r));
}
template <class D> HEED_HOST_DEVICE auto negative(D d) {
    if constexpr (is_zero<D>) return d;
    else return times(constant(-1), d);
}

// Every form is declared before the first is defined: each may hold any other.
template <class X> HEED_HOST_DEVICE auto of(const X&) { return zero{}; }
template <class X> HEED_HOST_DEVICE auto of(const lowered::converted<kind::floating, X>& e);
template <class Op, class X> HEED_HOST_DEVICE auto of(const lowered::unary<Op, kind::floating, X>& e);
template <class Op, class L, class R> HEED_HOST_DEVICE auto of(const lowered::binary<Op, kind::floating, L, R>& e);
template <class M, class L, class R> HEED_HOST_DEVICE auto of(const lowered::choice<kind::floating, M, L, R>& e);

template <class T> HEED_HOST_DEVICE auto of(const lowered::accumulated<T>&) { return one{}; }
template <class X> HEED_HOST_DEVICE auto of(const lowered::converted<kind::floating, X>& e) { return of(e.x); }
template <class Op, class X>
HEED_HOST_DEVICE auto of(const lowered::unary<Op, kind::floating, X>& e) {
    using namespace operations;
    const auto d = of(e.x);
    using D = std::remove_cvref_t<decltype(d)>;
    if constexpr (is_zero<D>) return zero{};
    else if constexpr (std::is_same_v<Op, negate>) return negative(d);
    else if constexpr (std::is_same_v<Op, exponential>) return times(e, d);
    else if constexpr (std::is_same_v<Op, logarithm>) return times(combine<divide>(constant(1), e.x), d);
    else if constexpr (std::is_same_v<Op, hyperbolic_tangent>) return times(combine<subtract>(constant(1), combine<multiply>(e, e)), d);
    else if constexpr (std::is_same_v<Op, logistic>) return times(combine<multiply>(e, combine<subtract>(constant(1), e)), d);
    else static_assert(is_zero<D>, "heed: a score for training may use + - * / min max where exp log tanh sigmoid of the product, and no other function");
}
template <class Op, class L, class R>
HEED_HOST_DEVICE auto of(const lowered::binary<Op, kind::floating, L, R>& e) {
    using namespace operations;
    const auto l = of(e.left);
    const auto r = of(e.right);
    using DL = std::remove_cvref_t<decltype(l)>;
    using DR = std::remove_cvref_t<decltype(r)>;
    if constexpr (is_zero<DL> && is_zero<DR>) return zero{};
    else if constexpr (std::is_same_v<Op, add>) return plus(l, r);
    else if constexpr (std::is_same_v<Op, subtract>) return plus(l, negative(r));
    else if constexpr (std::is_same_v<Op, multiply>) return plus(times(l, e.right), times(e.left, r));
    else if constexpr (std::is_same_v<Op, divide>) {
        auto first = times(l, combine<divide>(constant(1), e.right));
        if constexpr (is_zero<DR>) return first;
        else return plus(first, negative(times(combine<divide>(e, e.right), r)));
    } else if constexpr (std::is_same_v<Op, minimum> || std::is_same_v<Op, maximum>) {
        using order = std::conditional_t<std::is_same_v<Op, minimum>, less, greater>;
        auto left_wins = lowered::binary<order, kind::mask, L, R>{e.left, e.right};
        auto yes = tree_of(l);
        auto no = tree_of(r);
        return lowered::choice<kind::floating, decltype(left_wins), decltype(yes), decltype(no)>{left_wins, yes, no};
    } else static_assert(is_zero<DL>, "heed: this operation of the product has no derivative here");
}
template <class M, class L, class R>
HEED_HOST_DEVICE auto of(const lowered::choice<kind::floating, M, L, R>& e) {
    const auto l = of(e.yes);
    const auto r = of(e.no);
    if constexpr (is_zero<std::remove_cvref_t<decltype(l)>> && is_zero<std::remove_cvref_t<decltype(r)>>) return zero{};
    else {
        auto yes = tree_of(l);
        auto no = tree_of(r);
        return lowered::choice<kind::floating, M, decltype(yes), decltype(no)>{e.condition, yes, no};
    }
}

/// d tree / d product
template <class X> HEED_HOST_DEVICE auto derive(const X& x) { return tree_of(of(x)); }

}  // namespace heed::inline HEED_TARGET::derivatives
