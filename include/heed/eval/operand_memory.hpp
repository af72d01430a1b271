/// The memory that a statement reads: the sizes of its axes come from it, and it may be what the statement writes.
///
/// The leaves are listed once, so that everything that is asked of them is asked by plain functions.
#pragma once

#include <heed/eval/analyse.hpp>

namespace heed::inline HEED_TARGET::detail {

/// What a leaf shares with the destination: nothing, the same elements in the same places, or something else.
enum class sharing { none, in_place, otherwise };

/// Memory without the type of its elements.
struct memory_description {
    static constexpr int most_items = 12;
    const char* data = nullptr;
    std::size_t element = 0;                     // bytes
    int rank = 0;
    index size[most_items], stride[most_items];
    const index* offsets = nullptr;
    index segments = 0;
    const item_place* items = nullptr;
    bool read_elsewhere = false;                 // under an operation that reads elsewhere than it writes

    memory_description() = default;
    template <class T, int Rank>
    memory_description(const strided<T, Rank>& m, const item_place* places) { describe(m, places, false); }
    template <class T, int Rank>
    [[gnu::noinline]] void describe(const strided<T, Rank>& m, const item_place* places, bool elsewhere) {
        static_assert(Rank <= most_items, "heed: a tensor has at most twelve items");
        data = reinterpret_cast<const char*>(m.data), element = sizeof(T), rank = Rank;
        offsets = m.offsets, segments = m.segments, items = places, read_elsewhere = elsewhere;
        for (int i = 0; i < rank; ++i) size[i] = m.size[i], stride[i] = m.stride[i];
    }
    /// The bytes from the first element to the last; none where a size is 0.
    void range(const char*& low, const char*& high) const {
        low = high = data;
        for (int i = 0; i < rank; ++i) {
            if (size[i] == 0) { low = high = nullptr; return; }
            (stride[i] < 0 ? low : high) += stride[i] * (size[i] - 1) * static_cast<index>(element);
        }
        high += element;
    }
    bool same_places(const memory_description& other) const {
        bool same = data == other.data && element == other.element && rank == other.rank;
        for (int i = 0; same && i < rank; ++i)
            same = items[i].at == other.items[i].at && items[i].outer == other.items[i].outer && (stride[i] == other.stride[i] || size[i] == 1);
        return same;
    }
};

/// The worst that any of the operands shares with the destination.
[[gnu::noinline]] inline sharing shared_with(const memory_description& to, const memory_description* first, const memory_description* last) {
    const char *low, *high, *from, *until;
    to.range(low, high);
    sharing worst = sharing::none;
    for (; first != last; ++first) {
        first->range(from, until);
        if (from >= high || low >= until) continue;
        if (first->read_elsewhere || !first->same_places(to)) return sharing::otherwise;
        worst = sharing::in_place;
    }
    return worst;
}

[[gnu::noinline]] inline void take_operands(statement_sizes& sizes, const memory_description* first, const memory_description* last) {
    for (; first != last; ++first) sizes.take_memory(first->items, first->rank, first->size, first->offsets, first->segments);
}

template <class Node> constexpr int count_leaves();
template <class... X> constexpr int count_leaves_of(axes<X...>) { return (0 + ... + count_leaves<X>()); }
template <class Node> constexpr int count_leaves() {
    if constexpr (is_leaf<Node>) return 1;
    else return count_leaves_of(typename Node::operands{});
}
/// Whether sizes come from a node that is no leaf.
template <class Node, class Statement> inline constexpr bool gives_sizes = requires(const Node& node, Statement& s) { node.take_gathered(s); };
template <class Statement, class... X> constexpr bool sizes_below(axes<X...>) { return ((gives_sizes<X, Statement> || sizes_below<Statement>(typename X::operands{})) || ...); }

/// Memory that this thread's statements cannot reach is an error, before anything is written.
template <class T> void check_memory(const T* p) {
    if constexpr (requires { memory_of<space_of<T>>::check(p); }) memory_of<space_of<T>>::check(p);
}

/// Lists the memory of a tree's leaves.
template <class Names>
struct leaf_list {
    memory_description* last;
    bool elsewhere = false;
    template <class Node> void operator()(const Node& node) {
        if constexpr (is_leaf<Node>) {
            const auto memory = node.memory();
            check_memory(memory.data);
            (last++)->describe(memory, item_places<typename Node::items, Names>, elsewhere);
        }
        else if constexpr (reads_elsewhere<Node>) {
            const bool before = std::exchange(elsewhere, true);
            node.each(*this);
            elsewhere = before;
        } else node.each(*this);
    }
};
/// Takes the sizes of what is no leaf, its operands' before its own.
template <class Statement>
struct other_sizes {
    Statement& sizes;
    template <class Node> void operator()(const Node& node) {
        if constexpr (sizes_below<Statement>(typename Node::operands{})) node.each(*this);
        if constexpr (gives_sizes<Node, Statement>) node.take_gathered(sizes);
    }
};

/// The memory that an expression reads, for a statement of these names.
template <class Node, class Names>
class operands_in_memory {
public:
    explicit operands_in_memory(const Node& node) { leaf_list<Names>{memory_}(node); }
    sharing shared_by(const memory_description& to) const { return shared_with(to, memory_, memory_ + count); }
    void give_sizes(const Node& node, statement<Names>& sizes) const {
        take_operands(sizes, memory_, memory_ + count);
        if constexpr (sizes_below<statement<Names>>(axes<Node>{})) other_sizes<statement<Names>>{sizes}(node);
    }

private:
    static constexpr int count = count_leaves<Node>();
    memory_description memory_[count > 0 ? count : 1];
};

/// The sizes that an expression says.
template <class Node, class Names>
void take_sizes(statement<Names>& sizes, const Node& node) {
    operands_in_memory<Node, Names>(node).give_sizes(node, sizes);
}

}  // namespace heed::inline HEED_TARGET::detail
