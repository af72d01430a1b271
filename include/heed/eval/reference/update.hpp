/// Updates of what is learnt by plain loops, number by number.
#pragma once

#include <heed/eval/update_call.hpp>

#include <cmath>
#include <utility>

namespace heed::inline HEED_TARGET::reference {

template <class T, int Moments, class Rule, std::size_t... I>
void update_one(const detail::update_call<T, Moments, Rule>& call, detail::index at, detail::index of_gradient, T scale, std::index_sequence<I...>) {
    call.rule(call.value[at], scale * call.gradient[of_gradient], call.moment[I][at]...);
}

template <class T, int Moments, class Rule>
void update(std::span<const detail::update_call<T, Moments, Rule>> calls, T scale) {
    constexpr auto moments = std::make_index_sequence<static_cast<std::size_t>(Moments)>();
    for (const auto& call : calls) {
        if (call.width == 0)
            for (detail::index i = 0; i < call.size; ++i) update_one(call, i, i, scale, moments);
        for (detail::index i = 0; i < call.row_count * call.width; ++i) update_one(call, call.rows[i / call.width] * call.width + i % call.width, i, scale, moments);
    }
}

template <class T>
void sums_of_squares(std::span<const detail::gradient_numbers<T>> gradients, double* sums) {
    for (const auto& g : gradients) {
        double sum = 0;
        for (detail::index i = 0; i < g.count; ++i) sum += static_cast<double>(g.first[i]) * static_cast<double>(g.first[i]);
        *sums++ = sum;
    }
}

}  // namespace heed::inline HEED_TARGET::reference
