/// Axes: names that are types, lists of them, and what a list can be asked while the program compiles.
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <type_traits>
#include <vector>

namespace heed {

struct axis_base {};

/// The extent of an axis whose size only the run knows.
inline constexpr std::ptrdiff_t run_time = -1;

/// An axis is a type: `struct model : heed::axis<256> {};` has its size in the type, `struct token : heed::axis<> {};`
/// learns it when the program runs. A value of it is a size in a constructor, and a position in an index.
template <std::ptrdiff_t Extent = run_time>
struct axis : axis_base {
    static constexpr std::ptrdiff_t extent = Extent;
    std::ptrdiff_t value;
    constexpr axis(std::integral auto n) : value(static_cast<std::ptrdiff_t>(n)) {}
};

/// A second name of the same extent, for a square matrix: `tensor<float, model, prime<model>>`.
template <class A>
struct prime : axis<A::extent> {};

/// The same positions as A, as what is read by attention: its masks are written in `A` and `attended<A>`.
template <class A>
struct attended : axis<A::extent> {};

struct ragged_base {};

/// One item of memory, two names: the sequences of a batch one after another, without a padded row.
/// A value of it is the list of lengths: `ragged<text, token>{3, 1, 0, 5}`.
template <class Outer, class Inner>
struct ragged : ragged_base {
    using outer = Outer;
    using inner = Inner;
    std::vector<std::ptrdiff_t> lengths;

