/// Stochastic gradient descent, with momentum and Nesterov's look ahead.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <heed/error.hpp>
#include <heed/target.hpp>
#include <heed/train/optimizer.hpp>

namespace heed::inline HEED_TARGET::train {

/// With g the gradient plus decay * value, and velocity u (as PyTorch defines it: the rate is not inside u):
///
///     u     <- momentum u + g
///     value <- value - rate * u                       nesterov: value - rate * (g + momentum u)
///
/// Source: I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
/// Rows of a sparse table that an update does not touch keep value and velocity.
template <class T>
struct sgd_update {
    T step, kept, pull, of_gradient, of_velocity;

    template <class V>
    HEED_HOST_DEVICE void operator()(V& value, V gradient, V& velocity) const {
        const V g = gradient + V(pull) * value;
        velocity = V(kept) * velocity + g;
        value = value - V(step) * (V(of_gradient) * g + V(of_velocity) * velocity);
    }
};

struct sgd_rule {
    double momentum = 0;
    bool nesterov = false;
    weight_decay decay = {};

    static constexpr std::array<std::string_view, 1> moments{"velocity"};

    void validate() const {
        if (!(momentum >= 0 && momentum < 1))
            throw value_error("sgd: momentum must lie in [0, 1), and is " + std::to_string(momentum) + ".");
        if (nesterov && momentum == 0) throw value_error("sgd: Nesterov's step looks ahead along the momentum, which is 0.");
    }

    template <class T>
    auto update(std::int64_t, double rate, nn::role kind) const {
        const auto number = [](double x) { return static_cast<value_of<T>>(x); };
        return sgd_update<value_of<T>>{number(rate), number(momentum), number(decay.of(kind)), number(nesterov ? 1 : 0), number(nesterov ? momentum : 1)};
    }
};

template <class T>
using sgd = optimizer<T, sgd_rule>;

}  // namespace heed::inline HEED_TARGET::train
