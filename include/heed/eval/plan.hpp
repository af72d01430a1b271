/// From an expression to kernel calls. An executor takes the calls: a backend runs them, `explain` writes them down.
///
/// A statement is one of: a contraction, with what is elementwise around it as its epilogue; attention; a row program,
/// which reduces over the axes of a row and writes elementwise trees of it. What does not fit becomes a temporary.
#pragma once

#include <heed/eval/attention_plan.hpp>
#include <heed/eval/calls.hpp>
#include <heed/eval/operand_memory.hpp>

#include <optional>

namespace heed::inline HEED_TARGET::detail {

template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_node(Exec& exec, const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes, auto add);

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

/// The layout of dense memory over items.
template <class T, class Items, class Names>
strided<T, Items::size> dense_memory(Items, const statement<Names>& sizes) {
    strided<T, Items::size> m;
    sizes.of_items(item_places<Items, Names>, Items::size, m.size);
    index step = 1;
    for (int n = Items::size; n-- > 0; step *= m.size[n]) m.stride[n] = step;
    m.offsets = sizes.offsets;
    m.segments = sizes.segments;
    return m;
}

/// Dense memory for a result of these items, from the executor.
template <class T, class Items, class Exec, class Names>
strided<T, Items::size> temporary_memory(Exec& exec, Items, const statement<Names>& sizes) {
    auto m = dense_memory<T>(Items{}, sizes);
    m.data = exec.template temporary<T>(m.count());
    return m;
}

/// The node's value as a leaf: itself where it is one of these elements, else a temporary.
template <class T, class Exec, class Node, class Names>
auto as_leaf(Exec& exec, const Node& node, const statement<Names>& sizes) {
    if constexpr (is_leaf<Node> && std::is_same_v<typename Node::element_type, T>) return node;
    else {
        using items = typename Node::items;
        const auto memory = temporary_memory<T>(exec, items{}, sizes);
        assign_node(exec, memory, items{}, node, sizes, std::false_type());
        using holder = by_pointer<T, items::size>;
        return leaf<holder, T, items>(holder{memory});
    }
}

/// The element type of a temporary: bf16 is computed in float, what is not decided yet in Weak.
template <class E, class Weak> using held_as = std::conditional_t<std::is_same_v<E, bf16>, float, std::conditional_t<std::is_same_v<E, weak>, Weak, E>>;
/// What `weak` becomes in a statement that stores T.
template <class T, class Node> using weak_in = std::conditional_t<std::is_same_v<T, double> || wide<Node>::value, double, float>;
template <class Weak, class Exec, class Node, class Names>
auto as_temporary(Exec& exec, const Node& node, const statement<Names>& sizes) {
    return as_leaf<held_as<typename Node::element_type, Weak>>(exec, node, sizes);
}

/// Ids in memory, each of them a row of the table.
template <class A, class Exec, class Ids, class Names>
auto checked_ids(Exec& exec, const Ids& ids, index rows, const statement<Names>& sizes) {
    auto held = as_leaf<std::int32_t>(exec, ids, sizes);
    if (exec.runs()) check_ids(held.memory(), rows, axis_name<A>());
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

/// Loops over slots, with their sizes.
template <class Slots, class Names>
lowered::loops make_loops(Slots, int outer, const statement<Names>& sizes) {
    static_assert(Slots::size <= lowered::most_slots, "heed: a statement has at most eight axes");
    return sizes.loops_over(item_places<Slots, Names>, Slots::size, outer);
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
            constexpr bool wide_lanes = std::is_same_v<T, double> || wide<Node>::value;
            constexpr bool by_columns = [] {
                if constexpr (reduces && rest::size > 0) return !runs_along<settled_node, gone>() && runs_along<settled_node, axes<lists::last<rest>>>();
                else return false;
            }();
            constexpr int lane = by_columns ? rest::size - 1 : (slots::size > 0 ? slots::size - 1 : 0);
            exec.template rows<wide_lanes, lowered::row_shape<lane, by_columns, writes_inner, slots::size, reduces ? rest::size : outer>>(l, tree, target);
        }
    }
}

