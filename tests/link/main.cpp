#include "unit.hpp"

#include <cstdio>

int main() {
    bool right = true;
    for (const ran& unit : {unit_portable(), unit_native(), unit_threaded()}) {
        std::printf("compiled for %s, ran %s\n", unit.compiled_for.c_str(), unit.ran_for.c_str());
        right = right && unit.compiled_for == unit.ran_for;
    }
    return !right;
}
