/// What an expression is made of at its ends: tensors by reference or by value, views, numbers, positions.
#pragma once

#include <heed/element.hpp>
#include <heed/expr/check.hpp>
#include <heed/shape.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace heed::inline HEED_TARGET {

struct expression_base {};

/// Everything that an equation is made of: `T` is its element type, `Items` what it would be stored as.
template <class T, class Items>
struct expression : expression_base {
    using element_type = T;                  // may be `weak`
    using items = Items;
    using names = lists::names<Items>;
    using operands = axes<>;                 // a node's own list of what it is made of hides this one, and `each` with it
    void each(auto&&) const {}
};

template <class X> concept node_type = std::derived_from<std::remove_cvref_t<X>, expression_base>;
template <class X> concept number_type = std::is_arithmetic_v<std::remove_cvref_t<X>> || std::same_as<std::remove_cvref_t<X>, positive_infinity> ||
                                         std::same_as<std::remove_cvref_t<X>, negative_infinity>;
/// What stands on either side of an operator: a tensor, a view, an expression, a number.
template <class X> concept operand = node_type<X> || number_type<X>;

template <class T, class... Items> class tensor;
template <class T, class... Items> class view;

namespace detail {

using elements::floating, elements::mixes, elements::promote, elements::settled;

/// An expression that no axis is left of converts to its number.
template <class Node> auto evaluate_number(const Node& node);

/// The operands of an operation on several, a tensor or an expression among them.
template <class... X> concept operands_together = (operand<X> && ...) && (node_type<X> || ...);

template <class Derived, class T, class Items>
struct computed : expression<T, Items> {
    template <class Number>
        requires(std::is_arithmetic_v<Number> && Items::size == 0)
    operator Number() const { return static_cast<Number>(evaluate_number(static_cast<const Derived&>(*this))); }
};

}  // namespace detail

/// What goes on after a mistake: every operation that meets it hands it on.
struct stand_in : expression<absorbed, axes<>> {
    template <class Number> requires std::is_arithmetic_v<Number> constexpr operator Number() const { return Number(); }
};

namespace detail {

/// How a leaf holds its memory.
template <class Tensor> struct by_reference {
    const Tensor* source;
    auto memory() const { return source->memory(); }
};
/// Beside it, what the backend has packed of it; null where nothing.
template <class Tensor, class Packs> struct by_reference_with_packs {
    const Tensor* source;
    const Packs* packs;
    auto memory() const { return source->memory(); }
};
template <class Tensor> struct by_value {
    Tensor source;
    auto memory() const { return source.memory(); }
};
template <class T, int Rank> struct by_pointer {
    strided<const T, Rank> source;
    const strided<const T, Rank>& memory() const { return source; }
};

/// A tensor's memory under these names.
template <class Holder, class T, class Items>
struct leaf : computed<leaf<Holder, T, Items>, T, Items> {
    Holder holder;
    explicit leaf(Holder h) : holder(std::move(h)) {}
    strided<const T, Items::size> memory() const { return holder.memory(); }
    /// The element, or the view of what is left, as of a tensor: a renamed tensor is read like any other.
    template <class... I> decltype(auto) operator()(I... at) const { return indexed(memory(), Items{}, at...); }
};

/// A number of the program: weak, so that it takes the type that it meets.
template <class T>
struct number : computed<number<T>, T, axes<>> {
    double value;
    explicit number(double v) : value(v) {}
};

/// -infinity: what a mask puts in the place of a score.
struct hidden_score : number<weak> {
    hidden_score() : number(negative_infinity()) {}
};

/// The number of the place along an axis.
template <class A>
struct place : computed<place<A>, std::int32_t, axes<A>> {};

template <class X> inline constexpr bool is_leaf = false;
template <class H, class T, class I> inline constexpr bool is_leaf<leaf<H, T, I>> = true;

template <class X> inline constexpr bool is_tensor = false;
template <class T, class... I> inline constexpr bool is_tensor<tensor<T, I...>> = true;
template <class X> inline constexpr bool is_view = false;
template <class T, class... I> inline constexpr bool is_view<view<T, I...>> = true;

/// An operand as a node that can be kept: named tensors by reference, temporaries by value, numbers as such.
template <class X>
auto capture(X&& x) {
    using bare = std::remove_cvref_t<X>;
    if constexpr (std::is_same_v<bare, bool>) return number<bool>(x);
    else if constexpr (std::is_integral_v<bare>) return number<std::int32_t>(static_cast<double>(x));
    else if constexpr (std::is_same_v<bare, negative_infinity>) return hidden_score();
    else if constexpr (number_type<bare>) return number<weak>(static_cast<double>(x));
    else if constexpr (std::is_same_v<typename bare::element_type, absorbed>) return stand_in{};
    else if constexpr (requires { x.as_operand(); }) return x.as_operand();
    else if constexpr (is_tensor<bare>) {
        using held = std::conditional_t<std::is_lvalue_reference_v<X>, by_reference<bare>, by_value<bare>>;
        if constexpr (std::is_lvalue_reference_v<X>) return leaf<held, typename bare::element_type, typename bare::items>(held{&x});
        else return leaf<held, typename bare::element_type, typename bare::items>(held{std::forward<X>(x)});
    } else if constexpr (is_view<bare>) {
        using held = by_pointer<typename bare::element_type, bare::items::size>;
        return leaf<held, typename bare::element_type, typename bare::items>(held{x.memory()});
    } else return bare(std::forward<X>(x));
}

template <class X> using captured = decltype(capture(std::declval<X>()));
template <class X> using names_of = typename captured<X>::names;
template <class X> using items_of = typename captured<X>::items;
template <class X> using element_of = typename captured<X>::element_type;
template <class... X> inline constexpr bool absorbs = (std::is_same_v<captured<X>, stand_in> || ...);

/// The space of an operand's tensors, `void` where it has none: numbers and positions go with any. An operation on tensors
/// of different spaces is refused, so that the first of them tells.
template <class X, class Operands = typename X::operands> struct element_within { using type = void; };
template <class H, class T, class I> struct element_within<leaf<H, T, I>, axes<>> { using type = T; };
template <class X, class First, class... Rest> struct element_within<X, axes<First, Rest...>> {
    using here = typename element_within<First>::type;
    using type = typename std::conditional_t<std::is_void_v<here>, element_within<X, axes<Rest...>>, element_within<First>>::type;
};
template <class T> struct space_of_element { using type = space_of<T>; };
template <> struct space_of_element<void> { using type = void; };
template <class X> struct space_within : space_of_element<typename element_within<X>::type> {};
template <class X> using space_of_operand = typename space_within<captured<X>>::type;
template <class L, class R> inline constexpr bool spaces_differ =
    !std::is_void_v<space_of_operand<L>> && !std::is_void_v<space_of_operand<R>> && !std::is_same_v<space_of_operand<L>, space_of_operand<R>>;

/// The items of an operation on several operands: in the order of the one that has more names, the left at a tie.
template <class L, class R>
using widest = std::conditional_t<(lists::names<R>::size > lists::names<L>::size), lists::extend<R, L>, lists::extend<L, R>>;

}  // namespace detail

/// The number of the place along axis A, from 0; in a ragged pair, within the sequence.
template <axis_type A>
constexpr auto position() {
    return detail::place<A>{};
}

}  // namespace heed::inline HEED_TARGET