/// The axes of a contraction, sorted by which operands have them.
template <class Call, class XItems, class YItems, class ToItems, class Gone, int RX, int RY, int R, class T>
void sort_axes(Call& call, const strided<const T, RX>& x, XItems, const strided<const T, RY>& y, YItems, const strided<T, R>& to, ToItems, Gone) {
    const auto step = []<class A, class... Items>(const auto& memory, axes<Items...>, axes<A>) -> index {
        if constexpr (lists::has<A, axes<Items...>>) return memory.stride[lists::place<A, axes<Items...>>];
        else return 0;
    };
    [&]<class... A>(axes<A...>) {
        (([&] {
             using one = axes<A>;
             const index n = to.size[lists::place<A, ToItems>];
             axis_set& set = lists::has<A, XItems> && lists::has<A, YItems> ? call.batch : lists::has<A, XItems> ? call.rows : call.columns;
             set.push(n, step(x, XItems{}, one{}), step(y, YItems{}, one{}), step(to, ToItems{}, one{}));
         }()),
         ...);
    }(ToItems{});
    [&]<class... A>(axes<A...>) {
        (([&] {
             if constexpr (lists::inside<typename lists::names_of_item<A>::type, Gone>)
                 call.depth.push(x.size[lists::place<A, XItems>], step(x, XItems{}, axes<A>{}), step(y, YItems{}, axes<A>{}), 0);
         }()),
         ...);
    }(XItems{});
}

/// c = (or +=) sum over the summed axes of x y: one contraction, its operands in memory.
template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_contraction(Exec& exec, const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes, auto add, epilogue<T> finish = {}, const T* bias = nullptr) {
    const auto x = as_leaf<T>(exec, factors<Node>::x(node), sizes);
    const auto y = as_leaf<T>(exec, factors<Node>::y(node), sizes);
    using x_items = typename decltype(x)::items;
    using y_items = typename decltype(y)::items;
    contraction_call<T> call;
    const auto xm = x.memory();
    const auto ym = y.memory();
    call.a = xm.data, call.b = ym.data, call.c = to.data;
    call.accumulate = add;
    call.finish = finish;
    call.bias = bias;
    if constexpr (requires { y.holder.packs; }) call.packs = y.holder.packs;
    sort_axes(call, xm, x_items{}, ym, y_items{}, to, Items{}, typename factors<Node>::gone{});
    exec.contract(call);
}

/// The tree with its contraction replaced by what the contraction came to.
template <class T, class Node, class With>
auto replace_hard(const Node& node, const With& with) {
    if constexpr (is_hard<Node>) return with;
    else if constexpr (count_hard<Node>() == 0) return node;
    else return node.map([&](const auto& x) { return replace_hard<T>(x, with); });
}
/// Numbers that count through some slots, the last the fastest; the rows of a ragged pair count as one.
struct slot_numbers {
    int slot[axis_set::most], count = 0;

    /// The slots of a part; of those of one place, the last alone.
    slot_numbers(const lowered::loops& l, int part) {
        for (int s = 0; s < l.slots; ++s) {
            if (l.part[s] != part || s == l.segment) continue;
            if (count > 0 && l.size[slot[count - 1]] == 1 && slot[count - 1] != l.within) --count;
            slot[count++] = s;
        }
    }
    /// The slot that counts the fastest; any other where there are none.
    int last() const { return count > 0 ? slot[count - 1] : 0; }
    /// The place of a number, and how many places follow it, itself included, before the next outer one.
    index find(const lowered::loops& l, index number, lowered::cursor& c) const {
        if (count == 1 && slot[0] != l.within) {
            c.at[slot[0]] = number;
            return l.size[slot[0]] - number;
        }
        return find_among(l, number, c);
    }

private:
    [[gnu::noinline]] index find_among(const lowered::loops& l, index number, lowered::cursor& c) const {
        index run = 1;
        for (int i = count; i-- > 0;) {
            const int s = slot[i];
            const index size = s == l.within ? l.offsets[l.segments()] : l.size[s], here = number % size;
            number /= size;
            if (s == l.within) {
                lowered::find_row(l, here, c);
                if (i == count - 1) run = l.length(c.at[l.segment]) - c.at[s];
            } else {
                c.at[s] = here;
                if (i == count - 1) run = size - here;
            }
        }
        return run;
    }
};

