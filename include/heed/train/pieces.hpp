/// Long arrays cut into pieces that threads share, so that the same numbers come out whatever the number of threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <heed/target.hpp>

namespace heed::inline HEED_TARGET::train {

/// The most pieces of one array: enough for the threads of one machine, few enough to keep a sum of each on the stack.
inline constexpr std::size_t most_pieces = 64;

/// The length of a piece of an array of `count`: a function of the count alone, never of the threads.
constexpr std::size_t piece_length(std::size_t count, std::size_t least = 8192) {
    return std::max(least, (count + most_pieces - 1) / most_pieces);
}

/// Calls f(piece, begin, end) for each piece of [0, count); with OpenMP, in parallel. The pieces must not depend on each other.
template <class F>
void for_pieces(std::size_t count, std::size_t length, const F& f) {
    const auto pieces = static_cast<std::int64_t>((count + length - 1) / length);
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (pieces > 1)
#endif
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
        const std::size_t begin = static_cast<std::size_t>(piece) * length;
        f(static_cast<std::size_t>(piece), begin, std::min(begin + length, count));
    }
}

/// The sum of squares, in double: lanes within a piece, pieces in order.
template <class T>
double sum_of_squares(std::span<const T> values) {
    std::array<double, most_pieces> sums{};
    for_pieces(values.size(), piece_length(values.size()), [&](std::size_t piece, std::size_t begin, std::size_t end) {
        constexpr std::size_t lanes = 16;
        std::array<double, lanes> partial{};
        const T* const value = values.data();
        std::size_t i = begin;
        for (; i + lanes <= end; i += lanes)
            for (std::size_t lane = 0; lane < lanes; ++lane) {
                const auto x = static_cast<double>(value[i + lane]);
                partial[lane] += x * x;
            }
        double sum = 0;
        for (const double lane : partial) sum += lane;
        for (; i < end; ++i) sum += static_cast<double>(value[i]) * static_cast<double>(value[i]);
        sums[piece] = sum;
    });
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
}

}  // namespace heed::inline HEED_TARGET::train
