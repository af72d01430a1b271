// What each unit tells of itself: what it was compiled for, and what the code that it ran was compiled for.
#pragma once

#include <string>

struct ran {
    std::string compiled_for, ran_for;
};

ran unit_portable();
ran unit_native();
ran unit_threaded();
