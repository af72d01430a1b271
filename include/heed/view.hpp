/// What tensors and views share: sizes, elements by index, and views of a part. A view refers to memory of somebody else.
#pragma once

#include <heed/expr/axes.hpp>

#include <cassert>
#include <limits>

namespace heed::inline HEED_TARGET {

namespace detail {

template <axis_type A>
constexpr index value_of_index(const A& at) { return static_cast<const axis<A::extent>&>(at).value; }      // A may be called `value`
constexpr index value_of_index(std::integral auto at) { return static_cast<index>(at); }

/// Stands for a position that an index list does not give.
inline constexpr index everywhere = std::numeric_limits<index>::min();

/// The value that an index list gives for axis A, or `everywhere`.
template <class A, class... I>
constexpr index given(const I&... at) {
    index result = everywhere;
    ((std::is_same_v<A, I> ? static_cast<void>(result = static_cast<index>(value_of_index(at))) : static_cast<void>(at)), ...);
    return result;
}
/// The items that are left when the axes of At have positions: of a ragged pair whose batch is chosen, the sequence.
template <class A, class At> struct item_at { using type = lists::only_if<!lists::has<A, At>, A>; };
template <class Outer, class Inner, class At> struct item_at<ragged<Outer, Inner>, At> {
    using type = std::conditional_t<lists::has<Inner, At>, axes<>, std::conditional_t<lists::has<Outer, At>, axes<Inner>, axes<ragged<Outer, Inner>>>>;
};
template <class Items, class At> struct items_at_places { using type = axes<>; };
template <class A, class... Rest, class At> struct items_at_places<axes<A, Rest...>, At> {
    using type = lists::join<typename item_at<A, At>::type, typename items_at_places<axes<Rest...>, At>::type>;
};
template <class Items, class At> using items_at = typename items_at_places<Items, At>::type;

template <class T, class Items> struct view_type;
template <class T, class... I> struct view_type<T, axes<I...>> { using type = view<T, I...>; };
template <class T, class Items> using view_over = typename view_type<T, Items>::type;

/// How many rows lie before position `at` of an item, and how long what is left of the item is.
struct step {
    index rows = 0;
    index rest = 0;
};

template <class Item, int Rank, class T, class... I>
step step_into(const strided<T, Rank>& from, int item, const I&... at) {
    if constexpr (is_ragged<Item>) {
        const index outer = given<typename Item::outer>(at...), inner = given<typename Item::inner>(at...);
        if (outer == everywhere) return {0, from.size[item]};
        assert(outer >= 0 && outer < from.segments);
        const index begin = from.offsets[outer], length = from.offsets[outer + 1] - begin;
        if (inner == everywhere) return {begin, length};
        assert(inner >= 0 && inner < length);
        return {begin + inner, length};
    } else {
        const index place = given<Item>(at...);
        if (place == everywhere) return {0, from.size[item]};
        assert(place >= 0 && place < from.size[item]);
        return {place, from.size[item]};
    }
}

/// An element, which only the space of the host lends.
template <class T>
decltype(auto) lent(T* element) {
    if constexpr (is_on_host<T>) return static_cast<T&>(*element);
    else {
        (void)sizeof(error::element_of_another_space_is_read_from_a_copy_on_the_host<std::remove_const_t<T>>);
        return stand_in{};
    }
}

/// The element or the part of `from` that the named positions choose.
template <class T, class... Items, class... I>
decltype(auto) choose(const strided<T, sizeof...(Items)>& from, axes<Items...>, const I&... at) {
    using chosen = axes<I...>;
    using left = items_at<axes<Items...>, chosen>;
    T* data = from.data;
    step steps[sizeof...(Items) + 1];
    int n = 0;
    ((steps[n] = step_into<Items>(from, n, at...), data += steps[n].rows * from.stride[n], ++n), ...);
    if constexpr (left::size == 0) return lent(data);
    else {
        strided<T, left::size> to;
        to.data = data;
        int source = 0, target = 0;
        (([&] {
             if constexpr (item_at<Items, chosen>::type::size > 0) {
                 to.size[target] = steps[source].rest;
                 to.stride[target++] = from.stride[source];
                 if constexpr (is_ragged<Items> && lists::has<Items, left>) to.offsets = from.offsets, to.segments = from.segments;
             }
             ++source;
         }()),
         ...);
        return view_over<T, left>(to);
    }
}

/// The element at positions in the order of the names, or of the items.
template <class T, class... Items, class... I>
decltype(auto) element_at(const strided<T, sizeof...(Items)>& from, axes<Items...> items, const I&... at) {
    using names = lists::names<axes<Items...>>;
    static_assert(sizeof...(I) == sizeof...(Items) || sizeof...(I) == names::size, "heed: an element's index has a number for each axis");
    if constexpr (sizeof...(I) == names::size) {
        return [&]<class... A>(axes<A...>) -> decltype(auto) { return choose(from, items, A{{static_cast<index>(at)}}...); }(names{});
    } else {
        T* data = from.data;
        int n = 0;
        ((assert(static_cast<index>(at) >= 0 && static_cast<index>(at) < from.size[n]), data += static_cast<index>(at) * from.stride[n], ++n), ...);
        return lent(data);
    }
}

template <class T, class Items, class... I>
decltype(auto) indexed(const strided<T, Items::size>& from, Items items, const I&... at) {
    if constexpr ((std::integral<I> && ...)) return element_at(from, items, at...);
    else {
        static_assert((axis_type<I> && ...), "heed: an index is numbers for all axes, or axes: x(0, 3), x(batch{0}, token{3})");
        using missing = lists::minus<axes<I...>, lists::names<Items>>;
        if constexpr (missing::size > 0) {
            (void)sizeof(error::index_axis_is_not_in_the_tensor<lists::at<missing, 0>, lists::names<Items>>);
            return stand_in{};
        } else return choose(from, items, at...);
    }
}

/// Puts the result of an expression into memory that is there; defined where expressions are evaluated.
namespace update {
inline constexpr std::false_type set;
inline constexpr std::true_type add;
}  // namespace update
template <class T, class Items, class Node, class How>
void assign_into(strided<T, Items::size> to, Items, const Node& node, How how);

}  // namespace detail

/// Memory of somebody else under names: `view<float, token, model>(pointer, token{n})`. Copying a view refers to the same
/// memory; assigning to it writes the elements. It must not outlive what it refers to.
template <class T, class... Items>
class view : public expression<std::remove_const_t<T>, axes<Items...>> {
public:
    static constexpr int rank = sizeof...(Items);

