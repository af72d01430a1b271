// Tensors to try operations on, and comparison with plain loops in double.
#pragma once

#include <heed/eval/cpu/backend.hpp>
#include <heed/language.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

namespace oracle {

using namespace heed;

struct batch : axis<> {};
struct token : axis<> {};
struct model : axis<> {};
struct inner : axis<> {};
struct row   : axis<> {};
struct query : axis<> {};
struct key   : axis<> {};
struct head  : axis<2> {};
struct depth : axis<3> {};
using texts = ragged<batch, token>;

/// A number for a place, the same wherever it is asked for, between -2 and 2.
inline double number(int a, int b = 0, int c = 0, int d = 0) { return 2 * std::sin(1.0 + 12.9898 * a + 78.233 * b + 37.719 * c + 3.77 * d); }

/// The tensor that has f's values: f takes a position for each axis.
template <class T, class... A, class F>
void set(tensor<T, A...>& x, F&& f) {
    std::ptrdiff_t at[sizeof...(A)] = {}, size[sizeof...(A)] = {};
    int n = 0;
    ((size[n++] = extent_of<A>(x)), ...);
    for (T& element : x) {
        element = [&]<std::size_t... I>(std::index_sequence<I...>) { return static_cast<T>(f(static_cast<int>(at[I])...)); }(std::index_sequence_for<A...>());
        for (int i = sizeof...(A); i-- > 0;) {
            if (++at[i] < size[i]) break;
            at[i] = 0;
        }
    }
}
/// Whether a tensor has f's values.
template <class T, class... A, class F>
bool holds(const tensor<T, A...>& x, F&& f, double tolerance = 1e-5) {
    tensor<double, A...> expected;
    std::ptrdiff_t sizes[] = {extent_of<A>(x)...};
    expected.resize(sizes, nullptr, 0);
    set(expected, f);
    for (std::ptrdiff_t i = 0; i < x.size(); ++i) {
        const double a = static_cast<double>(x.data()[i]), b = expected.data()[i];
        if (!(a == b || (a != a && b != b) || std::abs(a - b) <= tolerance * (1 + std::abs(b)))) {
            UNSCOPED_INFO("element " << i << " is " << a << ", not " << b);
            return false;
        }
    }
    return true;
}

}  // namespace oracle
