/// Numbers in registers: simd<T> and simd_mask<T>, their arithmetic, and their elementary functions.
#pragma once

#include "simd_math.hpp"
#include "simd_register.hpp"
