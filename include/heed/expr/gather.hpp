/// gather: the embedding. Rows of a table, chosen by integer ids.
#pragma once

#include <heed/expr/elementwise.hpp>

namespace heed::inline HEED_TARGET {

namespace detail {

template <class T, class Table, class Ids, class A>
struct gathered : computed<gathered<T, Table, Ids, A>, T, lists::extend<typename Ids::items, lists::minus<typename Table::items, axes<A>>>> {
    Table table;
    Ids ids;
    gathered(Table t, Ids i) : table(std::move(t)), ids(std::move(i)) {}
    using operands = axes<Table, Ids>;
    void each(auto&& f) const { f(table), f(ids); }
    auto map(const auto& f) const { return gathered<T, decltype(f(table)), decltype(f(ids)), A>(f(table), f(ids)); }
};

}  // namespace detail

/// table at A = ids, for every place of ids: {ids' axes, the table's axes without A}. An id outside the table is a value_error.
template <axis_type A, node_type Table, node_type Ids>
auto gather(Table&& table, Ids&& ids) {
    using namespace detail;
    if constexpr (absorbs<Table, Ids>) return stand_in{};
    else if constexpr (!lists::has<A, names_of<Table>>) {
        (void)sizeof(error::gather_axis_is_not_in_the_table<A, names_of<Table>>);
        return stand_in{};
    } else if constexpr (spaces_differ<Table, Ids>) {
        (void)sizeof(error::tensors_of_different_spaces_do_not_mix<element_of<Table>, element_of<Ids>>);
        return stand_in{};
    } else if constexpr (!is_integer<element_of<Ids>>) {
        (void)sizeof(error::gather_wants_integer_ids<element_of<Ids>>);
        return stand_in{};
    } else if constexpr (lists::common<names_of<Table>, names_of<Ids>>::size > 0) {
        (void)sizeof(error::gather_ids_share_an_axis_with_the_table<lists::at<lists::common<names_of<Table>, names_of<Ids>>, 0>, names_of<Table>, names_of<Ids>>);
        return stand_in{};
    } else
        return gathered<element_of<Table>, captured<Table>, captured<Ids>, A>(capture(std::forward<Table>(table)), capture(std::forward<Ids>(ids)));
}

}  // namespace heed::inline HEED_TARGET
