/// Sizes and strides without names, and the errors of sizes that only the run knows.
#pragma once

#include <heed/axis.hpp>
#include <heed/error.hpp>
#include <heed/target.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace heed::inline HEED_TARGET {

namespace detail {

using index = std::ptrdiff_t;

/// Memory with a size and a stride (in elements) for each item. A ragged item's size is its number of rows in all;
/// segment s of it is the rows offsets[s] to offsets[s + 1].
template <class T, int Rank>
struct strided {
    T* data = nullptr;
    index size[Rank > 0 ? Rank : 1] = {};
    index stride[Rank > 0 ? Rank : 1] = {};
    const index* offsets = nullptr;
    index segments = 0;

    template <class U>
        requires(std::is_same_v<U, const T> && !std::is_const_v<T>)
    operator strided<U, Rank>() const {
        strided<U, Rank> result;
        result.data = data;
        for (int i = 0; i < Rank; ++i) result.size[i] = size[i], result.stride[i] = stride[i];
        result.offsets = offsets;
        result.segments = segments;
        return result;
    }
    constexpr index count() const {
        index product = 1;
        for (int i = 0; i < Rank; ++i) product *= size[i];
        return product;
    }
};

/// Whether elements follow one another in the order of the items.
template <class T, int Rank>
constexpr bool is_dense(const strided<T, Rank>& m) {
    index step = 1;
    for (int i = Rank; i-- > 0; step *= m.size[i])
        if (m.size[i] != 1 && m.stride[i] != step) return false;
    return true;
}

[[noreturn, gnu::cold]] inline void throw_sizes_differ(std::string_view name, index one, index other) {
    throw shape_error("axis " + std::string(name) + " has size " + std::to_string(one) + " in one operand and " + std::to_string(other) + " in another");
}
[[noreturn, gnu::cold]] inline void throw_size_unknown(std::string_view name) {
    throw shape_error("nothing in the statement says how long axis " + std::string(name) + " is");
}
[[noreturn, gnu::cold]] inline void throw_wrong_static_size(std::string_view name, index of_type, index given) {
    throw shape_error("axis " + std::string(name) + " has size " + std::to_string(of_type) + " by its type, not " + std::to_string(given));
}
[[noreturn, gnu::cold]] inline void throw_destination_differs(std::string_view name, index destination, index result) {
    throw shape_error("axis " + std::string(name) + " has size " + std::to_string(destination) + " in the destination and " +
                      std::to_string(result) + " in the result");
}
[[noreturn, gnu::cold]] inline void throw_lengths_differ(std::string_view name) {
    throw shape_error("the sequences of ragged axis " + std::string(name) + " have other lengths in one operand than in another");
}
[[noreturn, gnu::cold]] inline void throw_ragged_meets_plain(std::string_view name, index plain) {
    throw shape_error("axis " + std::string(name) + " is ragged in one operand and has the one size " + std::to_string(plain) + " in another");
}
[[noreturn, gnu::cold]] inline void throw_negative_size(std::string_view name, index given) {
    throw shape_error("axis " + std::string(name) + " cannot have size " + std::to_string(given));
}

}  // namespace detail
}  // namespace heed::inline HEED_TARGET
