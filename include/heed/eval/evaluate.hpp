/// Assignment: the checks of names and sizes, what may be read while it is written, and the executor that runs the plan.
#pragma once

#include <heed/eval/plan.hpp>

namespace heed::inline HEED_TARGET {

/// The backend of a space. It is defined by the header of that space: heed/heed.hpp for the host.
template <class Space>
struct backend_of;

namespace detail {

/// Runs a plan on a backend.
template <class Backend>
class executor : public Backend::temporaries {
public:
    static constexpr bool runs() { return true; }
    static constexpr bool finishes_tiles = Backend::finishes_tiles;
    static constexpr int padded_depth(index depth) requires requires { Backend::padded_depth(depth); } { return Backend::padded_depth(depth); }
    template <bool Wide, class Shape, class Tree, class T>
    void rows(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target) {
        Backend::template rows<Wide, Shape>(l, tree, target);
    }
    static void check_ids(const auto& ids, index rows, std::string_view name) {
        if constexpr (requires { Backend::check_ids(ids, rows, name); }) Backend::check_ids(ids, rows, name);
        else detail::check_ids(ids, rows, name);
    }
    template <class T> static constexpr bool multiplies = Backend::template multiplies<T>;
    template <class T, class Tree> static constexpr bool finishes_products = Backend::template finishes_products<T, Tree>;
    template <class T, class Factor> void contract(const contraction_call<T, Factor>& call) { Backend::contract(call); }
    template <class T, class Factor> bool contract(const contraction_call<T, Factor>& call, const product_finish<T>& finish) { return Backend::contract(call, finish); }
    template <class Slots, class T, class Tree, class Mask> void attend(const attention_call<T>& call, const Tree& tree, const Mask& mask) {
        Backend::template attend<Slots>(call, tree, mask);
    }
    template <class Slots, class T, class Tree, class Mask> void attend_backward(const attention_call<T>& call, const Tree& tree, const Mask& mask) {
        Backend::template attend_backward<Slots>(call, tree, mask);
    }
    template <int Lane, class Tree, class T> static void finish_row(const Tree& tree, T* row, index column, index columns, bool dense, int slot, index ahead) {
        Backend::template finish_row<Lane>(tree, row, column, columns, dense, slot, ahead);
    }
};

// Defined below.
template <class Backend, class T, class... Items, class Node>
void assign_tensor(tensor<T, Items...>& to, const Node& node, destination state = destination::as_it_is);

/// Whether elements of type From can be put where To are kept without as<To>.
template <class From, class To>
inline constexpr bool assignable = std::is_same_v<value_of<From>, value_of<To>> || (std::is_same_v<value_of<From>, weak> && is_floating<To>) || (is_integer<From> && is_floating<To>);

/// What keeps a node from being assigned to elements T over Items: 0 nothing, 1 and 2 the axes, 3 the element type.
template <class Items, class T, class Node>
inline constexpr int assignment_fault = lists::minus<typename Node::names, lists::names<Items>>::size > 0 ? 1
    : lists::minus<lists::names<Items>, typename Node::names>::size > 0 && Node::names::size + mentioned_by<Node>::size > 0 ? 2
    : !assignable<typename Node::element_type, T> ? 3 : 0;

template <class Items, class T, class Node>
void report_assignment() {
    using own = lists::names<Items>;
    if constexpr (assignment_fault<Items, T, Node> == 1)
        (void)sizeof(error::destination_lacks_an_axis_of_the_result<lists::at<lists::minus<typename Node::names, own>, 0>, own>);
    else if constexpr (assignment_fault<Items, T, Node> == 2)
        (void)sizeof(error::result_lacks_an_axis_of_the_destination_use_broadcast<lists::at<lists::minus<own, typename Node::names>, 0>, typename Node::names>);
    else (void)sizeof(error::destination_has_another_element_type_than_the_result_use_as<T, typename Node::element_type>);
}

template <class T, class Node> inline constexpr bool passes_on = std::is_same_v<typename Node::element_type, absorbed> || std::is_same_v<T, absorbed>;

template <class Items, class Node> using statement_names = lists::unite<lists::names<Items>, mentioned_by<Node>>;

/// Runs a statement whose sizes are known. What of the destination is read elsewhere than it is written, or has other sizes
/// than it will have (`fits` is false), must stay until it has been read: there it goes through a temporary. `written` gives
/// the destination in its new sizes.
template <class Backend, class T, int R, class Items, class Node, class Names>
void run_statement(const strided<T, R>& now, bool fits, Items, const Node& node, const operands_in_memory<Node, Names>& reads, const statement<Names>& sizes, auto add, auto&& written) {
    check_memory(now.data);
    executor<Backend> exec;
    const sharing read = reads.shared_by({now, item_places<Items, Names>});
    // A contraction writes its sums to the destination before what is around it reads anything.
    if (read == sharing::otherwise || (read == sharing::in_place && (count_hard<Node>() > 0 || !fits))) {
        const auto aside = temporary_memory<T>(exec, Items{}, sizes);
        if (aside.count() > 0) assign_node(exec, aside, Items{}, node, sizes, update::set);
        using held = leaf<by_pointer<T, R>, T, Items>;
        const strided<T, R> to = written();
        if (to.count() > 0) assign_node(exec, to, Items{}, held(by_pointer<T, R>{aside}), sizes, add);
    } else if (const strided<T, R> to = written(); to.count() > 0) assign_node(exec, to, Items{}, node, sizes, add);
}

/// Whether an expression is computed in another space than that of elements T.
template <class T, class Node>
inline constexpr bool crosses = !std::is_void_v<typename space_within<Node>::type> && !std::is_same_v<typename space_within<Node>::type, space_of<T>>;

/// tensor = expression of another space: evaluated there, then copied as it lies.
template <class T, class... Items, class Node>
void assign_across(tensor<T, Items...>& to, const Node& node) {
    using there = in_space_of<value_of<T>, typename element_within<Node>::type>;
    if constexpr (is_leaf<Node> && std::is_same_v<typename Node::element_type, there> && std::is_same_v<typename Node::items, axes<Items...>>) {
        const auto from = node.memory();
        if (is_dense(from)) {
            to.resize(from.size, from.offsets, from.segments);
            const std::size_t bytes = sizeof(T) * static_cast<std::size_t>(from.count());
            if (bytes == 0) return;
            if constexpr (is_on_host<T>) memory_of<space_of<there>>::to_host(to.data(), from.data, bytes);
            else memory_of<space_of<T>>::from_host(to.data(), from.data, bytes);
            return;
        }
    }
    tensor<there, Items...> aside;
    assign_tensor<backend_of<space_of<there>>>(aside, node, destination::just_made);
    assign_across(to, leaf<by_reference<tensor<there, Items...>>, there, axes<Items...>>({&aside}));
}

/// Into memory that is there.
template <class Backend, class T, class Items, class Node, class How>
void assign_on(strided<T, Items::size> to, Items, const Node& node, How how) {
    if constexpr (passes_on<T, Node>) return;
    else if constexpr (assignment_fault<Items, T, Node> != 0) report_assignment<Items, T, Node>();
    else if constexpr (crosses<T, Node>) {
        typename tensor_type<T, Items>::type here;
        assign_across(here, node);
        assign_on<Backend>(to, Items{}, capture(here), how);
    } else {
        using names = statement_names<Items, Node>;
        const operands_in_memory<Node, names> reads(node);
        statement<names> sizes;
        reads.give_sizes(node, sizes);
        sizes.take_memory(to, Items{});
        run_statement<Backend>(to, true, Items{}, node, reads, sizes, how, [&] { return to; });
    }
}

template <class T, class Items, class Node, class How>
void assign_into(strided<T, Items::size> to, Items, const Node& node, How how) {
    assign_on<backend_of<space_of<T>>>(to, Items{}, node, how);
}

/// What `tensor = expression` does on a backend: sizes from the expression, then from the tensor.
template <class Backend, class T, class... Items, class Node>
void assign_tensor(tensor<T, Items...>& to, const Node& node, destination state) {
    using items = axes<Items...>;
    if constexpr (passes_on<T, Node>) return;
    else if constexpr (assignment_fault<items, T, Node> != 0) report_assignment<items, T, Node>();
    else if constexpr (crosses<T, Node>) assign_across(to, node);
    else {
        using names = statement_names<items, Node>;
        const operands_in_memory<Node, names> reads(node);
        statement<names> sizes;
        reads.give_sizes(node, sizes);
        // What the expression does not say, the tensor does.
        if (state == destination::just_made)
            (static_cast<void>(sizes.template of<lists::last<lists::names<axes<Items>>>>()), ...);
        const auto now = to.memory();
        constexpr const item_place* places = item_places<items, names>;
        sizes.take_missing(places, items::size, now.size, now.offsets, now.segments);
        index wanted[items::size + 1];
        sizes.of_items(places, items::size, wanted);
        const bool fits = std::equal(wanted, wanted + items::size, now.size) && (ragged_items<Items...> == 0 || sizes.same_lengths(now.offsets, now.segments));
        run_statement<Backend>(now, fits, items{}, node, reads, sizes, update::set, [&] {
            if (!fits) to.resize(wanted, sizes.offsets, sizes.segments);
            return to.memory();
        });
    }
}

template <class T, class... Items, class Node>
void assign_to(tensor<T, Items...>& to, const Node& node, destination state) {
    assign_tensor<backend_of<space_of<T>>>(to, node, state);
}

template <class Node>
auto evaluate_number(const Node& node) {
    using T = value_of<settled<typename Node::element_type>>;
    T value{};
    if constexpr (!crosses<T, Node>) {
        strided<T, 0> to;
        to.data = &value;
        assign_into(to, axes<>{}, node, update::set);
    } else {
        tensor<T> here;
        assign_across(here, node);
        value = here;
    }
    return value;
}

}  // namespace detail

}  // namespace heed::inline HEED_TARGET
