/// What a tensor can hold, where it lives, and which element type an operation on two of them has.
#pragma once

#include <heed/bf16.hpp>
#include <heed/fp16.hpp>
#include <heed/target.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace heed {

/// The space of ordinary memory. The space of a tensor rides in its element type; a plain type lives here.
struct host {};

/// The element type of what stands for an operation that was wrong: it meets everything and checks nothing.
struct absorbed {};

/// A floating type that is not decided yet: `0.1 * position<token>()` becomes what it meets, float or double.
struct weak {};

/// Value type and space of an element type, and what another value type is there. A space of its own specialises it.
template <class T>
struct element {
    using value = T;
    using space = host;
    template <class U> using with = U;
};

template <class T> struct element<const T> : element<T> {};

template <class T> using space_of = typename element<T>::space;
template <class T> using value_of = typename element<T>::value;
template <class T> inline constexpr bool is_on_host = std::is_same_v<space_of<T>, host>;
/// Elements with values U, in the space of T.
template <class U, class T> using in_space_of = typename element<T>::template with<U>;

template <class T> inline constexpr bool is_mask = std::is_same_v<value_of<T>, bool>;
template <class T> inline constexpr bool is_integer = std::is_same_v<value_of<T>, std::int32_t>;
/// Of 16 bits: stored so, and computed in float.
template <class T> inline constexpr bool is_half = std::is_same_v<value_of<T>, bf16> || std::is_same_v<value_of<T>, fp16>;
template <class T> inline constexpr bool is_floating =
    std::is_same_v<value_of<T>, float> || std::is_same_v<value_of<T>, double> || is_half<T> || std::is_same_v<value_of<T>, weak>;

/// The bits of a tensor's elements: what a tensor of these elements can be made of.
template <class T> concept storable = is_mask<T> || is_integer<T> || (is_floating<T> && !std::is_same_v<value_of<T>, weak>) || std::is_same_v<T, absorbed>;

namespace elements {

template <class L, class R> struct promotion { using type = void; };                     // float, double, bf16 and fp16 do not mix
template <class T> struct promotion<T, T> { using type = T; };
template <class L, class R>
    requires(!std::is_same_v<L, R> && !(is_floating<L> && is_floating<R>))
struct promotion<L, R> {
    using type = std::conditional_t<is_floating<L>, L, std::conditional_t<is_floating<R>, R, std::int32_t>>;
};
template <class T> requires(is_floating<T> && !std::is_same_v<T, weak>) struct promotion<weak, T> { using type = T; };
template <class T> requires(is_floating<T> && !std::is_same_v<T, weak>) struct promotion<T, weak> { using type = T; };

/// Of values in different spaces; numbers and positions, which are of the host, go with any.
template <class L, class R> struct promotion_in_space { using type = in_space_of<typename promotion<value_of<L>, value_of<R>>::type, std::conditional_t<is_on_host<L>, R, L>>; };
template <class L, class R> requires(is_on_host<L> && is_on_host<R>) struct promotion_in_space<L, R> : promotion<L, R> {};
template <class L, class R> requires(!(is_on_host<L> && is_on_host<R>) && std::is_void_v<typename promotion<value_of<L>, value_of<R>>::type>) struct promotion_in_space<L, R> { using type = void; };

/// The element type of `left op right`; void where they do not go together.
template <class L, class R> using promote = typename promotion_in_space<L, R>::type;
template <class L, class R> inline constexpr bool mixes = !std::is_void_v<promote<L, R>>;

/// What a function such as exp makes of its operand's type.
template <class T> using floating = std::conditional_t<is_floating<T>, T, in_space_of<weak, T>>;
/// What is stored where nothing else says it.
template <class T> using settled = std::conditional_t<std::is_same_v<value_of<T>, weak>, in_space_of<float, T>, T>;

}  // namespace elements

/// Below every number: `where(mask, scores, -infinity)`. A type of its own, so that a mask is seen in the equation's type.
struct negative_infinity {
    HEED_HOST_DEVICE constexpr operator double() const { return -__builtin_huge_val(); }
};
struct positive_infinity {
    HEED_HOST_DEVICE constexpr operator double() const { return __builtin_huge_val(); }
    constexpr negative_infinity operator-() const { return {}; }
};
inline constexpr positive_infinity infinity{};

}  // namespace heed
