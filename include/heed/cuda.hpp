/// The language, the layers and the trainers on a GPU, for a program's .cu files: `cuda::tensor<float, A...>` beside `tensor<float,
/// A...>`. Host and device exchange by assignment; a statement runs where its tensors live.
#pragma once

#if !defined(__CUDACC__)
#error "heed: heed/cuda.hpp is for .cu files, which nvcc compiles; a .cpp file includes heed/heed.hpp"
#endif

#include <heed/eval/cuda/device.cuh>
#include <heed/eval/reference/backend.hpp>
#include <heed/language.hpp>

#include <heed/nn/activations.hpp>
#include <heed/nn/attention.hpp>
#include <heed/nn/copy.hpp>
#include <heed/nn/decoder.hpp>
#include <heed/nn/dropout.hpp>
#include <heed/nn/embedding.hpp>
#include <heed/nn/feed_forward.hpp>
#include <heed/nn/initial.hpp>
#include <heed/nn/layer_norm.hpp>
#include <heed/nn/linear.hpp>
#include <heed/nn/loss.hpp>
#include <heed/nn/parameter.hpp>
#include <heed/nn/pooling.hpp>
#include <heed/nn/projected_loss.hpp>
#include <heed/nn/transformer.hpp>

#include <heed/train/accumulation.hpp>
#include <heed/train/adam.hpp>
#include <heed/train/batches.hpp>
#include <heed/train/clipping.hpp>
#include <heed/train/schedule.hpp>
#include <heed/train/sgd.hpp>

#include <heed/metrics/auc.hpp>
#include <heed/metrics/calibration.hpp>
#include <heed/metrics/latency.hpp>
#include <heed/metrics/log_loss.hpp>
#include <heed/metrics/perplexity.hpp>
#include <heed/metrics/ranking.hpp>

namespace heed::inline HEED_TARGET {

/// In a .cu file statements of the host run as plain loops: enough to prepare what goes to the device.
template <> struct backend_of<host> : reference::backend {};

}  // namespace heed::inline HEED_TARGET