    ragged(std::initializer_list<std::ptrdiff_t> list) : lengths(list) {}
    template <class Range>
        requires requires(const Range& range) { range.begin(); range.end(); } && (!std::derived_from<Range, ragged_base>)
    explicit ragged(const Range& range) : lengths(range.begin(), range.end()) {}
};

template <class A> concept axis_type = std::derived_from<A, axis_base>;
template <class A> inline constexpr bool is_ragged = std::derived_from<A, ragged_base>;
/// What a tensor's list can hold: an axis, or a ragged pair of them.
template <class A> concept item_type = axis_type<A> || is_ragged<A>;

/// A list of axes.
template <class... A>
struct axes {
    static constexpr int size = sizeof...(A);
};

namespace lists {

template <class A, class List> inline constexpr bool has = false;
template <class A, class... B> inline constexpr bool has<A, axes<B...>> = (std::is_same_v<A, B> || ...);

/// The place of A in the list; its size if A is not there.
template <class A, class List> inline constexpr int place = 0;
template <class A, class... B> inline constexpr int place<A, axes<B...>> = [] {
    int at = 0;
    static_cast<void>(((std::is_same_v<A, B> ? false : (++at, true)) && ...));
    return at;
}();

template <class... A, class... B>
axes<A..., B...> operator+(axes<A...>, axes<B...>);

template <class Left, class Right> struct joined;
template <class... A, class... B> struct joined<axes<A...>, axes<B...>> { using type = axes<A..., B...>; };
template <class Left, class Right> using join = typename joined<Left, Right>::type;

template <bool Keep, class A> using only_if = std::conditional_t<Keep, axes<A>, axes<>>;

template <class List, class Other> struct subtracted;
template <class... A, class Other> struct subtracted<axes<A...>, Other> {
    using type = decltype((axes<>{} + ... + only_if<!has<A, Other>, A>{}));
};
/// What of the list is not in Other.
template <class List, class Other> using minus = typename subtracted<List, Other>::type;

template <class List, class Other> struct intersected;
template <class... A, class Other> struct intersected<axes<A...>, Other> {
    using type = decltype((axes<>{} + ... + only_if<has<A, Other>, A>{}));
};
/// What of the list is in Other as well.
template <class List, class Other> using common = typename intersected<List, Other>::type;

template <class Left, class Right> using unite = join<Left, minus<Right, Left>>;

template <class Left, class Right> inline constexpr bool inside = minus<Left, Right>::size == 0;
template <class Left, class Right> inline constexpr bool same = inside<Left, Right> && inside<Right, Left>;

template <int N, class A, class... Rest> struct nth_of { using type = typename nth_of<N - 1, Rest...>::type; };
template <class A, class... Rest> struct nth_of<0, A, Rest...> { using type = A; };
template <class List, int N> struct at_place;
template <class... A, int N> struct at_place<axes<A...>, N> { using type = typename nth_of<N, A...>::type; };
template <class List, int N> using at = typename at_place<List, N>::type;

template <class List> using last = at<List, List::size - 1>;

template <class List, int N> struct without_first { using type = List; };
template <class A, class... Rest, int N>
    requires(N > 0)
struct without_first<axes<A, Rest...>, N> { using type = typename without_first<axes<Rest...>, N - 1>::type; };
/// The list but for its first N.
template <class List, int N> using behind = typename without_first<List, N>::type;

template <class A> struct names_of_item { using type = axes<A>; };
template <class Outer, class Inner> struct names_of_item<ragged<Outer, Inner>> { using type = axes<Outer, Inner>; };
template <class Items> struct flattened { using type = axes<>; };
template <class A, class... Rest> struct flattened<axes<A, Rest...>> {
    using type = unite<typename names_of_item<A>::type, typename flattened<axes<Rest...>>::type>;
};
/// The names of a list of items: a ragged item has two.
template <class Items> using names = typename flattened<Items>::type;

template <class A, class From, class To> struct renamed_item { using type = std::conditional_t<std::is_same_v<A, From>, To, A>; };
template <class Outer, class Inner, class From, class To> struct renamed_item<ragged<Outer, Inner>, From, To> {
    using type = ragged<typename renamed_item<Outer, From, To>::type, typename renamed_item<Inner, From, To>::type>;
};
template <class List, class From, class To> struct renamed_list;
template <class... A, class From, class To> struct renamed_list<axes<A...>, From, To> {
    using type = axes<typename renamed_item<A, From, To>::type...>;
};
template <class List, class From, class To> using rename = typename renamed_list<List, From, To>::type;

/// The list with `From` replaced by the axes of the list `To`.
template <class List, class From, class To> struct replaced_list { using type = axes<>; };
template <class A, class... Rest, class From, class To> struct replaced_list<axes<A, Rest...>, From, To> {
    using type = join<std::conditional_t<std::is_same_v<A, From>, To, axes<A>>, typename replaced_list<axes<Rest...>, From, To>::type>;
};
template <class List, class From, class To> using replace = typename replaced_list<List, From, To>::type;

/// The list without the names of Gone; of a ragged item whose inner name goes, the outer one stays.
template <class A, class Gone> struct kept_item { using type = only_if<!has<A, Gone>, A>; };
template <class Outer, class Inner, class Gone> struct kept_item<ragged<Outer, Inner>, Gone> {
    using type = std::conditional_t<has<Inner, Gone>, only_if<!has<Outer, Gone>, Outer>, axes<ragged<Outer, Inner>>>;
};
template <class Items, class Gone> struct kept_items { using type = axes<>; };
template <class A, class... Rest, class Gone> struct kept_items<axes<A, Rest...>, Gone> {
    using type = join<typename kept_item<A, Gone>::type, typename kept_items<axes<Rest...>, Gone>::type>;
};
template <class Items, class Gone> using without = typename kept_items<Items, Gone>::type;

/// What the second list of items adds to the names of the first.
template <class A, class Names> struct added_item { using type = only_if<!has<A, Names>, A>; };
template <class Outer, class Inner, class Names> struct added_item<ragged<Outer, Inner>, Names> {
    using type = only_if<!has<Inner, Names>, ragged<Outer, Inner>>;
};
template <class Left, class Right> struct merged_items { using type = Left; };
template <class Left, class A, class... Rest> struct merged_items<Left, axes<A, Rest...>> {
    using type = typename merged_items<join<Left, typename added_item<A, names<Left>>::type>, axes<Rest...>>::type;
};
/// Where the left has one of a ragged item's names as an axis of its own, or both, the ragged item takes their place.
template <class Left, class Outer, class Inner, class... Rest>
    requires(has<Outer, Left> || has<Inner, Left>)
struct merged_items<Left, axes<ragged<Outer, Inner>, Rest...>> {
    using together = ragged<Outer, Inner>;
    using placed = std::conditional_t<has<Outer, Left>, replace<minus<Left, axes<Inner>>, Outer, axes<together>>, replace<Left, Inner, axes<together>>>;
    using type = typename merged_items<placed, axes<Rest...>>::type;
};
/// The items of two operands together, in the order of the first.
template <class Left, class Right> using extend = typename merged_items<Left, Right>::type;

template <class Items> inline constexpr int ragged_place = -1;
template <class... A> inline constexpr int ragged_place<axes<A...>> = [] {
    int at = 0, found = -1;
    static_cast<void>(((is_ragged<A> ? found = at++ : at++), ...));
    return found;
}();

}  // namespace lists

/// The axis's name as the program spells it, without namespaces.
template <class A>
constexpr std::string_view axis_name() {
    std::string_view text = __PRETTY_FUNCTION__;
    const auto begin = text.find("A = ") + 4;
    auto end = text.find(';', begin);
    if (end == std::string_view::npos) end = text.rfind(']');
    text = text.substr(begin, end - begin);
    const auto bracket = text.find('<');
    const auto scope = text.substr(0, bracket).rfind("::");
    return scope == std::string_view::npos ? text : text.substr(scope + 2);
}

}  // namespace heed
