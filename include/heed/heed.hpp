/// The language, the kernels for the CPU, layers and trainers.
#pragma once

#include <heed/language.hpp>
#include <heed/eval/cpu/backend.hpp>
#include <heed/eval/reference/backend.hpp>
#include <heed/nn/parameter.hpp>
