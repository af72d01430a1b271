/// scatter_add: what undoes gather. Rows are added to a table at the places that ids name, in the order of the ids.
#pragma once

#include <heed/eval/evaluate.hpp>

namespace heed::inline HEED_TARGET {

namespace detail {

/// table[id of a place] += source at that place, over the rows of `limit` ids that lie `step` apart. Slots [0, l.outer) count
/// the places, the others what the table's rows have.
template <class Shape, class Source, class Ids, class T>
struct scatter_call {
    using shape = Shape;
    lowered::loops l;
    Source source;
    Ids ids;
    lowered::target<T> target;
    index limit, step;
    std::string_view axis;

    index places() const { return lowered::count_places(l, 0, l.outer); }
};

/// The call by loops of the host: every id is checked first, then the rows are added one after another.
template <class Shape, class Source, class Ids, class T>
void scatter_add_on_host(scatter_call<Shape, Source, Ids, T> call) {
    using number = lowered::numbers<lowered::no_lane>;
    constexpr bool has_rows = Shape::last >= Shape::outer;
    constexpr int lane = has_rows ? Shape::last : lowered::no_lane;
    const lowered::loops& l = call.l;
    lowered::cursor c;
    const auto id_at = [&](index place) {
        lowered::find_place(l, 0, l.outer, place, c);
        call.ids.template seek<lowered::no_lane>(c.at, c.row);
        return static_cast<index>(call.ids.template get<number>(lowered::spot{}));
    };
    const index places = call.places();
    for (index place = 0; place < places; ++place)
        if (const index id = id_at(place); id < 0 || id >= call.limit) throw_id_outside(call.axis, id, call.limit);
    const index lines = has_rows ? lowered::count_places(l, l.outer, l.slots - 1) : 1, length = has_rows ? l.size[l.slots - 1] : 1;
    for (index place = 0; place < places; ++place) {
        const index id = id_at(place);
        for (index line = 0; line < lines; ++line) {
            if constexpr (has_rows) lowered::find_place(l, l.outer, l.slots - 1, line, c);
            call.source.template seek<lane>(c.at, c.row);
            call.target.template seek<lane>(c.at, c.row);
            T* to = call.target.here + id * call.step;
            const auto* from = call.source.here;
            if constexpr (!has_rows) *to += *from;
            else {
                const index to_step = call.target.stride[lane], from_step = call.source.stride[lane];
                if (to_step == 1 && from_step == 1)
                    for (index i = 0; i < length; ++i) to[i] += from[i];
                else
                    for (index i = 0; i < length; ++i) to[i * to_step] += from[i * from_step];
            }
        }
    }
}

template <class A, class T, class TableItems, class Ids, class Rows, int R>
void scatter_add_into(const strided<T, R>& table, TableItems, const Ids& ids, const Rows& rows) {
    using backend = backend_of<space_of<T>>;
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
    lowered::loops l = make_loops(slots{}, outer, sizes);
    l.outer = outer;
    using shape = lowered::row_shape<0, false, true, slots::size, outer>;
    const scatter_call<shape, decltype(source), decltype(which), T> call{
        l, source, which, target, table.size[lists::place<A, TableItems>], table.stride[lists::place<A, TableItems>], axis_name<A>()};
    if constexpr (requires { backend::scatter_add(call); }) backend::scatter_add(call);
    else scatter_add_on_host(call);
}

}  // namespace detail

/// table at A = ids += rows, for every place of ids, in their order: the gradient of gather. `rows` and `ids` are tensors
/// or views; ids may also be made of positions. An id outside the table is a value_error, before anything is written; on a
/// GPU such an id adds nothing, and the error is thrown where the host next waits.
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
