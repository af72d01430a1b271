/// The rows of a table that a step has touched, and for each the sum of its gradients, on the host.
#pragma once

#include <heed/error.hpp>
#include <heed/shape.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heed::inline HEED_TARGET::detail {

/// A list of rows, each once, in the order in which it was first met.
template <class T>
class touched_rows {
public:
    /// Puts n ids, each the number of a row, in its place in the list; the sums of new rows are zeros.
    void number(std::int32_t* ids, index n, index rows_of_table, index width, std::string_view) {
        place_.resize(static_cast<std::size_t>(rows_of_table), nowhere);
        const std::size_t most = std::min(place_.size(), rows_.size() + static_cast<std::size_t>(n));
        rows_.reserve(most);                // so that a later batch of as many ids, fewer of them twice, allocates nothing
        sums_.reserve(most * static_cast<std::size_t>(width));
        for (index i = 0; i < n; ++i) ids[i] = place_of(ids[i]);
        sums_.resize(rows_.size() * static_cast<std::size_t>(width));
    }
    void clear() {
        for (const std::int32_t row : rows_) place_[static_cast<std::size_t>(row)] = nowhere;
        rows_.clear();
        sums_.clear();
    }
    std::span<const std::int32_t> rows() const { return rows_; }
    std::span<T> sums() { return sums_; }
    std::span<const T> sums() const { return sums_; }

private:
    static constexpr std::int32_t nowhere = -1;

    std::int32_t place_of(std::int32_t row) {
        if (row < 0 || static_cast<std::size_t>(row) >= place_.size())
            throw value_error("Row " + std::to_string(row) + " was looked up in a table of " + std::to_string(place_.size()) + ".");
        std::int32_t& place = place_[static_cast<std::size_t>(row)];
        if (place == nowhere) {
            place = static_cast<std::int32_t>(rows_.size());
            rows_.push_back(row);
        }
        return place;
    }

    std::vector<std::int32_t> rows_;
    std::vector<T> sums_;
    std::vector<std::int32_t> place_;       // of each row of the table, its place in rows_
};

}  // namespace heed::inline HEED_TARGET::detail
