/// From an expression to kernel calls. An executor takes the calls: a backend runs them, `explain` writes them down.
///
/// A statement is one of: a contraction, with what is elementwise around it as its epilogue; attention; a row program,
/// which reduces over the axes of a row and writes elementwise trees of it. What does not fit becomes a temporary.
#pragma once

#include <heed/eval/attention_plan.hpp>
#include <heed/eval/contraction_plan.hpp>
#include <heed/eval/operand_memory.hpp>

namespace heed::inline HEED_TARGET::detail {

template <class T, int R> struct by_pointer_to {
    strided<T, R> source;
    const strided<T, R>& memory() const { return source; }
};

template <class Node> inline constexpr bool is_sum_of_two = false;
template <class T, class L, class R> inline constexpr bool is_sum_of_two<binary<operations::add, T, L, R>> = true;

template <class Node> struct contractible_items { using type = void; };
template <class T, class X, class Y, class G> struct contractible_items<contraction<T, X, Y, G>> { using type = typename contractible<X, Y, G>::result; };
template <class T, class U, class X, class Y, class G> struct contractible_items<reduction<operations::sum, T, binary<operations::multiply, U, X, Y>, G>> {
    using type = typename contractible<X, Y, G>::result;
};

template <class Node> struct axis_of_gather;
template <class T, class Table, class Ids, class A> struct axis_of_gather<gathered<T, Table, Ids, A>> { using type = A; };
template <class Node> using gather_axis = typename axis_of_gather<Node>::type;

/// destination + node, in the places of the destination.
template <class T, int R, class Items, class Node>
auto plus_destination(const strided<T, R>& to, Items, const Node& node) {
    using self = leaf<by_pointer<T, R>, T, Items>;
    return binary<operations::add, T, self, Node>(self(by_pointer<T, R>{to}), node);
}

/// Every id is a row of the table.
template <int R>
void check_ids(const strided<const std::int32_t, R>& ids, index rows, std::string_view name) {
    for (index i = 0, n = ids.count(); i < n; ++i) {
        index at = 0;
        for (index d = R, rest = i; d-- > 0; rest /= ids.size[d]) at += rest % ids.size[d] * ids.stride[d];
        if (ids.data[at] < 0 || ids.data[at] >= rows) throw_id_outside(name, ids.data[at], rows);
    }
}

/// Ids in memory, each of them a row of the table.
template <class A, class Exec, class Ids, class Names>
auto checked_ids(Exec& exec, const Ids& ids, index rows, const statement<Names>& sizes) {
    auto held = as_leaf<in_space_of<std::int32_t, typename Ids::element_type>>(exec, ids, sizes);
    if constexpr (Exec::runs()) exec.check_ids(held.memory(), rows, axis_name<A>());
    return held;
}

/// Whether a row program over Gone computes a tree as it is.
template <class Gone, class Rest, class Node> constexpr bool is_settled();
template <class Gone, class Rest, class... X> constexpr bool are_settled(axes<X...>) { return (is_settled<Gone, Rest, X>() && ...); }
template <class Gone, class Rest, class Node> constexpr bool is_settled() {
    if constexpr (reads_elsewhere<Node>) return false;
    else if constexpr (is_row_operation<Node>) {
        using own = typename gone_by<Node>::type;
        return lists::same<own, Gone> && lists::same<lists::minus<typename lists::at<typename Node::operands, 0>::names, Gone>, Rest> && are_settled<Gone, Rest>(typename Node::operands{});
    } else return are_settled<Gone, Rest>(typename Node::operands{});
}

/// The tree with every operation that a row program over Gone cannot compute replaced by a temporary. Rest: the row's own axes;
/// Weak: what a floating type that is not decided yet becomes.
template <class Gone, class Rest, class Weak, class Exec, class Node, class Names>
auto settle(Exec& exec, const Node& node, const statement<Names>& sizes) {
    const auto inside = [&](const auto& x) { return settle<Gone, Rest, Weak>(exec, x, sizes); };
    if constexpr (is_settled<Gone, Rest, Node>()) return node;
    else if constexpr (is_hard<Node> && !(is_contraction<Node> && !factors<Node>::value)) return as_temporary<Weak>(exec, node, sizes);
    else if constexpr (is_contraction<Node>) return settle<Gone, Rest, Weak>(exec, sum_of_product(node), sizes);
    else if constexpr (is_broadcasting<Node>) return settle<Gone, Rest, Weak>(exec, node.x, sizes);
    else if constexpr (is_row_operation<Node>) {
        using own = typename gone_by<Node>::type;
        if constexpr (lists::same<own, Gone> && lists::same<lists::minus<typename decltype(node.x)::names, Gone>, Rest>) return node.map(inside);
        else return as_temporary<Weak>(exec, node, sizes);
    } else if constexpr (is_gather<Node>) {
        const auto table = [&] {
            if constexpr (is_leaf<std::remove_cvref_t<decltype(node.table)>>) return node.table;
            else return as_temporary<Weak>(exec, node.table, sizes);
        }();
        const index rows = table.memory().size[lists::place<gather_axis<Node>, typename std::remove_cvref_t<decltype(table)>::items>];
        const auto with = [&](auto ids) { return gathered<typename Node::element_type, std::remove_cvref_t<decltype(table)>, decltype(ids), gather_axis<Node>>(table, std::move(ids)); };
        if constexpr (reads_memory<std::remove_cvref_t<decltype(node.ids)>>()) return with(checked_ids<gather_axis<Node>>(exec, node.ids, rows, sizes));
        else return with(node.ids);                 // positions alone: they are checked where the tree is lowered
    } else if constexpr (is_merging<Node>) return as_temporary<Weak>(exec, node, sizes);
    else return node.map(inside);
}

/// dot<A>(x, y) without a kernel of its own: the sum over A of x * y.
template <class T, class X, class Y, class... A>
auto sum_of_product(const contraction<T, X, Y, axes<A...>>& e) {
    using product = binary<operations::multiply, T, X, Y>;
    return reduction<operations::sum, T, product, axes<A...>>(product(e.x, e.y));
}

/// A row program, or an elementwise tree: the general case.
template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_rows(Exec& exec, const strided<T, R>& to, Items, const Node& whole, const statement<Names>& sizes) {
    using own = lists::names<Items>;
    using gone = typename row_axes<Node>::type;
    using rest = lists::minus<own, gone>;
    using slots = lists::join<rest, gone>;
    using weak_as = weak_in<T, Node>;
    constexpr bool reduces = gone::size > 0, writes_inner = !reduces || lists::inside<gone, own>;
    if constexpr (reduces && !lists::inside<gone, own> && lists::common<gone, own>::size > 0) {
        // Some of what is reduced over is in the result and some not: the reductions come first.
        const auto node = settle<axes<>, axes<>, weak_as>(exec, whole, sizes);
        assign_rows(exec, to, Items{}, node, sizes);
    } else {
        const auto node = settle<gone, rest, weak_as>(exec, whole, sizes);
        using settled_node = std::remove_cvref_t<decltype(node)>;
        // Every reduction was of something smaller than the row: what is left is elementwise.
        if constexpr (reduces && row_axes<settled_node>::type::size == 0) assign_rows(exec, to, Items{}, node, sizes);
        else {
            auto tree = lower<slots, 0>(node, sizes);
            lowered::target<T> target;
            target.base = to.data;
            place_strides<slots>(target, to, Items{});
            constexpr int outer = reduces ? rest::size : (slots::size > 0 ? slots::size - 1 : 0);
            lowered::loops l = make_loops(slots{}, outer, sizes);
            l.reduces = reduces;
            for (int s = outer; reduces && s < l.slots; ++s) l.part[s] = 1;
            constexpr bool wide_lanes = std::is_same_v<value_of<T>, double> || wide<Node>::value;
            constexpr bool by_columns = [] {
                if constexpr (reduces && rest::size > 0) return !runs_along<settled_node, gone>() && runs_along<settled_node, axes<lists::last<rest>>>();
                else return false;
            }();
            constexpr int lane = by_columns ? rest::size - 1 : (slots::size > 0 ? slots::size - 1 : 0);
            exec.template rows<wide_lanes, lowered::row_shape<lane, by_columns, writes_inner, slots::size, reduces ? rest::size : outer>>(l, tree, target);
        }
    }
}

template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_node(Exec& exec, const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes, auto add) {
    using E = typename Node::element_type;
    constexpr bool same_element = std::is_same_v<held_as<E, T>, T>;
    constexpr bool multiplies = Exec::template multiplies<T> && (same_element || std::is_same_v<E, T>);
    if constexpr (is_broadcasting<Node>) return assign_node(exec, to, Items{}, node.x, sizes, add);
    else if constexpr (is_merging<Node>) return assign_merged(exec, to, Items{}, node, sizes, add);
    else if constexpr (is_attention<Node> && multiplies) return assign_attention(exec, to, Items{}, node, sizes, add);
    else if constexpr (is_hard<Node> && !factors<Node>::value) return assign_node(exec, to, Items{}, sum_of_product(node), sizes, add);
    else if constexpr (is_hard<Node>) {
        if constexpr (multiplies && lists::same<Items, typename contractible_items<Node>::type>) assign_contraction(exec, to, Items{}, node, sizes, add);
        else return assign_through(exec, to, Items{}, node, sizes, add);
    } else if constexpr (only_elementwise<Node>() && count_hard<Node>() > 1 && is_sum_of_two<Node>) {
        if constexpr (count_hard<decltype(node.left)>() > 0 && count_hard<decltype(node.right)>() > 0 && lists::same<typename decltype(node.left)::names, lists::names<Items>> &&
                      lists::same<typename decltype(node.right)::names, lists::names<Items>> && same_element) {
            assign_node(exec, to, Items{}, node.left, sizes, add);
            return assign_node(exec, to, Items{}, node.right, sizes, std::true_type());
        } else if constexpr (count_hard<decltype(node.right)>() == 0 && is_sum_of_two<decltype(node.left)>) {
            // (a + b) + c, a and b contractions: c goes into the epilogue of a.
            const auto first = binary<operations::add, E, decltype(node.left.left), decltype(node.right)>(node.left.left, node.right);
            const auto sum = binary<operations::add, E, std::remove_cvref_t<decltype(first)>, decltype(node.left.right)>(first, node.left.right);
            return assign_node(exec, to, Items{}, sum, sizes, add);
        } else return assign_general(exec, to, Items{}, node, sizes, add);
    } else if constexpr (only_elementwise<Node>() && count_hard<Node>() == 1) {
        using hard = std::remove_cvref_t<decltype(find_hard(node))>;
        using sums = typename hard::element_type;
        if constexpr (multiplies && factors<hard>::value && !is_attention<hard> && (std::is_same_v<sums, T> || std::is_same_v<held_as<sums, T>, T>)) {
            if constexpr (lists::same<Items, typename contractible_items<hard>::type>) {
                if constexpr (decltype(add)::value) return assign_through(exec, to, Items{}, node, sizes, add);
                else return assign_fused(exec, to, Items{}, node, sizes);
            } else return assign_general(exec, to, Items{}, node, sizes, add);
        } else return assign_general(exec, to, Items{}, node, sizes, add);
    } else return assign_general(exec, to, Items{}, node, sizes, add);
}

/// Through memory of the node's own element type and order.
template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_through(Exec& exec, const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes, auto add) {
    assign_general(exec, to, Items{}, as_temporary<weak_in<T, Node>>(exec, node, sizes), sizes, add);
}

template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_general(Exec& exec, const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes, auto add) {
    if constexpr (decltype(add)::value) assign_rows(exec, to, Items{}, plus_destination(to, Items{}, node), sizes);
    else assign_rows(exec, to, Items{}, node, sizes);
}

/// A merged axis is written by the two that it is made of.
template <class Exec, class T, int R, class Items, class U, class X, class B, class C, class A, class Names>
void assign_merged(Exec& exec, const strided<T, R>& to, Items, const merging<U, X, B, C, A>& node, const statement<Names>& sizes, auto add) {
    using both = lists::replace<Items, A, axes<B, C>>;
    const split_holder<by_pointer_to<T, R>, R, lists::place<A, Items>> halves{{to}, sizes.template of<B>(), sizes.template of<C>()};
    assign_node(exec, halves.memory(), both{}, node.x, sizes, add);
}

}  // namespace heed::inline HEED_TARGET::detail
