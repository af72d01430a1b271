/// Adam and AdamW: steps as long as the gradient is steady, number by number.
///
///     m <- beta1 m + (1 - beta1) g                    the mean of the gradient ...
///     v <- beta2 v + (1 - beta2) g^2                  ... and of its square, over some 1 / (1 - beta) steps
///     value <- value - rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
///
/// t counts the optimizer's updates; the divisions make up for moments that began at zero. The two differ in where the
/// decay acts. Adam adds decay * value to g (L2): it then passes through both moments, and a weight whose gradients are
/// large is hardly pulled at all. AdamW keeps it out of them, and every weight shrinks by the same factor:
///
///     value <- (1 - rate * decay) * value - rate * ...
///
/// Sources: D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015; I. Loshchilov and
/// F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include <heed/error.hpp>
#include <heed/target.hpp>
#include <heed/train/optimizer.hpp>

namespace heed::inline HEED_TARGET::train {

/// The arithmetic of both: `pull` of the value is added to the gradient, and the value is first multiplied by `shrink`.
template <class T>
struct adam_update {
    T keep1, add1, keep2, add2, small, pull, shrink, length, root;

    adam_update() = default;
    adam_update(const auto& rule, std::int64_t step, double rate, double value_in_gradient, double shrink_by)
        : keep1(number(rule.beta1)), add1(number(1 - rule.beta1)), keep2(number(rule.beta2)), add2(number(1 - rule.beta2)), small(number(rule.epsilon)),
          pull(number(value_in_gradient)), shrink(number(shrink_by)), length(number(rate / (1 - std::pow(rule.beta1, static_cast<double>(step))))),
          root(number(1 / std::sqrt(1 - std::pow(rule.beta2, static_cast<double>(step))))) {}

    template <class V>
    HEED_HOST_DEVICE void operator()(V& value, V gradient, V& first, V& second) const {
        using std::sqrt;
        const V g = gradient + V(pull) * value;
        first = V(keep1) * first + V(add1) * g;
        second = V(keep2) * second + V(add2) * (g * g);
        value = V(shrink) * value - V(length) * first / (sqrt(second) * V(root) + V(small));
    }

private:
    static T number(double x) { return static_cast<T>(x); }
};

/// Throws value_error where a moment would never forget, or the division could be by zero.
void check_adam(const char* name, const auto& rule) {
    if (!(rule.beta1 >= 0 && rule.beta1 < 1 && rule.beta2 >= 0 && rule.beta2 < 1))
        throw value_error(std::string(name) + ": beta1 and beta2 must lie in [0, 1), and are " + std::to_string(rule.beta1) + " and " +
                          std::to_string(rule.beta2) + ".");
    if (!(rule.epsilon > 0))
        throw value_error(std::string(name) + ": epsilon must be positive, and is " + std::to_string(rule.epsilon) + ".");
}

/// Adam with L2 in the gradient.
struct adam_rule {
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;      ///< outside the root
    weight_decay decay = {};

    static constexpr std::array<std::string_view, 2> moments{"first", "second"};

    void validate() const { check_adam("adam", *this); }

    template <class T>
    auto update(std::int64_t step, double rate, nn::role kind) const {
        return adam_update<value_of<T>>(*this, step, rate, decay.of(kind), 1);
    }
};

/// AdamW: decay apart from the moments.
struct adamw_rule {
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;      ///< outside the root
    weight_decay decay = {.weights = 0.01, .tables = 0};

    static constexpr std::array<std::string_view, 2> moments{"first", "second"};

    void validate() const { check_adam("adamw", *this); }

    template <class T>
    auto update(std::int64_t step, double rate, nn::role kind) const {
        return adam_update<value_of<T>>(*this, step, rate, 0, 1 - rate * decay.of(kind));
    }
};

template <class T>
using adam = optimizer<T, adam_rule>;

template <class T>
using adamw = optimizer<T, adamw_rule>;

}  // namespace heed::inline HEED_TARGET::train
