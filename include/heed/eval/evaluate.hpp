/// Assignment: the checks of names and sizes, what may be read while it is written, and the executor that runs the plan.
#pragma once

#include <heed/eval/plan.hpp>
#include <heed/eval/cpu/workspace.hpp>

namespace heed::inline HEED_TARGET {

/// The backend of a space. It is defined by the header of that space: heed/heed.hpp for the host.
template <class Space>
struct backend_of;

namespace detail {

/// Runs a plan on a backend. Temporaries live until the statement is done.
template <class Backend>
class executor {
public:
    executor() : stack_(cpu::workspace::of_this_thread()), mark_(stack_.top()) {}
    executor(const executor&) = delete;
    executor& operator=(const executor&) = delete;
    ~executor() { stack_.give_back(mark_); }

    static constexpr bool runs() { return true; }
    template <class T> T* temporary(index count) { return reinterpret_cast<T*>(stack_.take(sizeof(T) * static_cast<std::size_t>(std::max<index>(count, 1)))); }
    template <bool Wide, class Shape, class Tree, class T>
    void rows(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target) {
        Backend::template rows<Wide, Shape>(l, tree, target);
    }
    template <class T> void contract(const contraction_call<T>& call) { Backend::contract(call); }
    template <class Slots, class T, class Tree, class Mask> void attend(const attention_call<T>& call, const Tree& tree, const Mask& mask) {
        Backend::template attend<Slots>(call, tree, mask);
    }
    template <class Slots, class T, class Tree, class Mask> void attend_backward(const attention_call<T>& call, const Tree& tree, const Mask& mask) {
        Backend::template attend_backward<Slots>(call, tree, mask);
    }
    template <int Lane, class Tree, class T> static void finish_row(const Tree& tree, T* row, index column, index columns) {
        Backend::template finish_row<Lane>(tree, row, column, columns);
    }

private:
    cpu::workspace& stack_;
    cpu::workspace::mark mark_;
};

/// Whether elements of type From can be put where To are kept without as<To>.
template <class From, class To>
inline constexpr bool assignable = std::is_same_v<From, To> || (std::is_same_v<From, weak> && is_floating<To>) || (is_integer<From> && is_floating<To>);

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

/// Runs a statement whose sizes are known, through a temporary where the destination is read elsewhere than it is written.
template <class Backend, class T, int R, class Items, class Node, class Names>
void run_statement(const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes, auto add) {
    if (to.count() == 0) return;
    executor<Backend> exec;
    // A contraction writes its sums to the destination before what is around it reads anything.
    const sharing read = shares(node, to, Items{});
    if (read == sharing::otherwise || (read == sharing::in_place && count_hard<Node>() > 0)) {
        const auto aside = temporary_memory<T>(exec, Items{}, sizes);
        assign_node(exec, aside, Items{}, node, sizes, update::set);
        using held = leaf<by_pointer<T, R>, T, Items>;
        assign_node(exec, to, Items{}, held(by_pointer<T, R>{aside}), sizes, add);
    } else assign_node(exec, to, Items{}, node, sizes, add);
}

/// Into memory that is there.
template <class Backend, class T, class Items, class Node, class How>
void assign_on(strided<T, Items::size> to, Items, const Node& node, How how) {
    if constexpr (passes_on<T, Node>) return;
    else if constexpr (assignment_fault<Items, T, Node> != 0) report_assignment<Items, T, Node>();
    else {
        statement<statement_names<Items, Node>> sizes;
        sizes.take_from(node);
        sizes.take_memory(to, Items{});
        run_statement<Backend>(to, Items{}, node, sizes, how);
    }
}

template <class T, class Items, class Node, class How>
void assign_into(strided<T, Items::size> to, Items, const Node& node, How how) {
    assign_on<backend_of<space_of<T>>>(to, Items{}, node, how);
}

/// What `tensor = expression` does on a backend: sizes from the expression, then from the tensor.
template <class Backend, class T, class... Items, class Node>
void assign_tensor(tensor<T, Items...>& to, const Node& node, destination state = destination::as_it_is) {
    using items = axes<Items...>;
    if constexpr (passes_on<T, Node>) return;
    else if constexpr (assignment_fault<items, T, Node> != 0) report_assignment<items, T, Node>();
    else {
        statement<statement_names<items, Node>> sizes;
        sizes.take_from(node);
        // What the expression does not say, the tensor does.
        if (state == destination::just_made)
            (static_cast<void>(sizes.template of<lists::last<lists::names<axes<Items>>>>()), ...);
        const auto now = to.memory();
        constexpr const item_place* places = item_places<items, statement_names<items, Node>>;
        sizes.take_missing(places, items::size, now.size, now.offsets, now.segments);
        index wanted[items::size + 1];
        sizes.of_items(places, items::size, wanted);
        const bool fits = std::equal(wanted, wanted + items::size, now.size) && (ragged_items<Items...> == 0 || sizes.same_lengths(now.offsets, now.segments));
        if (!fits && shares(node, now, items{}) != sharing::none) {
            tensor<T, Items...> fresh;                  // what is read of the destination must stay until it has been read
            fresh.resize(wanted, sizes.offsets, sizes.segments);
            run_statement<Backend>(fresh.memory(), items{}, node, sizes, update::set);
            to = std::move(fresh);
            return;
        }
        if (!fits) to.resize(wanted, sizes.offsets, sizes.segments);
        run_statement<Backend>(to.memory(), items{}, node, sizes, update::set);
    }
}

template <class T, class... Items, class Node>
void assign_to(tensor<T, Items...>& to, const Node& node, destination state) {
    assign_tensor<backend_of<space_of<T>>>(to, node, state);
}

template <class Node>
auto evaluate_number(const Node& node) {
    using T = settled<typename Node::element_type>;
    T value{};
    strided<T, 0> to;
    to.data = &value;
    assign_into(to, axes<>{}, node, update::set);
    return value;
}

}  // namespace detail

}  // namespace heed::inline HEED_TARGET
