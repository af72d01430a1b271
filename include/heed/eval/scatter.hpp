/// scatter_add: what undoes gather. Rows are added to a table at the places that ids name, in the order of the ids.
#pragma once

#include <heed/eval/evaluate.hpp>

namespace heed::inline HEED_TARGET {

namespace detail {

template <class A, class T, class TableItems, class Ids, class Rows, int R>
void scatter_add_into(const strided<T, R>& table, TableItems, const Ids& ids, const Rows& rows) {
    using own = lists::names<lists::minus<TableItems, axes<A>>>;
    using slots = lists::join<lists::minus<typename Rows::names, own>, own>;
    statement<lists::unite<slots, typename Ids::names>> sizes;
    take_sizes(sizes, rows);
    take_sizes(sizes, ids);
    [&]<class... Item>(axes<Item...>) { (sizes.template take<Item>(table.size[lists::place<Item, TableItems>]), ...); }(own{});
    auto source = lower<slots, 0>(rows, sizes);
    auto which = lower<slots, 0>(ids, sizes);
    lowered::target<T> target;
    target.base = table.data;
    place_strides<slots>(target, table, TableItems{});
    constexpr int outer = slots::size - own::size;
    const lowered::loops l = make_loops(slots{}, outer, sizes);
    const index places = lowered::count_places(l, 0, outer), limit = table.size[lists::place<A, TableItems>], step = table.stride[lists::place<A, TableItems>];
    using number = lowered::numbers<lowered::no_lane>;
    lowered::cursor c;
    const auto id_at = [&](index place) {
        lowered::find_place(l, 0, outer, place, c);
        which.template seek<lowered::no_lane>(c.at, c.row);
        return static_cast<index>(which.template get<number>(lowered::spot{}));
    };
    for (index place = 0; place < places; ++place)
        if (const index id = id_at(place); id < 0 || id >= limit) throw_id_outside(axis_name<A>(), id, limit);
    const index lines = lowered::count_places(l, outer, l.slots - 1);
    const index length = own::size > 0 ? l.size[l.slots - 1] : 1;
    constexpr int lane = own::size > 0 ? slots::size - 1 : lowered::no_lane;
    for (index place = 0; place < places; ++place) {
        const index id = id_at(place);
        for (index line = 0; line < (own::size > 0 ? lines : 1); ++line) {
            if constexpr (own::size > 0) lowered::find_place(l, outer, l.slots - 1, line, c);
            source.template seek<lane>(c.at, c.row);
            target.template seek<lane>(c.at, c.row);
            T* to = target.here + id * step;
            const auto* from = source.here;
            if constexpr (own::size == 0) *to += *from;
            else {
                const index to_step = target.stride[lane], from_step = source.stride[lane];
                if (to_step == 1 && from_step == 1)
                    for (index i = 0; i < length; ++i) to[i] += from[i];
                else
                    for (index i = 0; i < length; ++i) to[i * to_step] += from[i * from_step];
            }
        }
    }
}

}  // namespace detail

/// table at A = ids += rows, for every place of ids, in their order: the gradient of gather. `rows` and `ids` are tensors
/// or views; ids may also be made of positions. An id outside the table is a value_error, before anything is written.
template <axis_type A, class Table, node_type Ids, node_type Rows>
void scatter_add(Table&& table, const Ids& ids, const Rows& rows) {
    using bare = std::remove_cvref_t<Table>;
    const auto held = detail::capture(ids);
    const auto from = detail::capture(rows);
    static_assert(detail::is_leaf<std::remove_cvref_t<decltype(from)>>, "heed: scatter_add adds the rows of a tensor or a view; evaluate the expression first");
    static_assert(std::is_same_v<typename bare::element_type, detail::element_of<Rows>>, "heed: scatter_add adds elements of the table's own type");
    static_assert(lists::inside<detail::names_of<Ids>, detail::names_of<Rows>>, "heed: scatter_add has a row for every id; the rows lack an axis of the ids");
    static_assert(lists::inside<lists::minus<typename bare::names, axes<A>>, detail::names_of<Rows>>, "heed: the rows that scatter_add adds lack an axis of the table");
    static_assert(lists::has<A, typename bare::names>, "heed: scatter_add adds along an axis of the table");
    if (rows.memory().count() == 0) return;
    detail::scatter_add_into<A>(table.memory(), typename bare::items{}, held, from);
}

}  // namespace heed::inline HEED_TARGET
