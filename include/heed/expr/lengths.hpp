/// How long axes are: `extent_of<A>(x)` as a number, `lengths<A>(x)` as an expression, for ragged axes too.
#pragma once

#include <heed/tensor.hpp>

namespace heed::inline HEED_TARGET {

namespace detail {

/// The lengths of the sequences of a ragged operand, along its batch axis A.
template <class Holder, class A>
struct lengths_node : computed<lengths_node<Holder, A>, std::int32_t, axes<A>> {
    Holder holder;
    using batch_of_lengths = A;
    explicit lengths_node(Holder h) : holder(std::move(h)) {}
    /// With A renamed; split refuses it.
    template <class R> auto rewritten(const R&) const { return lengths_node<Holder, lists::at<typename R::template list<axes<A>>, 0>>(holder); }
    template <class Statement> void take_gathered(Statement& s) const { s.template take<A>(holder.memory().segments); }
};

template <class A, class Items> struct ragged_with { using type = void; };
template <class A, class B, class... Rest> struct ragged_with<A, axes<B, Rest...>> : ragged_with<A, axes<Rest...>> {};
template <class Outer, class Inner, class... Rest, class A> requires(std::is_same_v<A, Inner>)
struct ragged_with<A, axes<ragged<Outer, Inner>, Rest...>> { using type = ragged<Outer, Inner>; };

}  // namespace detail

/// The size of axis A of a tensor or view; of a ragged pair, the batch's.
template <axis_type A, node_type X>
std::ptrdiff_t extent_of(const X& x) {
    using namespace detail;
    using items = typename X::items;
    if constexpr (std::is_same_v<typename X::element_type, absorbed>) return 0;
    else if constexpr (!lists::has<A, typename X::names>) {
        (void)sizeof(error::extent_of_an_axis_that_is_not_in_the_operand<A, typename X::names>);
        return 0;
    } else if constexpr (lists::has<A, items>) {
        if constexpr (A::extent >= 0) return A::extent;
        else return x.memory().size[lists::place<A, items>];
    } else {
        static_assert(std::is_void_v<typename ragged_with<A, items>::type>, "heed: a ragged axis has no one extent; lengths<A>(x) has one for each sequence");
        return x.memory().segments;
    }
}

/// How many places axis A of x has: a number, or for the inner axis of a ragged pair one for each sequence of the batch.
template <axis_type A, node_type X>
auto lengths(X&& x) {
    using namespace detail;
    if constexpr (absorbs<X>) return stand_in{};
    else {
        using pair = typename ragged_with<A, items_of<X>>::type;
        if constexpr (std::is_void_v<pair>) return number<std::int32_t>(static_cast<double>(extent_of<A>(x)));
        else {
            auto held = capture(std::forward<X>(x)).holder;
            return lengths_node<decltype(held), typename pair::outer>(std::move(held));
        }
    }
}

}  // namespace heed::inline HEED_TARGET
