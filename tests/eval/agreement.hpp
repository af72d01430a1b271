// Holds what the CPU makes of a case against the reference, for every size, with one thread and with two.
#pragma once

#include <heed/eval/cpu/backend.hpp>
#include <heed/eval/reference/backend.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>

#include "cases.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace cases {

inline void use_threads([[maybe_unused]] int n) {
#if defined(_OPENMP)
    omp_set_num_threads(n);
#endif
}

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

/// Checks every case that it is called with, over all sizes.
template <class T>
struct agreement {
    std::vector<operands<T>> all;
    agreement() {
        for (const sizes& n : all_sizes) all.emplace_back(n);
    }
    template <class Expression>
    void operator()(const char* name, Expression expression) {
        INFO(name);
        for (operands<T>& o : all) {
            INFO(o.n);
            const auto e = expression(o);
            using element = typename std::remove_cvref_t<decltype(eval(e))>::value_type;
            use_threads(1);
            const auto once = eval(e);
            use_threads(2);
            const auto again = eval(e);
            CHECK(same_bits(once, again));
            CHECK(worst(once, reference::eval(e)) <= tolerance<element>);
        }
    }
};

}  // namespace cases