    /// The memory at `data`, dense, in the order of the items; sizes that the type lacks are given.
    template <item_type... Size>
    explicit view(T* data, Size... sizes) {
        memory_.data = data;
        int n = 0;
        ((memory_.size[n] = size_from<Items>(sizes...), ++n), ...);
        for (detail::index step = 1; n-- > 0; step *= memory_.size[n]) memory_.stride[n] = step;
    }
    explicit view(const detail::strided<T, rank>& memory) : memory_(memory) {}
    view(const view&) = default;

    view& operator=(const view& other) { detail::assign_into(memory_, axes<Items...>{}, detail::capture(other), detail::update::set); return *this; }
    template <operand E> view& operator=(const E& e) { detail::assign_into(memory_, axes<Items...>{}, detail::capture(e), detail::update::set); return *this; }
    template <operand E> view& operator+=(const E& e) { detail::assign_into(memory_, axes<Items...>{}, detail::capture(e), detail::update::add); return *this; }

    template <class... I> decltype(auto) operator()(I... at) const { return detail::indexed(memory_, axes<Items...>{}, at...); }
    operator T() const requires(rank == 0 && is_on_host<std::remove_const_t<T>>) { return *memory_.data; }

    T* data() const { return memory_.data; }
    detail::index size() const { return memory_.count(); }
    const detail::strided<T, rank>& memory() const { return memory_; }

private:
    template <class A, class... Size>
    static detail::index size_from(const Size&... sizes) {
        static_assert(!is_ragged<A>, "heed: a view over ragged memory is taken of a tensor");
        const detail::index size = detail::given<A>(sizes...);
        if (size < 0 && size != detail::everywhere) detail::throw_negative_size(axis_name<A>(), size);
        if (A::extent >= 0 && size >= 0 && size != A::extent) detail::throw_wrong_static_size(axis_name<A>(), A::extent, size);
        if (A::extent < 0 && size < 0) detail::throw_size_unknown(axis_name<A>());
        return A::extent >= 0 ? A::extent : size;
    }
    detail::strided<T, rank> memory_;
};

}  // namespace heed::inline HEED_TARGET
