/// Clipping by the global norm: all gradients of a model are one vector, and it is never longer than the limit.
#pragma once

#include <cmath>
#include <span>
#include <string>
#include <string_view>

#include <heed/error.hpp>
#include <heed/nn/visit.hpp>
#include <heed/target.hpp>
#include <heed/train/pieces.hpp>

namespace heed::inline HEED_TARGET::train {

/// The Euclidean norm of scale times all gradients that are to be followed. In a sparse gradient each row occurs once,
/// however often it was looked up, so that it counts with its sum. Throws value_error where it is not finite, and names
/// the first parameter at fault.
template <class Model>
double global_norm(const Model& model, double scale = 1) {
    double squares = 0;
    nn::visit(model, [&](std::string_view name, const auto& parameter) {
        if (parameter.frozen) return;
        const double of_this = sum_of_squares(std::span(parameter.gradients()));
        if (!std::isfinite(of_this))
            throw value_error("The gradient of " + std::string(name) + " is not finite: its sum of squares is " +
                              std::to_string(of_this) + ".");
        squares += of_this;
    });
    return std::abs(scale) * std::sqrt(squares);
}

/// What clipping found, and what the gradients are to be multiplied with.
struct clipped {
    double norm;     ///< of scale * gradient, before clipping
    double scale;    ///< hand it to the optimizer's step, which applies it on the way: the gradients are not written
};

/// The scale that leaves scale * gradient as it is where its global norm is within the limit, and else shortens it to
/// the limit. Throws value_error where the norm is not finite or the limit not positive.
/// Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
template <class Model>
clipped clip_by_global_norm(const Model& model, double limit, double scale = 1) {
    if (!(limit > 0)) throw value_error("clip_by_global_norm: the limit must be positive, and is " + std::to_string(limit) + ".");
    const double norm = global_norm(model, scale);
    return {norm, norm > limit ? scale * (limit / norm) : scale};
}

}  // namespace heed::inline HEED_TARGET::train
