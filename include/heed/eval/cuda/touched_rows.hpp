/// The rows of a table that a step has touched, on a GPU: ids are sorted, and those that the list lacks are appended in the
/// order of their numbers. How many there are the device knows; the host knows how many there can be.
#pragma once

#include <heed/eval/cuda/ids.hpp>
#include <heed/eval/cuda/sort.hpp>

#include <algorithm>
#include <span>
#include <string_view>

namespace heed::inline HEED_TARGET::cuda {

/// Ids beside their places; one outside the table is noted, and is `rows`.
struct take_ids {
    static constexpr int threads = 256;
    const std::int32_t* ids;
    index count;
    id_limit limit;
    std::int32_t* id;
    std::int32_t* place;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread();
        if (n >= count) return;
        id[n] = limit.excludes(block, ids[n]) ? static_cast<std::int32_t>(limit.rows) : ids[n];
        place[n] = static_cast<std::int32_t>(n);
    }
};

/// 1 where a sorted id is the first of its run and the list lacks it.
struct find_new_rows {
    static constexpr int threads = 256;
    const std::int32_t* id;
    const std::int32_t* place_of_row;
    index count, rows;
    std::int32_t* is_new;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread();
        if (n >= count) return;
        is_new[n] = (n == 0 || id[n] != id[n - 1]) && id[n] < rows && place_of_row[id[n]] < 0;
    }
};

/// New rows go behind those that are there: before[n] new ones come before sorted id n.
struct append_rows {
    static constexpr int threads = 256;
    const std::int32_t* id;
    const std::int32_t* is_new;
    const std::int32_t* before;
    index count;
    const std::int32_t* there;
    std::int32_t* there_after;
    std::int32_t* place_of_row;
    std::int32_t* list;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread();
        if (n >= count) return;
        const std::int32_t at = *there + before[n];
        if (is_new[n]) place_of_row[id[n]] = at, list[at] = id[n];
        if (n + 1 == count) *there_after = at + is_new[n];
    }
};

/// Ids replaced by their rows' places in the list, -1 outside the table.
struct place_ids {
    static constexpr int threads = 256;
    std::int32_t* ids;
    index count, rows;
    const std::int32_t* place_of_row;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread();
        if (n < count) ids[n] = ids[n] >= 0 && ids[n] < rows ? place_of_row[ids[n]] : -1;
    }
};

/// The rows of a list are nowhere again.
struct forget_rows {
    static constexpr int threads = 256;
    const std::int32_t* list;
    const std::int32_t* there;
    std::int32_t* place_of_row;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread();
        if (n < *there) place_of_row[list[n]] = -1;
    }
};

/// What detail::touched_rows is on the host.
template <class Device, class T>
class touched_rows {
public:
    template <class Id>
    void number(Id* ids_there, index n, index rows_of_table, index width, std::string_view axis) {
        auto* const ids = reinterpret_cast<std::int32_t*>(ids_there);
        if (place_of_row_.size() != rows_of_table) {
            place_of_row_.resize(rows_of_table);
            Device::fill(place_of_row_.data(), 0xff, sizeof(std::int32_t) * static_cast<std::size_t>(rows_of_table));
            there_.resize(2);
            there_.zero();
        }
        const index most = std::min(most_ + n, rows_of_table);
        grow(list_, most_, most);
        grow(sums_, most_ * width, most * width);
        if (n > 0) {
            typename Device::temporaries memory;
            auto* const id = memory.template temporary<std::int32_t>(4 * n);
            auto *const place = id + n, *const is_new = place + n, *const before = is_new + n;
            Device::launch_each(take_ids{ids, n, {rows_of_table, axis, Device::note()}, id, place}, n);
            sort<Device>(id, place, n, rows_of_table);
            Device::launch_each(find_new_rows{id, place_of_row(), n, rows_of_table, is_new}, n);
            sums_before<Device>(is_new, before, n);
            auto *const now = reinterpret_cast<std::int32_t*>(there_.data()), *const after = now + 1;
            Device::launch_each(append_rows{id, is_new, before, n, now, after, place_of_row(), reinterpret_cast<std::int32_t*>(list_.data())}, n);
            Device::copy(now, after, sizeof(std::int32_t));
            Device::launch_each(place_ids{ids, n, rows_of_table, place_of_row()}, n);
        }
        most_ = most;
    }
    void clear() {
        if (most_ == 0) return;
        Device::launch_each(forget_rows{this->rows().data(), this->rows_there(), place_of_row()}, most_);
        there_.zero();
        most_ = 0;
        width_sums_ = 0;
    }
    /// As many as there can be; how many there are stands at rows_there.
    std::span<const std::int32_t> rows() const { return {reinterpret_cast<const std::int32_t*>(list_.data()), static_cast<std::size_t>(most_)}; }
    const std::int32_t* rows_there() const { return reinterpret_cast<const std::int32_t*>(there_.data()); }
    std::span<T> sums() { return {sums_.data(), static_cast<std::size_t>(width_sums_)}; }
    std::span<const T> sums() const { return {sums_.data(), static_cast<std::size_t>(width_sums_)}; }

private:
    std::int32_t* place_of_row() const { return reinterpret_cast<std::int32_t*>(place_of_row_.data()); }

    template <class U> void grow(detail::buffer<U>& memory, index used, index most) {
        if constexpr (std::is_same_v<U, T>) width_sums_ = most;
        if (most > memory.size()) {
            detail::buffer<U> larger;
            larger.resize(std::max(most, 2 * memory.size()));
            if (used > 0) Device::copy(larger.data(), memory.data(), sizeof(U) * static_cast<std::size_t>(used));
            memory = std::move(larger);
        }
        if constexpr (std::is_same_v<U, T>)
            if (most > used) Device::fill(memory.data() + used, 0, sizeof(U) * static_cast<std::size_t>(most - used));
    }

    detail::buffer<on<std::int32_t>> place_of_row_, list_, there_;
    detail::buffer<T> sums_;
    index most_ = 0, width_sums_ = 0;
};

}  // namespace heed::inline HEED_TARGET::cuda
