/// The sizes of a statement's axes: in one statement an axis has one size.
///
/// What is done for every leaf and destination is done by plain functions over places, so that it is compiled once.
#pragma once

#include <heed/eval/loops.hpp>
#include <heed/expr/axes.hpp>

#include <cstring>

namespace heed::inline HEED_TARGET::detail {

/// `varies` stands for the inner axis of a ragged pair, whose sizes are in `offsets`.
inline constexpr index unknown = -1, varies = -2;

/// Where an item of memory stands in a list of names: its place, of a ragged pair that of each; -1 where it is not there.
struct item_place {
    int at = -1, outer = -1;
    bool is_ragged = false;
};
template <class A, class Names> inline constexpr int place_or_none = lists::has<A, Names> ? lists::place<A, Names> : -1;
template <class Item, class Names> inline constexpr item_place place_of_item{place_or_none<Item, Names>, -1, false};
template <class Outer, class Inner, class Names>
inline constexpr item_place place_of_item<ragged<Outer, Inner>, Names>{place_or_none<Inner, Names>, place_or_none<Outer, Names>, true};
template <class Items, class Names> inline constexpr item_place item_places[1] = {};
template <class A, class... Items, class Names> inline constexpr item_place item_places<axes<A, Items...>, Names>[] = {place_of_item<A, Names>, place_of_item<Items, Names>...};

/// The sizes by place; `name` and `size` are the statement's.
class statement_sizes {
public:
    const index* offsets = nullptr;
    index segments = 0;
    int batch = -1;                          // the place of the ragged pair's outer axis

    statement_sizes(const std::string_view* names, index* sizes) : name_(names), size_(sizes) {}
    statement_sizes(const statement_sizes&) = delete;
    statement_sizes& operator=(const statement_sizes&) = delete;

    std::string_view name(int place) const { return name_[place]; }
    bool knows(int place) const { return size_[place] != unknown; }
    index of(int place) const {
        if (size_[place] == unknown) throw_size_unknown(name_[place]);
        return size_[place];
    }
    void take(int place, index given) {
        index& s = size_[place];
        if (s == unknown) s = given;
        else if (s == varies) throw_ragged_meets_plain(name_[place], given);
        else if (s != given) throw_sizes_differ(name_[place], s, given);
    }
    void take_ragged(item_place item, const index* bounds, index count) {
        index& s = size_[item.at];
        if (s >= 0) throw_ragged_meets_plain(name_[item.at], s);
        s = varies;
        take(item.outer, count);
        if (!offsets) offsets = bounds, segments = count, batch = item.outer;
        else if (segments != count) throw_sizes_differ(name_[item.outer], segments, count);
        else if (!same_lengths(bounds, count)) throw_lengths_differ(name_[item.at]);
    }
    bool same_lengths(const index* bounds, index count) const {
        bool same = segments == count;
        for (index i = 0; same && offsets != bounds && i <= count; ++i) same = offsets[i] == bounds[i];
        return same;
    }

    /// The sizes that memory under these items has.
    [[gnu::noinline]] void take_memory(const item_place* item, int rank, const index* given, const index* bounds, index count) {
        for (int i = 0; i < rank; ++i) {
            if (item[i].is_ragged) take_ragged(item[i], bounds, count);
            else take(item[i].at, given[i]);
        }
    }
    /// The same of what no operand said: the destination's own sizes.
    [[gnu::noinline]] void take_missing(const item_place* item, int rank, const index* given, const index* bounds, index count) {
        for (int i = 0; i < rank; ++i) {
            const int place = item[i].at;
            if (item[i].is_ragged) {
                if (!knows(place)) take_ragged(item[i], bounds, count);
                else if (!offsets) throw_ragged_meets_plain(name_[place], size_[place]);
            } else if (!knows(place)) take(place, given[i]);
            else if (size_[place] == varies) throw_ragged_meets_plain(name_[place], given[i]);
        }
    }
    /// The size of memory over an item: of a ragged one, its rows.
    index of_item(item_place item) const {
        if (item.is_ragged) return offsets[segments];
        const index size = of(item.at);
        if (size == varies) throw shape_error("axis " + std::string(name_[item.at]) + " is ragged: a result over it needs its batch as well");
        return size;
    }
    [[gnu::noinline]] void of_items(const item_place* item, int rank, index* out) const {
        for (int i = 0; i < rank; ++i) out[i] = of_item(item[i]);
    }
    /// Loops over slots, each at a place of the statement.
    [[gnu::noinline]] lowered::loops loops_over(const item_place* slot, int slots, int outer) const {
        lowered::loops l;
        for (; l.slots < slots; ++l.slots) {
            const int place = slot[l.slots].at;
            const index size = of(place);
            if (size == varies) {
                if (l.within >= 0) throw shape_error("two inner axes of ragged pairs in one result: " + std::string(name_[place]));
                l.within = l.slots;
                l.offsets = offsets;
            } else l.size[l.slots] = size;
            if (batch == place) l.segment = l.slots;
        }
        if (l.within < 0 || l.segment < 0) l.segment = l.within = -1;
        if (l.slots == 0) l.size[l.slots++] = 1;
        l.outer = outer < l.slots ? outer : l.slots - 1;
        return l;
    }

private:
    const std::string_view* name_;
    index* size_;
};

template <class Names> inline constexpr std::string_view names_as_text[1] = {};
template <class A, class... B> inline constexpr std::string_view names_as_text<axes<A, B...>>[] = {axis_name<A>(), axis_name<B>()...};
template <class Names> inline constexpr index static_sizes[1] = {unknown};
template <class A, class... B> inline constexpr index static_sizes<axes<A, B...>>[] = {A::extent >= 0 ? A::extent : unknown, B::extent >= 0 ? B::extent : unknown...};

template <class Names>
class statement : public statement_sizes {
public:
    statement() : statement_sizes(names_as_text<Names>, size_) { std::memcpy(size_, static_sizes<Names>, sizeof(size_)); }

    using statement_sizes::knows, statement_sizes::of, statement_sizes::take, statement_sizes::take_memory;
    template <class A> index of() const { return of(lists::place<A, Names>); }
    template <class A> bool knows() const { return knows(lists::place<A, Names>); }
    template <class A> void take(index given) { take(lists::place<A, Names>, given); }

    template <class Items, int Rank, class T> void take_memory(const strided<T, Rank>& memory, Items) {
        take_memory(item_places<Items, Names>, Rank, memory.size, memory.offsets, memory.segments);
    }

private:
    index size_[Names::size > 0 ? Names::size : 1];
};

/// Every axis that a statement mentions, summed ones included.
template <class Node, class Operands = typename Node::operands> struct mentioned { using type = typename Node::names; };
template <class Node, class X, class... Rest> struct mentioned<Node, axes<X, Rest...>> {
    using type = lists::unite<typename mentioned<X>::type, typename mentioned<Node, axes<Rest...>>::type>;
};
template <class Node> using mentioned_by = typename mentioned<Node>::type;

/// The strides of memory by slot, and that of each row before a ragged sequence.
[[gnu::noinline]] inline void place_strides(const index* of_memory, const item_place* item, int rank, index* stride, index& per_row) {
    for (int i = 0; i < rank; ++i) {
        if (item[i].is_ragged) per_row = of_memory[i];
        if (item[i].at >= 0) stride[item[i].at] = of_memory[i];
    }
}

}  // namespace heed::inline HEED_TARGET::detail
