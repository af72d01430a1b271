/// The language, the layers and the trainers on a GPU, for a program's .cu files: `cuda::tensor<float, A...>` beside `tensor<float,
/// A...>`. Host and device exchange by assignment; a statement runs where its tensors live.
#pragma once

#if !defined(__CUDACC__)
#error "heed: heed/cuda.hpp is for .cu files, which nvcc compiles; a .cpp file includes heed/heed.hpp"
#endif

#include <heed/eval/cuda/device.cuh>
#include <heed/eval/cuda/graph.cuh>
#include <heed/eval/cuda/host_memory.cuh>
#include <heed/eval/reference/backend.hpp>
#include <heed/language.hpp>
#include <heed/models.hpp>

namespace heed::inline HEED_TARGET {

/// In a .cu file statements of the host run as plain loops: enough to prepare what goes to the device.
template <> struct backend_of<host> : reference::backend {};

}  // namespace heed::inline HEED_TARGET
