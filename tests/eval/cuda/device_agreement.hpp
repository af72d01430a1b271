// Holds what the kernels of a GPU make of a case against the reference, twice: the second time must give the same bits.
// What runs them is included before this: a GPU, or the simulator.
#pragma once

#include <catch2/catch.hpp>

#include "../compare.hpp"

template <class T, template <class> class Operands = cases::operands>
struct device_agreement {
    std::vector<Operands<T>> here;
    std::vector<Operands<heed::cuda::on<T>>> there;
    /// Of all sizes with fewer tokens.
    explicit device_agreement(int tokens = 1 << 30) {
        for (const cases::sizes& n : cases::all_sizes)
            if (n.tokens < tokens) here.emplace_back(n), there.emplace_back(n);
    }
    template <class Expression>
    void operator()(const char* name, Expression expression) {
        INFO(name);
        for (std::size_t i = 0; i < here.size(); ++i) {
            INFO(here[i].n);
            const auto expected = heed::reference::eval(expression(here[i]));
            std::remove_cvref_t<decltype(expected)> once, again;
            once = expression(there[i]);
            again = expression(there[i]);
            CHECK(cases::worst(once, expected) <= cases::tolerance<typename decltype(once)::value_type>);
            CHECK(cases::same_bits(once, again));
        }
    }
};
