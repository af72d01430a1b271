/// The language, the kernels for the CPU, layers, trainers and metrics. Tokenizers, files, checkpoints, printing and other
/// libraries' types are included by name. A header that says this may be included in a .cu file too: nvcc gets heed/cuda.hpp.
#pragma once

#if defined(__CUDACC__)
#include <heed/cuda.hpp>
#else
#include <heed/language.hpp>
#include <heed/eval/cpu/backend.hpp>
#include <heed/eval/reference/backend.hpp>
#include <heed/models.hpp>
#endif
