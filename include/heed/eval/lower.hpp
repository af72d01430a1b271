/// From names to slots: the lowering of an expression's tree.
#pragma once

#include <heed/eval/interval.hpp>
#include <heed/eval/statement.hpp>
#include <heed/expr/lengths.hpp>
#include <heed/expr/random.hpp>

namespace heed::inline HEED_TARGET::detail {

/// A leaf's strides by slot.
template <class Slots, class Low, class T, class Items, int Rank>
void place_strides(Low& low, const strided<T, Rank>& memory, Items) {
    constexpr bool may_be_ragged = requires { low.per_row; };
    index none = 0, *per_row = &none;
    if constexpr (may_be_ragged) per_row = &low.per_row;
    place_strides(memory.stride, item_places<Items, Slots>, Rank, low.stride, *per_row);
}
template <class Slots, class Names> inline constexpr unsigned slot_mask = 0;
template <class Slots, class... A> inline constexpr unsigned slot_mask<Slots, axes<A...>> = (0u | ... | (lists::has<A, Slots> ? 1u << lists::place<A, Slots> : 0u));

template <lowered::kind K, class Op, class X> auto lowered_unary(X x) { return lowered::unary<Op, K, X>{std::move(x)}; }
template <lowered::kind K, class Op, class L, class R> auto lowered_binary(L l, R r) { return lowered::binary<Op, K, L, R>{std::move(l), std::move(r)}; }
template <class X> auto as_floating(X x) {
    if constexpr (X::result == lowered::kind::floating) return x;
    else return lowered::converted<lowered::kind::floating, X>{std::move(x)};
}
inline auto lowered_number(double value) { return lowered::constant<lowered::kind::floating>{value}; }

/// A number of the row beside what varies along it: computed once a row and not for every element.
template <int First, class X, class Beside> auto once_a_row(X x) {
    if constexpr (lowered::is_of_row<X> && !lowered::is_reduction<X> && Beside::slots != 0) return lowered::reduction<operations::once, First + X::reduction_count, X>{std::move(x)};
    else return x;
}
/// l op r of one row, r's reductions numbered from Second. A division by a number of the row is a multiplication by its inverse.
template <lowered::kind K, class Op, int Second, class L, class R> auto beside(L l, R r) {
    if constexpr (std::is_same_v<Op, operations::divide> && K == lowered::kind::floating && lowered::is_of_row<R> && L::slots != 0) {
        auto inverse = lowered_binary<K, operations::divide>(lowered_number(1), std::move(r));
        return lowered_binary<K, operations::multiply>(std::move(l), once_a_row<Second, decltype(inverse), L>(inverse));
    } else return lowered_binary<K, Op>(std::move(l), once_a_row<Second, R, L>(std::move(r)));
}

/// m where it is finite or above, 0 where nothing was above -infinity: so that exp(x - m) is 0 there and not NaN.
template <class M> auto shift_of(M m) {
    using namespace operations;
    auto nothing = lowered_binary<lowered::kind::mask, equal>(m, lowered_number(negative_infinity()));
    return lowered::choice<lowered::kind::floating, decltype(nothing), lowered::constant<lowered::kind::floating>, M>{nothing, lowered_number(0), m};
}
/// The shift m and the sum of exp(x - m), the reductions after those of x.
template <int First, class X> auto exponentials(const X& x) {
    using lowered::kind, operations::highest_number, operations::sum;
    constexpr int k = First + X::reduction_count;
    auto top = lowered::reduction<highest_number, k, X>{x};
    auto bare = shift_of(top);
    auto shift = lowered::reduction<operations::once, k + 1, decltype(bare)>{bare};
    auto powers = lowered_unary<kind::floating, operations::exponential>(lowered_binary<kind::floating, operations::subtract>(x, shift));
    auto total = lowered::reduction<sum, k + 2, decltype(powers)>{powers};
    struct parts { decltype(shift) s; decltype(powers) p; decltype(total) t; };
    return parts{shift, powers, total};
}

/// The tree of an expression that is elementwise but for reductions over the slots of a row. `First` numbers the reductions.
template <class Slots, int First, class Names, class Node>
auto lower(const Node& node, const statement<Names>& sizes) {
    using lowered::kind;
    if constexpr (is_leaf<Node>) {
        using T = typename Node::element_type;
        const auto memory = node.memory();
        lowered::leaf<T, slot_mask<Slots, typename Node::names>> low;
        low.base = memory.data;
        place_strides<Slots>(low, memory, typename Node::items{});
        return low;
    } else return lower_node<Slots, First>(node, sizes);
}
template <class Slots, int First, class N, class T> auto lower_node(const number<T>& e, const statement<N>&) { return lowered::constant<lowered::kind_of<T>>{e.value}; }
template <class Slots, int First, class N> auto lower_node(const hidden_score& e, const statement<N>&) { return lowered_number(e.value); }
template <class Slots, int First, class N, class A> auto lower_node(const place<A>&, const statement<N>&) { return lowered::place<lists::place<A, Slots>>{}; }
template <class Slots, int First, class N, class H, class A> auto lower_node(const lengths_node<H, A>& e, const statement<N>&) {
    const auto memory = e.holder.memory();
    return lowered::lengths<lists::place<A, Slots>>{memory.offsets, memory.segments};
}
template <class Slots, int First, class N, class H, class Items> auto lower_node(const place_in_node<H, Items>& e, const statement<N>&) {
    lowered::offset<slot_mask<Slots, lists::names<Items>>> low;
    place_strides<Slots>(low, e.holder.memory(), Items{});
    return low;
}
template <class Slots, int First, class N, class X> auto lower_node(const uniform_node<X>& e, const statement<N>& s) {
    auto place = lower<Slots, First>(e.x, s);
    return lowered::uniform<decltype(place)>{std::move(place), key_of(e.seed, e.step)};
}
template <class Slots, int First, class N, class T, class X, class... A> auto lower_node(const broadcasting<T, X, A...>& e, const statement<N>& s) { return lower<Slots, First>(e.x, s); }
template <class Slots, int First, class N, class Op, class T, class X> auto lower_node(const unary<Op, T, X>& e, const statement<N>& s) {
    return lowered_unary<lowered::kind_of<T>, Op>(lower<Slots, First>(e.x, s));
}
template <class Slots, int First, class N, class T, class X> auto lower_node(const cast<T, X>& e, const statement<N>& s) {
    auto x = lower<Slots, First>(e.x, s);
    return lowered::converted<lowered::kind_of<T>, decltype(x)>{std::move(x)};
}
template <class Slots, int First, class N, class Op, class T, class L, class R> auto lower_node(const binary<Op, T, L, R>& e, const statement<N>& s) {
    auto bare = lower<Slots, First>(e.left, s);
    auto left = once_a_row<First, decltype(bare), decltype(lower<Slots, 0>(e.right, s))>(std::move(bare));
    constexpr int second = First + decltype(left)::reduction_count;
    return beside<lowered::kind_of<T>, Op, second>(std::move(left), lower<Slots, second>(e.right, s));
}
template <class Slots, int First, class N, class T, class C, class L, class R> auto lower_node(const choice<T, C, L, R>& e, const statement<N>& s) {
    auto condition = lower<Slots, First>(e.condition, s);
    auto yes = lower<Slots, First + decltype(condition)::reduction_count>(e.yes, s);
    auto no = lower<Slots, First + decltype(condition)::reduction_count + decltype(yes)::reduction_count>(e.no, s);
    return lowered::choice<lowered::kind_of<T>, decltype(condition), decltype(yes), decltype(no)>{condition, yes, no};
}
template <class Slots, int First, class N, class Op, class T, class X, class G> auto lower_node(const reduction<Op, T, X, G>& e, const statement<N>& s) {
    auto x = as_floating(lower<Slots, First>(e.x, s));
    auto whole = lowered::reduction<Op, First + decltype(x)::reduction_count, decltype(x)>{x};
    if constexpr (is_integer<T>) return lowered::converted<lowered::kind::integer, decltype(whole)>{whole};
    else return whole;
}
template <class Slots, int First, class N, class T, class X, class G> auto lower_node(const log_sum<T, X, G>& e, const statement<N>& s) {
    auto x = as_floating(lower<Slots, First>(e.x, s));
    auto [shift, powers, total] = exponentials<First>(x);
    return lowered_binary<lowered::kind::floating, operations::add>(lowered_unary<lowered::kind::floating, operations::logarithm>(total), shift);
}
template <class Slots, int First, class N, bool Log, class T, class X, class G> auto lower_node(const soft<Log, T, X, G>& e, const statement<N>& s) {
    using lowered::kind;
    auto x = as_floating(lower<Slots, First>(e.x, s));
    auto [shift, powers, total] = exponentials<First>(x);
    if constexpr (Log) {
        // x - shift first, which is exact near the greatest: the logarithm would drown in a large shift.
        auto below = lowered_unary<kind::floating, operations::logarithm>(total);
        auto nothing = lowered_binary<kind::mask, operations::equal>(total, lowered_number(0));
        auto difference = lowered_binary<kind::floating, operations::subtract>(lowered_binary<kind::floating, operations::subtract>(x, shift), below);
        return lowered::choice<kind::floating, decltype(nothing), lowered::constant<kind::floating>, decltype(difference)>{nothing, lowered_number(negative_infinity()), difference};
    } else {
        // Where nothing is above -infinity every power is 0, and so is its product with 0.
        auto nothing = lowered_binary<kind::mask, operations::equal>(total, lowered_number(0));
        auto inverse = lowered_binary<kind::floating, operations::divide>(lowered_number(1), total);
        auto factor = lowered::choice<kind::floating, decltype(nothing), lowered::constant<kind::floating>, decltype(inverse)>{nothing, lowered_number(0), inverse};
        return lowered_binary<kind::floating, operations::multiply>(lowered::kept<decltype(total)::number, decltype(powers)>{powers},
                                                                    lowered::reduction<operations::once, First + decltype(total)::reduction_count + 2, decltype(factor)>{factor});
    }
}
[[noreturn, gnu::cold]] inline void throw_id_outside(std::string_view name, index id, index rows) {
    throw value_error("id " + std::to_string(id) + " is outside axis " + std::string(name) + " of size " + std::to_string(rows));
}
/// Ids that are made of positions alone are rows of the table, whatever the position: told by their interval where that
/// is enough, else position by position.
template <class Slots, class A, class Ids, class Names>
void check_positions(Ids ids, index rows, const statement<Names>& sizes) {
    intervals::rectangle all;
    index size[Slots::size + 1] = {}, places = 1;
    [&]<class... S>(axes<S...>) {
        int n = 0;
        (([&] {
             size[n] = sizes.template of<S>();
             if (size[n] == varies)
                 for (index s = size[n] = 0; s < sizes.segments; ++s) size[n] = std::max(size[n], sizes.offsets[s + 1] - sizes.offsets[s]);
             all.open |= 1u << n;
             all.range[n] = {0, static_cast<double>(std::max<index>(size[n], 1) - 1)};
             if (!(Ids::slots >> n & 1)) size[n] = 1;
             places *= size[n++];
         }()),
         ...);
    }(Slots{});
    const auto range = intervals::over(ids, all);
    if (range.low >= 0 && range.high < static_cast<double>(rows)) return;
    for (index place = 0; place < places; ++place) {
        index at[lowered::most_slots] = {}, rest = place;
        for (int n = Slots::size; n-- > 0; rest /= size[n]) at[n] = rest % size[n];
        ids.template seek<lowered::no_lane>(at, 0);
        const auto id = static_cast<index>(ids.template get<lowered::numbers<lowered::no_lane>>(lowered::spot{}));
        if (id < 0 || id >= rows) throw_id_outside(axis_name<A>(), id, rows);
    }
}

template <class Slots, int First, class N, class T, class Table, class Ids, class A> auto lower_node(const gathered<T, Table, Ids, A>& e, const statement<N>& s) {
    const auto memory = e.table.memory();
    using items = typename Table::items;
    auto ids = lower<Slots, First>(e.ids, s);
    lowered::gathered<typename Table::element_type, slot_mask<Slots, lists::minus<typename Table::names, axes<A>>>, decltype(ids)> low;
    if constexpr (!is_leaf<Ids>) check_positions<Slots, A>(ids, memory.size[lists::place<A, items>], s);
    low.ids = ids;
    low.base = memory.data;
    low.step = memory.stride[lists::place<A, items>], low.rows = memory.size[lists::place<A, items>];
    place_strides<Slots>(low, memory, items{});
    if constexpr (lists::has<A, Slots>) low.stride[lists::place<A, Slots>] = 0;
    return low;
}

/// Loops over slots, with their sizes.
template <class Slots, class Names>
lowered::loops make_loops(Slots, int outer, const statement<Names>& sizes) {
    static_assert(Slots::size <= lowered::most_slots, "heed: a statement has at most eight axes");
    return sizes.loops_over(item_places<Slots, Names>, Slots::size, outer);
}

/// Whether a statement computes in double: something of it is double, or it adds up integers.
template <class Node> struct wide : std::bool_constant<std::is_same_v<value_of<typename Node::element_type>, double>> {};
template <class Op, class T, class X> struct wide<unary<Op, T, X>> : wide<X> {};
template <class T, class X> struct wide<cast<T, X>> : std::bool_constant<std::is_same_v<value_of<T>, double> || wide<X>::value> {};
template <class Op, class T, class L, class R> struct wide<binary<Op, T, L, R>> : std::bool_constant<wide<L>::value || wide<R>::value> {};
template <class T, class C, class L, class R> struct wide<choice<T, C, L, R>> : std::bool_constant<wide<C>::value || wide<L>::value || wide<R>::value> {};
template <class Op, class T, class X, class G> struct wide<reduction<Op, T, X, G>> : std::bool_constant<is_integer<T> || wide<X>::value> {};
template <class T, class X, class G> struct wide<log_sum<T, X, G>> : wide<X> {};
template <bool B, class T, class X, class G> struct wide<soft<B, T, X, G>> : wide<X> {};
template <class T, class X, class... A> struct wide<broadcasting<T, X, A...>> : wide<X> {};

}  // namespace heed::inline HEED_TARGET::detail
