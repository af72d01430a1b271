// Holds what the CPU makes of a case against the reference, for every size, with one thread and with two.
#pragma once

#include <heed/eval/cpu/backend.hpp>
#include <heed/eval/reference/backend.hpp>

#include <catch2/catch.hpp>

#include "compare.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace cases {

inline void use_threads([[maybe_unused]] int n) {
#if defined(_OPENMP)
    omp_set_num_threads(n);
#endif
}

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
