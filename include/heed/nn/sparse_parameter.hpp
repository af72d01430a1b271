/// A table of which a step touches a few rows: its gradient holds those rows alone.
#pragma once

#include <heed/nn/initial.hpp>
#include <heed/nn/parameter.hpp>
#include <heed/nn/visit.hpp>
#include <heed/language.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace heed::inline HEED_TARGET::nn {

/// The rows of a table that a step has touched.
struct touched : axis<> {};

/// A table {Row, A...} that is learnt row by row.
///
/// A batch looks up some thousand of 50,000 rows. A dense gradient would be cleared, filled, normed and followed as a
/// whole in every step, and cost more than the model. So the gradient is a list: rows()[i] is the row whose summed
/// gradient is the i-th piece of gradients(), each row once, in the order in which it was first met.
template <class T, class Row, class... A>
struct sparse_parameter {
    tensor<T, Row, A...> value;
    role kind = role::table;
    initial start = constant(0);
    bool frozen = false;

    explicit sparse_parameter(const auto&... sizes) : value(tensor_with<T, Row, A...>(sizes...)) {}

    /// gradient[ids] += dy, rows that occur several times with their sum. slots is workspace: a tensor of integers over the
    /// axes of ids. Throws value_error where an id lies outside the table.
    void accumulate(const auto& ids, const auto& dy, auto& slots) {
        slots = ids;
        touched_.number(slots.data(), slots.size(), extent_of<Row>(value), static_cast<std::ptrdiff_t>(width()), axis_name<Row>());
        view<T, touched, A...> sums(touched_.sums().data(), touched{touched_.rows().size()}, A{extent_of<A>(value)}...);
        scatter_add<touched>(sums, slots, dy);
    }

    void clear_gradient() { touched_.clear(); }

    /// The rows of the list. Where only the space of the table knows how many there are, as many as there can be, and
    /// rows_there() is where it keeps their number.
    std::span<const int> rows() const { return touched_.rows(); }
    auto rows_there() const requires(!is_on_host<T>) { return touched_.rows_there(); }
    /// The numbers of one row.
    std::size_t width() const { return (std::size_t{1} * ... * static_cast<std::size_t>(extent_of<A>(value))); }

    std::span<T> values() { return {value.data(), static_cast<std::size_t>(value.size())}; }
    std::span<const T> values() const { return {value.data(), static_cast<std::size_t>(value.size())}; }
    std::span<T> gradients() { return touched_.sums(); }
    std::span<const T> gradients() const { return touched_.sums(); }
    /// The sizes in memory; of a ragged pair, its rows.
    std::vector<std::int64_t> shape() const {
        const auto memory = value.memory();
        return {memory.size, memory.size + decltype(value)::rank};
    }

private:
    typename backend_of<space_of<T>>::template touched_rows<T> touched_;
};

}  // namespace heed::inline HEED_TARGET::nn
