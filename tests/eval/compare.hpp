// How far what a backend computed is from the reference, and whether two results are the same bits.
#pragma once

#include <cmath>
#include <cstring>
#include <type_traits>

#include "cases.hpp"

namespace cases {

/// The largest error |a - b| / (1 + |b|); infinite where one is NaN or infinite and the other is not the same.
template <class T, class... A>
double worst(const tensor<T, A...>& a, const tensor<T, A...>& b) {
    if (a.size() != b.size()) return INFINITY;
    double most = 0;
    for (std::ptrdiff_t i = 0; i < a.size(); ++i) {
        const auto x = static_cast<double>(a.data()[i]), y = static_cast<double>(b.data()[i]);
        if (x == y || (x != x && y != y)) continue;
        const double error = std::abs(x - y) / (1 + std::abs(y));
        most = error <= most ? most : std::isfinite(error) ? error : INFINITY;
    }
    return most;
}

template <class T, class... A>
bool same_bits(const tensor<T, A...>& a, const tensor<T, A...>& b) {
    return a.size() == b.size() && (a.size() == 0 || std::memcmp(a.data(), b.data(), sizeof(T) * static_cast<std::size_t>(a.size())) == 0);
}

template <class T> inline constexpr double tolerance = std::is_same_v<T, double> ? 1e-12 : std::is_same_v<T, float> ? 1e-4 : 0;

}  // namespace cases
