// Holds what the kernels of a GPU make of a case, run on the host, against the reference.
#pragma once

#include "simulator.hpp"

#include "../agreement.hpp"

template <class T, template <class> class Operands = cases::operands>
struct device_agreement {
    std::vector<Operands<T>> here;
    std::vector<Operands<heed::cuda::on<T>>> there;
    device_agreement() {
        for (const cases::sizes& n : cases::all_sizes)
            if (n.tokens < 60) here.emplace_back(n), there.emplace_back(n);
    }
    template <class Expression>
    void operator()(const char* name, Expression expression) {
        INFO(name);
        for (std::size_t i = 0; i < here.size(); ++i) {
            INFO(here[i].n);
            const auto expected = heed::reference::eval(expression(here[i]));
            std::remove_cvref_t<decltype(expected)> computed;
            computed = expression(there[i]);
            CHECK(cases::worst(computed, expected) <= cases::tolerance<typename decltype(computed)::value_type>);
        }
    }
};
