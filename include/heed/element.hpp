/// What a tensor can hold, where it lives, and which element type an operation on two of them has.
#pragma once

#include <heed/bf16.hpp>
#include <heed/target.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace heed {

/// The space of ordinary memory. The space of a tensor rides in its element type; a plain type lives here.
struct host {};

/// The element type of what stands for an operation that was wrong: it meets everything and checks nothing.
struct absorbed {};

/// A floating type that is not decided yet: `0.1 * position<token>()` becomes what it meets, float or double.
struct weak {};

/// Value type and space of an element type. A space of its own specialises it.
template <class T>
struct element {
    using value = T;
    using space = host;
};

template <class T> using space_of = typename element<T>::space;
template <class T> using value_of = typename element<T>::value;

template <class T> inline constexpr bool is_mask = std::is_same_v<value_of<T>, bool>;
template <class T> inline constexpr bool is_integer = std::is_same_v<value_of<T>, std::int32_t>;
template <class T> inline constexpr bool is_floating =
    std::is_same_v<value_of<T>, float> || std::is_same_v<value_of<T>, double> || std::is_same_v<value_of<T>, bf16> || std::is_same_v<value_of<T>, weak>;

/// The bits of a tensor's elements: what a tensor of these elements can be made of.
template <class T> concept storable = is_mask<T> || is_integer<T> || (is_floating<T> && !std::is_same_v<T, weak>) || std::is_same_v<T, absorbed>;

namespace elements {

template <class L, class R> struct promotion { using type = void; };                     // float, double and bf16 do not mix
template <class T> struct promotion<T, T> { using type = T; };
template <class L, class R>
    requires(!std::is_same_v<L, R> && !(is_floating<L> && is_floating<R>))
struct promotion<L, R> {
    using type = std::conditional_t<is_floating<L>, L, std::conditional_t<is_floating<R>, R, std::int32_t>>;
};
template <class T> requires(is_floating<T> && !std::is_same_v<T, weak>) struct promotion<weak, T> { using type = T; };
template <class T> requires(is_floating<T> && !std::is_same_v<T, weak>) struct promotion<T, weak> { using type = T; };

/// The element type of `left op right`; void where they do not go together.
template <class L, class R> using promote = typename promotion<L, R>::type;
template <class L, class R> inline constexpr bool mixes = !std::is_void_v<promote<L, R>>;

/// What a function such as exp makes of its operand's type.
template <class T> using floating = std::conditional_t<is_floating<T>, T, weak>;
/// What is stored where nothing else says it.
template <class T> using settled = std::conditional_t<std::is_same_v<T, weak>, float, T>;

}  // namespace elements

/// Below every number: `where(mask, scores, -infinity)`. A type of its own, so that a mask is seen in the equation's type.
struct negative_infinity {
    constexpr operator double() const { return -std::numeric_limits<double>::infinity(); }
};
struct positive_infinity {
    constexpr operator double() const { return std::numeric_limits<double>::infinity(); }
    constexpr negative_infinity operator-() const { return {}; }
};
inline constexpr positive_infinity infinity{};

}  // namespace heed
