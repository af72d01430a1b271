// What each unit tells of itself: what it was compiled for, what the code that it ran was compiled for, and what came out.
#pragma once

#include <string>

struct ran {
    std::string compiled_for, ran_for;
    double attended;
};

ran unit_portable();
ran unit_native();
ran unit_threaded();
