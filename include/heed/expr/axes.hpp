/// New names for the same values: rename, split, merge, broadcast, and the extent of an axis.
///
/// No node stands for a renaming or a split: it is pushed down to the leaves, where it is another way to read the memory.
#pragma once

#include <heed/expr/gather.hpp>
#include <heed/expr/softmax.hpp>

namespace heed::inline HEED_TARGET {

namespace detail {

/// An item of the holder's memory read as two, the second of `inner` steps.
template <class Holder, int Rank, int At>
struct split_holder {
    Holder holder;
    index outer, inner;                      // -1: from the size
    auto memory() const {
        const auto from = holder.memory();
        using element = std::remove_pointer_t<decltype(from.data)>;
        strided<element, Rank + 1> to;
        to.data = from.data;
        to.offsets = from.offsets;
        to.segments = from.segments;
        for (int i = 0; i < Rank; ++i) to.size[i + (i > At)] = from.size[i], to.stride[i + (i > At)] = from.stride[i];
        const index whole = from.size[At];
        const index steps = inner >= 0 ? inner : outer > 0 ? whole / outer : whole;
        const index times = outer >= 0 ? outer : steps > 0 ? whole / steps : 0;
        if (steps * times != whole) throw shape_error("an axis of size " + std::to_string(whole) + " does not split into " + std::to_string(times) + " times " + std::to_string(steps));
        to.size[At] = times, to.size[At + 1] = steps;
        to.stride[At] = from.stride[At] * steps, to.stride[At + 1] = from.stride[At];
        return to;
    }
};

/// Two neighbouring items of the holder's memory read as one.
template <class Holder, int Rank, int At>
struct merge_holder {
    Holder holder;
    auto memory() const {
        const auto from = holder.memory();
        using element = std::remove_pointer_t<decltype(from.data)>;
        strided<element, Rank - 1> to;
        to.data = from.data;
        to.offsets = from.offsets;
        to.segments = from.segments;
        for (int i = 0; i < Rank; ++i)
            if (i != At) to.size[i - (i > At)] = from.size[i], to.stride[i - (i > At)] = from.stride[i];
        to.size[At] = from.size[At] * from.size[At + 1];
        to.stride[At] = from.stride[At + 1];
        return to;
    }
};

/// Two axes read as one where their memory does not allow it: computed with the two side by side, then read as one.
template <class T, class X, class B, class C, class A>
struct merging : computed<merging<T, X, B, C, A>, T, lists::replace<lists::minus<typename X::items, axes<C>>, B, axes<A>>> {
    X x;
    explicit merging(X operand) : x(std::move(operand)) {}
    using operands = axes<X>;
    void each(auto&& f) const { f(x); }
    auto map(const auto& f) const { return merging<T, decltype(f(x)), B, C, A>(f(x)); }
    template <class Statement> void take_gathered(Statement& s) const {
        if (s.template knows<B>() && s.template knows<C>()) s.template take<A>(s.template of<B>() * s.template of<C>());
    }
};

/// The same values, once more along further axes.
template <class T, class X, class... A>
struct broadcasting : computed<broadcasting<T, X, A...>, T, lists::join<typename X::items, axes<A...>>> {
    X x;
    explicit broadcasting(X operand) : x(std::move(operand)) {}
    using operands = axes<X>;
    void each(auto&& f) const { f(x); }
    auto map(const auto& f) const { return broadcasting<T, decltype(f(x)), A...>(f(x)); }
};

/// A summed axis that would clash with a new name steps aside.
template <class A> struct set_aside : axis<A::extent> {};

template <class From, class To>
struct renaming {
    template <class List> using list = lists::rename<List, From, To>;
    template <class X> auto operator()(const X& x) const { return rewrite(x, *this); }
    template <class H, class T, class Items> auto at_leaf(const leaf<H, T, Items>& x) const { return leaf<H, T, list<Items>>(x.holder); }
    auto at_place(place<From>) const { return place<To>(); }
    using gone = axes<From>;
    using come = axes<To>;
};

template <class A, class B, class C>
struct splitting {
    index outer, inner;
    template <class List> using list = lists::replace<List, A, axes<B, C>>;
    template <class X> auto operator()(const X& x) const { return rewrite(x, *this); }
    template <class H, class T, class Items> auto at_leaf(const leaf<H, T, Items>& x) const {
        using holder = split_holder<H, Items::size, lists::place<A, Items>>;
        return leaf<holder, T, list<Items>>(holder{x.holder, outer, inner});
    }
    auto at_place(place<A>) const {
        using steps = number<std::int32_t>;
        using scaled = binary<operations::multiply, std::int32_t, place<B>, steps>;
        return binary<operations::add, std::int32_t, scaled, place<C>>(scaled(place<B>(), steps(static_cast<double>(inner))), place<C>());
    }
    using gone = axes<A>;
    using come = axes<B, C>;
};

template <class X, class R> auto rewrite(const X& x, const R& r);

/// With the axes in Hidden out of the way of what R brings.
template <class X, class R, class... Clash>
auto step_aside(const X& x, const R& r, axes<Clash...>) {
    if constexpr (sizeof...(Clash) == 0) return rewrite(x, r);
    else return step_aside(rewrite(x, renaming<lists::at<axes<Clash...>, 0>, set_aside<lists::at<axes<Clash...>, 0>>>{}), r, lists::minus<axes<Clash...>, axes<lists::at<axes<Clash...>, 0>>>{});
}
template <class Gone, class R> struct aside;
template <class... A, class R> struct aside<axes<A...>, R> { using type = axes<std::conditional_t<lists::has<A, typename R::come>, set_aside<A>, A>...>; };

template <class Op, class T, class X, class Gone, class R> auto rewrite_gone(const reduction<Op, T, X, Gone>& e, const R& r) {
    auto inner = step_aside(e.x, r, lists::common<Gone, typename R::come>{});
    return reduction<Op, T, decltype(inner), typename aside<Gone, R>::type>(std::move(inner));
}
template <class T, class X, class Gone, class R> auto rewrite_gone(const log_sum<T, X, Gone>& e, const R& r) {
    auto inner = step_aside(e.x, r, lists::common<Gone, typename R::come>{});
    return log_sum<T, decltype(inner), typename aside<Gone, R>::type>(std::move(inner));
}
template <class T, class X, class Y, class Gone, class R> auto rewrite_gone(const contraction<T, X, Y, Gone>& e, const R& r) {
    auto left = step_aside(e.x, r, lists::common<Gone, typename R::come>{});
    auto right = step_aside(e.y, r, lists::common<Gone, typename R::come>{});
    return contraction<T, decltype(left), decltype(right), typename aside<Gone, R>::type>(std::move(left), std::move(right));
}
template <bool Log, class T, class X, class Gone, class R> auto rewrite_gone(const soft<Log, T, X, Gone>& e, const R& r) {
    auto inner = rewrite(e.x, r);
    return soft<Log, T, decltype(inner), typename R::template list<Gone>>(std::move(inner));
}
template <class T, class Table, class Ids, class A, class R> auto rewrite_gone(const gathered<T, Table, Ids, A>& e, const R& r) {
    using key = std::conditional_t<lists::has<A, typename R::come>, set_aside<A>, A>;
    auto table = step_aside(e.table, r, lists::common<axes<A>, typename R::come>{});
    auto ids = rewrite(e.ids, r);
    return gathered<T, decltype(table), decltype(ids), key>(std::move(table), std::move(ids));
}
template <class T, class X, class... A, class R> auto rewrite_gone(const broadcasting<T, X, A...>& e, const R& r) {
    auto inner = rewrite(e.x, r);
    return [&]<class... B>(axes<B...>) { return broadcasting<T, decltype(inner), B...>(std::move(inner)); }(typename R::template list<axes<A...>>{});
}
template <class T, class X, class B, class C, class A, class R> auto rewrite_gone(const merging<T, X, B, C, A>& e, const R& r) {
    static_assert(std::is_same_v<typename R::template list<axes<B, C>>, axes<B, C>>, "heed: a merged axis cannot be split or renamed before it is evaluated; use eval()");
    auto inner = rewrite(e.x, r);
    return merging<T, decltype(inner), B, C, lists::at<typename R::template list<axes<A>>, 0>>(std::move(inner));
}
template <class X, class R>
    requires(X::operands::size > 0)
auto rewrite_gone(const X& x, const R& r) { return x.map(r); }

/// The expression with R done to every axis of it. What has none of R's axes may still sum over a name that R brings.
template <class X, class R>
auto rewrite(const X& x, const R& r) {
    constexpr bool has_it = lists::common<typename X::names, typename R::gone>::size > 0;
    if constexpr (is_leaf<X> && has_it) return r.at_leaf(x);
    else if constexpr (has_it && requires { x.rewritten(r); }) return x.rewritten(r);
    else if constexpr (requires { r.at_place(x); }) return r.at_place(x);
    else if constexpr (has_it || (X::operands::size > 0)) return rewrite_gone(x, r);
    else return x;
}

/// Whether the lengths of sequences along axis A are in an expression.
template <class A, class X> constexpr bool has_lengths_along() {
    if constexpr (requires { typename X::batch_of_lengths; }) return std::is_same_v<typename X::batch_of_lengths, A>;
    else return []<class... Y>(axes<Y...>) { return (has_lengths_along<A, Y>() || ...); }(typename X::operands{});
}

}  // namespace detail

/// The same values with axis From called To. Of a tensor: another way to read it, without a copy.
template <axis_type From, axis_type To, node_type X>
auto rename(X&& x) {
    using namespace detail;
    if constexpr (absorbs<X>) return stand_in{};
    else if constexpr (!lists::has<From, names_of<X>>) {
        (void)sizeof(error::rename_axis_is_not_in_the_operand<From, names_of<X>>);
        return stand_in{};
    } else if constexpr (lists::has<To, names_of<X>> && !std::is_same_v<From, To>) {
        (void)sizeof(error::rename_to_an_axis_that_is_there_already<To, names_of<X>>);
        return stand_in{};
    } else if constexpr (From::extent != To::extent && From::extent >= 0 && To::extent >= 0) {
        (void)sizeof(error::rename_to_an_axis_of_another_extent<From::extent, To::extent>);
        return stand_in{};
    } else return rewrite(capture(std::forward<X>(x)), renaming<From, To>{});
}

/// Axis A read as B times C, C the faster. The sizes of the type must fit; a size that only the run knows follows from
/// the other two, or is given: `split<model, head, depth>(x, depth{16})`.
template <axis_type A, axis_type B, axis_type C, node_type X, class... Size>
    requires((std::is_same_v<Size, B> || std::is_same_v<Size, C>) && ...)
auto split(X&& x, Size... sizes) {
    using namespace detail;
    constexpr bool all_known = A::extent >= 0 && B::extent >= 0 && C::extent >= 0;
    if constexpr (absorbs<X>) return stand_in{};
    else if constexpr (!lists::has<A, names_of<X>>) {
        (void)sizeof(error::split_axis_is_not_in_the_operand<A, names_of<X>>);
        return stand_in{};
    } else if constexpr (lists::common<lists::minus<axes<B, C>, axes<A>>, names_of<X>>::size > 0) {
        (void)sizeof(error::split_into_an_axis_that_is_there_already<lists::at<lists::common<axes<B, C>, names_of<X>>, 0>, names_of<X>>);
        return stand_in{};
    } else if constexpr (has_lengths_along<A, captured<X>>()) {
        (void)sizeof(error::split_of_a_batch_whose_lengths_are_in_the_operand<A, names_of<X>>);
        return stand_in{};
    } else if constexpr (all_known && A::extent != B::extent * C::extent) {
        (void)sizeof(error::split_sizes_do_not_multiply_to_the_axis<A, A::extent, B::extent * C::extent>);
        return stand_in{};
    } else if constexpr (B::extent < 0 && C::extent < 0 && sizeof...(Size) == 0) {
        (void)sizeof(error::split_into_axes_without_sizes_needs_a_type_with_sizes<A>);
        return stand_in{};
    } else {
        splitting<A, B, C> r{B::extent, C::extent};
        static_cast<void>(((std::is_same_v<Size, B> ? r.outer = sizes.value : r.inner = sizes.value), ...));
        if (r.inner < 0 && A::extent >= 0 && r.outer > 0) r.inner = A::extent / r.outer;
        return rewrite(capture(std::forward<X>(x)), r);
    }
}

/// Axes B and C read as one axis A, C the faster: what undoes split.
template <axis_type B, axis_type C, axis_type A, node_type X>
auto merge(X&& x) {
    using namespace detail;
    constexpr bool all_known = A::extent >= 0 && B::extent >= 0 && C::extent >= 0;
    using missing = lists::minus<axes<B, C>, names_of<X>>;
    if constexpr (absorbs<X>) return stand_in{};
    else if constexpr (missing::size > 0) {
        (void)sizeof(error::merge_axis_is_not_in_the_operand<lists::at<missing, 0>, names_of<X>>);
        return stand_in{};
    } else if constexpr (lists::has<A, names_of<X>>) {
        (void)sizeof(error::merge_to_an_axis_that_is_there_already<A, names_of<X>>);
        return stand_in{};
    } else if constexpr (all_known && A::extent != B::extent * C::extent) {
        (void)sizeof(error::merge_sizes_do_not_multiply_to_the_axis<A, A::extent, B::extent * C::extent>);
        return stand_in{};
    } else {
        using items = items_of<X>;
        constexpr bool neighbours = lists::has<B, items> && lists::has<C, items> && lists::place<B, items> + 1 == lists::place<C, items>;
        auto node = capture(std::forward<X>(x));
        using node_kind = decltype(node);
        if constexpr (is_tensor<std::remove_cvref_t<X>> && neighbours) {
            using holder = merge_holder<decltype(node.holder), items::size, lists::place<B, items>>;
            return leaf<holder, typename node_kind::element_type, lists::replace<lists::minus<items, axes<C>>, B, axes<A>>>(holder{std::move(node.holder)});
        } else return merging<typename node_kind::element_type, node_kind, B, C, A>(std::move(node));
    }
}

/// The same values along further axes. `=` broadcasts nothing silently but a number.
template <axis_type... A, operand X>
auto broadcast(X&& x) {
    using namespace detail;
    using clash = lists::common<axes<A...>, names_of<X>>;
    if constexpr (absorbs<X>) return stand_in{};
    else if constexpr (clash::size > 0) {
        (void)sizeof(error::broadcast_to_an_axis_that_is_there_already<lists::at<clash, 0>, names_of<X>>);
        return stand_in{};
    } else return broadcasting<element_of<X>, captured<X>, A...>(capture(std::forward<X>(x)));
}

}  // namespace heed::inline HEED_TARGET
