/// A table of which a step touches a few rows: its gradient holds those rows alone.
#pragma once

#include <heed/nn/initial.hpp>
#include <heed/nn/parameter.hpp>
#include <heed/nn/visit.hpp>
#include <heed/language.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
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
        place_.resize(static_cast<std::size_t>(extent_of<Row>(value)), nowhere);
        slots = ids;
        const std::size_t most = std::min(place_.size(), rows_.size() + static_cast<std::size_t>(slots.size()));
        rows_.reserve(most);                // so that a later batch of as many ids, fewer of them twice, allocates nothing
        sums_.reserve(most * width());
        for (auto& id : slots) id = place_of(id);
        sums_.resize(rows_.size() * width());
        view<T, touched, A...> sums(sums_.data(), touched{rows_.size()}, A{extent_of<A>(value)}...);
        scatter_add<touched>(sums, slots, dy);
    }

    void clear_gradient() {
        for (const int row : rows_) place_[static_cast<std::size_t>(row)] = nowhere;
        rows_.clear();
        sums_.clear();
    }

    std::span<const int> rows() const { return rows_; }
    /// The numbers of one row.
    std::size_t width() const { return (std::size_t{1} * ... * static_cast<std::size_t>(extent_of<A>(value))); }

    std::span<T> values() { return {value.data(), static_cast<std::size_t>(value.size())}; }
    std::span<const T> values() const { return {value.data(), static_cast<std::size_t>(value.size())}; }
    std::span<T> gradients() { return sums_; }
    std::span<const T> gradients() const { return sums_; }
    /// The sizes in memory; of a ragged pair, its rows.
    std::vector<std::int64_t> shape() const {
        const auto memory = value.memory();
        return {memory.size, memory.size + decltype(value)::rank};
    }

private:
    static constexpr int nowhere = -1;

    int place_of(int row) {
        if (row < 0 || static_cast<std::size_t>(row) >= place_.size())
            throw value_error("Row " + std::to_string(row) + " was looked up in a table of " + std::to_string(place_.size()) + ".");
        int& place = place_[static_cast<std::size_t>(row)];
        if (place == nowhere) {
            place = static_cast<int>(rows_.size());
            rows_.push_back(row);
        }
        return place;
    }

    std::vector<int> rows_;
    std::vector<T> sums_;
    std::vector<int> place_;        // of each row of the table, its place in rows_
};

}  // namespace heed::inline HEED_TARGET::nn
