#include "unit.hpp"

#include <cmath>
#include <cstdio>

int main() {
    bool right = true;
    const double expected = unit_portable().attended;
    for (const ran& unit : {unit_portable(), unit_native(), unit_threaded()}) {
        std::printf("compiled for %s, ran %s: %.9g\n", unit.compiled_for.c_str(), unit.ran_for.c_str(), unit.attended);
        right = right && unit.compiled_for == unit.ran_for && std::abs(unit.attended - expected) <= 1e-5 * std::abs(expected);
    }
    return !right;
}
