/// Operands in memory: what a kernel reads that is no tensor is evaluated into a temporary first.
#pragma once

#include <heed/eval/analyse.hpp>

namespace heed::inline HEED_TARGET::detail {

// Of plan.hpp.
template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_node(Exec& exec, const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes, auto add);

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

/// The element type of a temporary: bf16 and fp16 are computed in float, what is not decided yet in Weak.
template <class E, class Weak> using held_as =
    std::conditional_t<is_half<E>, in_space_of<float, E>, std::conditional_t<std::is_same_v<value_of<E>, weak>, Weak, in_space_of<value_of<E>, Weak>>>;
/// What `weak` becomes in a statement that stores T.
template <class T, class Node> using weak_in = in_space_of<std::conditional_t<std::is_same_v<value_of<T>, double> || wide<Node>::value, double, float>, T>;
template <class Weak, class Exec, class Node, class Names>
auto as_temporary(Exec& exec, const Node& node, const statement<Names>& sizes) {
    return as_leaf<held_as<typename Node::element_type, Weak>>(exec, node, sizes);
}

}  // namespace heed::inline HEED_TARGET::detail
