/// Updates of what is learnt on the CPU: one pass over memory, cut into pieces that are a function of the length alone.
#pragma once

#include <heed/eval/cpu/simd.hpp>
#include <heed/eval/update_call.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace heed::inline HEED_TARGET::cpu {

using heed::detail::update_call, heed::detail::gradient_numbers;

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

namespace updates {

/// Asks memory for a row that comes soon: rows lie anywhere, and no hardware foresees them.
template <class... T>
void ask_for(std::size_t at, std::size_t width, const T*... from) {
    for (std::size_t i = 0; i < width; i += 64 / (sizeof(T) + ...) * sizeof...(T)) (__builtin_prefetch(from + at + i, 1), ...);
}

/// In registers; what is left at the end takes part of one, so that every number meets the same arithmetic.
template <class T>
void pass(T* value, const T* gradient, std::size_t count, T scale, const auto& rule, auto*... moment) {
    using several = simd<T>;
    constexpr std::size_t lanes = several::lanes;
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes)
        [&](several v, several g, auto... m) {
            rule(v, several(scale) * g, m...);
            v.store(value + i);
            (m.store(moment + i), ...);
        }(several::load(value + i), several::load(gradient + i), several::load(moment + i)...);
    if (const int left = static_cast<int>(count - i); left > 0)
        [&](several v, several g, auto... m) {
            rule(v, several(scale) * g, m...);
            v.store(value + i, left);
            (m.store(moment + i, left), ...);
        }(several::load(value + i, left), several::load(gradient + i, left), several::load(moment + i, left)...);
}

template <class T, int Moments, class Rule, std::size_t... I>
void update(const update_call<T, Moments, Rule>& call, T scale, std::index_sequence<I...>) {
    const auto width = static_cast<std::size_t>(call.width), size = static_cast<std::size_t>(call.size), rows = static_cast<std::size_t>(call.row_count);
    if (width > 0)
        for_pieces(rows, piece_length(rows, 1 + 8192 / width), [&](std::size_t, std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                if (i + 2 < end) ask_for(static_cast<std::size_t>(call.rows[i + 2]) * width, width, call.value, call.moment[I]...);
                const std::size_t at = static_cast<std::size_t>(call.rows[i]) * width;
                pass(call.value + at, call.gradient + i * width, width, scale, call.rule, (call.moment[I] + at)...);
            }
        });
    else
        for_pieces(size, piece_length(size), [&](std::size_t, std::size_t begin, std::size_t end) {
            pass(call.value + begin, call.gradient + begin, end - begin, scale, call.rule, (call.moment[I] + begin)...);
        });
}

}  // namespace updates

/// Every call, with gradients times scale.
template <class T, int Moments, class Rule>
void update(std::span<const update_call<T, Moments, Rule>> calls, T scale) {
    for (const auto& call : calls) updates::update(call, scale, std::make_index_sequence<static_cast<std::size_t>(Moments)>());
}

/// The sum of squares of each gradient.
template <class T>
void sums_of_squares(std::span<const gradient_numbers<T>> gradients, double* sums) {
    for (const auto& g : gradients) *sums++ = sum_of_squares(std::span<const T>(g.first, static_cast<std::size_t>(g.count)));
}

}  // namespace heed::inline HEED_TARGET::cpu
