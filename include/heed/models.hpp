/// What models are made of, in any space: layers, trainers and metrics. heed/heed.hpp and heed/cuda.hpp bring it with a backend.
#pragma once

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
