/// What an optimizer asks of a backend: an update of numbers that are learnt, by a rule, and the length of their gradients.
#pragma once

#include <heed/shape.hpp>

#include <cstdint>
#include <span>

namespace heed::inline HEED_TARGET::detail {

/// rule(value, gradient, moment...) for each number, all but the gradient by reference, in whatever registers a backend
/// holds some of them. Of a sparse gradient, piece i is that of row rows[i], each row once.
template <class T, int Moments, class Rule>
struct update_call {
    T* value = nullptr;
    const T* gradient = nullptr;
    T* moment[Moments] = {};
    index size = 0;                         // numbers of the value
    const std::int32_t* rows = nullptr;
    index row_count = 0;
    const std::int32_t* rows_there = nullptr;       // where the host does not know how many rows there are: their number; row_count is the most
    index width = 0;                        // of a row; 0 where the gradient is dense
    Rule rule;
};

/// A gradient whose length is asked for, as update_call has it; its pieces follow one another.
template <class T>
struct gradient_numbers {
    const T* first = nullptr;
    index count = 0;
    const std::int32_t* rows_there = nullptr;
    index width = 0;
};

}  // namespace heed::inline HEED_TARGET::detail
