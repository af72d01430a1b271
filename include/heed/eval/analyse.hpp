/// What an expression's type tells of how it can run.
#pragma once

#include <heed/eval/lower.hpp>

namespace heed::inline HEED_TARGET::detail {

template <class X> inline constexpr bool is_contraction = false;
template <class T, class X, class Y, class G> inline constexpr bool is_contraction<contraction<T, X, Y, G>> = true;
template <class X> inline constexpr bool is_gather = false;
template <class T, class X, class Y, class A> inline constexpr bool is_gather<gathered<T, X, Y, A>> = true;
template <class X> inline constexpr bool is_merging = false;
template <class T, class X, class B, class C, class A> inline constexpr bool is_merging<merging<T, X, B, C, A>> = true;
template <class X> inline constexpr bool is_broadcasting = false;
template <class T, class X, class... A> inline constexpr bool is_broadcasting<broadcasting<T, X, A...>> = true;
template <class X> inline constexpr bool is_sum = false;
template <class X> inline constexpr bool is_product = false;
template <class T, class L, class R> inline constexpr bool is_product<binary<operations::multiply, T, L, R>> = true;
template <class T, class X, class G> inline constexpr bool is_sum<reduction<operations::sum, T, X, G>> = true;
template <class X> inline constexpr bool is_row_operation = false;           // what a row program computes before it writes
template <class Op, class T, class X, class G> inline constexpr bool is_row_operation<reduction<Op, T, X, G>> = true;
template <class T, class X, class G> inline constexpr bool is_row_operation<log_sum<T, X, G>> = true;
template <bool L, class T, class X, class G> inline constexpr bool is_row_operation<soft<L, T, X, G>> = true;

/// What a row operation reduces over, in the order of its operand.
template <class X> struct gone_by { using type = axes<>; };
template <class Op, class T, class X, class G> struct gone_by<reduction<Op, T, X, G>> { using type = lists::common<typename X::names, G>; };
template <class T, class X, class G> struct gone_by<log_sum<T, X, G>> { using type = lists::common<typename X::names, G>; };
template <bool L, class T, class X, class G> struct gone_by<soft<L, T, X, G>> { using type = lists::common<typename X::names, G>; };

/// Every item of X is summed whole, stays whole in the result, or is not there: then a contraction can step through it.
template <class Items, class Gone, class Result> inline constexpr bool whole_items = true;
template <class... A, class Gone, class Result> inline constexpr bool whole_items<axes<A...>, Gone, Result> =
    ((is_ragged<A> ? lists::has<A, Result> || lists::inside<typename lists::names_of_item<A>::type, Gone> : lists::has<A, Result> || lists::has<A, Gone>) && ...);

/// A sum of products is a contraction where both operands have the summed axes and each has axes of its own beside them.
template <class X, class Y, class Gone>
struct contractible {
    using x = typename X::names;
    using y = typename Y::names;
    using result = lists::extend<lists::without<typename X::items, Gone>, lists::without<typename Y::items, Gone>>;
    static constexpr bool floats = is_floating<typename X::element_type> || is_floating<typename Y::element_type>;
    static constexpr bool value = floats && lists::inside<Gone, x> && lists::inside<Gone, y> && lists::minus<x, y>::size > 0 && lists::minus<y, x>::size > 0 &&
                                  whole_items<typename X::items, Gone, result> && whole_items<typename Y::items, Gone, result>;
};

/// The two factors and summed axes of what is a contraction by its form: a dot, or the sum of a product.
template <class Node> struct factors { static constexpr bool value = false; };
template <class T, class X, class Y, class G> struct factors<contraction<T, X, Y, G>> {
    static constexpr bool value = contractible<X, Y, G>::value;
    using gone = G;
    static const auto& node(const contraction<T, X, Y, G>& e) { return e; }
    static const X& x(const contraction<T, X, Y, G>& e) { return e.x; }
    static const Y& y(const contraction<T, X, Y, G>& e) { return e.y; }
};
template <class T, class U, class X, class Y, class G> struct factors<reduction<operations::sum, T, binary<operations::multiply, U, X, Y>, G>> {
    using node_type = reduction<operations::sum, T, binary<operations::multiply, U, X, Y>, G>;
    static constexpr bool value = contractible<X, Y, G>::value;
    using gone = G;
    static const X& x(const node_type& e) { return e.x.left; }
    static const Y& y(const node_type& e) { return e.x.right; }
};

/// Whether an operation has a kernel of its own: what an elementwise tree around it cannot compute.
template <class Node> inline constexpr bool is_hard = factors<Node>::value || is_contraction<Node>;

/// The operands that an elementwise tree goes on in.
template <class Node> using elementwise_operands =
    std::conditional_t<is_row_operation<Node> || is_contraction<Node> || is_gather<Node> || is_merging<Node>, axes<>, typename Node::operands>;

/// How many operations with kernels of their own an elementwise tree has.
template <class Node> constexpr int count_hard();
template <class... X> constexpr int count_hard_of(axes<X...>) { return (0 + ... + count_hard<X>()); }
template <class Node> constexpr int count_hard() {
    if constexpr (is_hard<Node>) return 1;
    else return count_hard_of(elementwise_operands<Node>{});
}

/// The one operation with a kernel of its own in an elementwise tree.
template <class Node>
const auto& find_hard(const Node& node) {
    if constexpr (is_hard<Node>) return node;
    else if constexpr (requires { node.condition; }) {
        if constexpr (count_hard<decltype(node.condition)>() > 0) return find_hard(node.condition);
        else if constexpr (count_hard<std::remove_cvref_t<decltype(node.yes)>>() > 0) return find_hard(node.yes);
        else return find_hard(node.no);
    } else if constexpr (requires { node.left; }) {
        if constexpr (count_hard<std::remove_cvref_t<decltype(node.left)>>() > 0) return find_hard(node.left);
        else return find_hard(node.right);
    } else return find_hard(node.x);
}

/// Whether anything but elementwise operations and a contraction is in the tree.
template <class Node> constexpr bool only_elementwise();
template <class... X> constexpr bool only_elementwise_of(axes<X...>) { return (only_elementwise<X>() && ...); }
template <class Node> constexpr bool only_elementwise() {
    if constexpr (is_hard<Node>) return true;
    else if constexpr (is_row_operation<Node> || is_gather<Node> || is_merging<Node>) return false;
    else return only_elementwise_of(elementwise_operands<Node>{});
}

/// The axes of the first row operation in a tree: what a row program reduces over.
template <class Node> struct row_axes;
template <class List> struct first_row_axes { using type = axes<>; };
template <class X, class... Rest> struct first_row_axes<axes<X, Rest...>> {
    using here = typename row_axes<X>::type;
    using type = typename std::conditional_t<(here::size > 0), row_axes<X>, first_row_axes<axes<Rest...>>>::type;
};
template <class Node> struct row_axes {
    using type = typename std::conditional_t<is_hard<Node>, first_row_axes<axes<>>,
                                             std::conditional_t<is_row_operation<Node>, gone_by<Node>, first_row_axes<elementwise_operands<Node>>>>::type;
};

/// The operands whose memory a row program walks along.
template <class Node> struct walked_by { using type = std::conditional_t<is_contraction<Node> || is_merging<Node>, axes<>, typename Node::operands>; };
template <class T, class X, class Y, class A> struct walked_by<gathered<T, X, Y, A>> { using type = axes<X>; };

/// How many axes the largest leaf has.
template <class Node> constexpr int largest_leaf() {
    if constexpr (is_leaf<Node>) return Node::names::size;
    else return []<class... X>(axes<X...>) {
        int most = 0;
        ((most = largest_leaf<X>() > most ? largest_leaf<X>() : most), ...);
        return most;
    }(typename walked_by<Node>::type{});
}
/// Whether the memory of a leaf of Size axes runs along one of Names.
template <class Node, class Names, int Size = largest_leaf<Node>()> constexpr bool runs_along() {
    if constexpr (is_leaf<Node>) {
        if constexpr (Node::names::size > 0 && Node::names::size == Size) return lists::has<lists::last<typename Node::names>, Names>;
        else return false;
    } else return []<class... X>(axes<X...>) { return (runs_along<X, Names, Size>() || ...); }(typename walked_by<Node>::type{});
}

/// Stands in an epilogue for the value of the contraction.
template <class T, class Items>
struct contracted : computed<contracted<T, Items>, T, Items> {};
template <class Slots, int First, class N, class T, class I> auto lower_node(const contracted<T, I>&, const statement<N>&) { return lowered::accumulated<T>{}; }

/// Whether a tree reads memory.
template <class Node>
constexpr bool reads_memory() {
    if constexpr (requires(const Node& e) { e.holder; } || is_hard<Node> || is_gather<Node> || is_merging<Node> || is_row_operation<Node>) return true;
    else return []<class... X>(axes<X...>) { return (reads_memory<X>() || ...); }(elementwise_operands<Node>{});
}

/// Whether an operation reads its operands elsewhere than it writes.
template <class Node> inline constexpr bool reads_elsewhere = is_hard<Node> || is_gather<Node> || is_merging<Node>;

}  // namespace heed::inline HEED_TARGET::detail