/// What of a tree is added to a contraction in all rows alike: a bias, with which its sums can begin.
template <class Tree> struct bias_in { static constexpr unsigned slots = ~0u; };
template <class T, unsigned S> struct bias_in<lowered::binary<operations::add, lowered::kind::floating, lowered::accumulated<T>, lowered::leaf<T, S>>> {
    static constexpr unsigned slots = S;
    static const auto& of(const auto& tree) { return tree.right; }
};
template <class T, unsigned S> struct bias_in<lowered::binary<operations::add, lowered::kind::floating, lowered::leaf<T, S>, lowered::accumulated<T>>> {
    static constexpr unsigned slots = S;
    static const auto& of(const auto& tree) { return tree.left; }
};

/// A contraction with an elementwise tree around it, as its epilogue: on each finished tile, while that is in the cache.
template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_fused(Exec& exec, const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes) {
    const auto& hard = find_hard(node);
    using hard_node = std::remove_cvref_t<decltype(hard)>;
    using x_items = typename std::remove_cvref_t<decltype(factors<hard_node>::x(hard))>::items;
    using y_items = typename std::remove_cvref_t<decltype(factors<hard_node>::y(hard))>::items;
    using slots = lists::names<Items>;
    using columns = lists::names<lists::minus<Items, x_items>>;
    // Rows and columns as the contraction counts them; the backend may swap the operands, never the numbering.
    const auto inner = replace_hard<T>(node, contracted<T, typename hard_node::items>{});
    const auto tree = lower<slots, 0>(inner, sizes);
    constexpr int lane = lists::place<lists::last<columns>, slots>;
    lowered::loops l = make_loops(slots{}, slots::size, sizes);
    [&]<class... A>(axes<A...>) {
        ((l.part[lists::place<A, slots>] = lists::has<A, columns> ? 2 : lists::has<A, lists::names<y_items>> ? 0 : 1), ...);
    }(slots{});
    lowered::walk walks[decltype(tree)::walk_count + 1] = {}, *last = walks;
    tree.walks(last);
    lowered::simplify(l, walks, last);
    struct context {
        decltype(tree) low;
        lowered::loops l;
        slot_numbers batch, rows, columns;
        bool dense;
    } state{tree, l, {l, 0}, {l, 1}, {l, 2}, lowered::dense_along(lane, walks, last)};
    using bias = bias_in<std::remove_const_t<decltype(tree)>>;
    if constexpr ((bias::slots & ~slot_mask<slots, columns>) == 0)
        if (state.columns.count == 1 && bias::of(tree).stride[lane] == 1) return assign_contraction(exec, to, Items{}, hard, sizes, std::false_type(), {}, bias::of(tree).base);
    epilogue<T> finish;
    finish.context = &state;
    finish.apply = [](const void* from, index batch, index row, index column, index rows, index columns_here, T* tile, index tile_stride) {
        const context& c = *static_cast<const context*>(from);
        auto low = c.low;
        lowered::cursor place;
        c.batch.find(c.l, batch, place);
        for (index r = 0; r < rows; ++r, tile += tile_stride) {
            c.rows.find(c.l, row + r, place);
            for (index done = 0; done < columns_here;) {
                const index run = std::min(c.columns.find(c.l, column + done, place), columns_here - done);
                low.template seek<lane>(place.at, place.row);
                Exec::template finish_row<lane>(low, tile + done, place.at[lane], run, c.dense, c.rows.last(), rows);
                done += run;
            }
        }
    };
    assign_contraction(exec, to, Items{}, hard, sizes, std::false_type(), finish);
}

template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_node(Exec& exec, const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes, auto add) {
    using E = typename Node::element_type;
    constexpr bool same_element = std::is_same_v<held_as<E, T>, T>;
    constexpr bool floats = std::is_same_v<T, float> || std::is_same_v<T, double>;
    if constexpr (is_broadcasting<Node>) return assign_node(exec, to, Items{}, node.x, sizes, add);
    else if constexpr (is_merging<Node>) return assign_merged(exec, to, Items{}, node, sizes, add);
    else if constexpr (is_attention<Node> && same_element && floats) return assign_attention(exec, to, Items{}, node, sizes, add);
    else if constexpr (is_hard<Node> && !factors<Node>::value) return assign_node(exec, to, Items{}, sum_of_product(node), sizes, add);
    else if constexpr (is_hard<Node>) {
        if constexpr (same_element && floats && lists::same<Items, typename contractible_items<Node>::type>) return assign_contraction(exec, to, Items{}, node, sizes, add);
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
        if constexpr (same_element && floats && factors<hard>::value && !is_attention<hard> && std::is_same_v<held_as<typename hard::element_type, T>, T>) {
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
