/// Layer normalisation: mean 0 and variance 1 along one axis, then a learnt gain and bias.
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/nn/parameter.hpp>

namespace heed::inline HEED_TARGET::nn {

/// With m the mean along Model and s = 1 / sqrt(mean((x - m)^2) + epsilon), the variance over the M numbers, not M - 1:
///
///     n = (x - m) s             y = n gain + bias
///
/// Backward. y depends on gain and bias directly: dgain = sum n dy, dbias = sum dy, dn = dy gain. n depends on x directly,
/// through m, and through s:
///
///     dn_j / dx_i = s (delta_ij - 1/M) - n_j n_i s / M         since ds/dx_i = -s^3 (x_i - m) / M = -s^2 n_i / M
///     dx = s (dn - mean(dn) - n mean(n dn))
///
/// epsilon 1e-5 keeps rows without variance finite: they give the bias.
/// Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization", 2016.
template <class T, class Model>
struct layer_norm {
    static constexpr double epsilon = 1e-5;

    parameter<T, Model> gain, bias;

    explicit layer_norm(const auto&... sizes) : gain(role::gain, constant(1), sizes...), bias(role::bias, constant(0), sizes...) {
        gain.value = 1;
    }

    template <class X>
    struct trace_of {
        reduced<X, Model> mean, scale;
        like<X> y, dx;
    };
    /// What the output needs that no gradient will follow.
    template <class X>
    struct scratch_of {
        like<X> y;
    };

    /// The equation itself, to be part of a larger one.
    auto operator()(const auto& x) const {
        auto centred = x - mean<Model>(x);
        return centred * rsqrt(mean<Model>(centred * centred) + epsilon) * gain.value + bias.value;
    }

    template <class X>
    like<X> forward(const X& x) const { return (*this)(x); }

    template <class X>
    const auto& forward(const X& x, scratch_of<X>& kept) const { return kept.y = (*this)(x); }

    const auto& forward(const auto& x, auto& trace) const {
        trace.mean = mean<Model>(x);
        trace.scale = rsqrt(mean<Model>((x - trace.mean) * (x - trace.mean)) + epsilon);
        return trace.y = normal(x, trace) * gain.value + bias.value;
    }

    const auto& backward(const auto& dy, const auto& x, auto& trace) {
        learn(dy, x, trace);
        return trace.dx = slope(dy, x, trace);
    }

    /// dgain and dbias alone.
    void learn(const auto& dy, const auto& x, const auto& trace) {
        gain.accumulate(dy * normal(x, trace));
        bias.accumulate(dy);
    }
    /// dx, to be part of a larger equation (a residual).
    auto slope(const auto& dy, const auto& x, const auto& trace) const {
        auto dnormal = dy * gain.value;
        auto n = normal(x, trace);
        return trace.scale * (dnormal - mean<Model>(dnormal) - n * mean<Model>(dnormal * n));
    }
    static auto normal(const auto& x, const auto& trace) { return (x - trace.mean) * trace.scale; }

    static void parts(auto& self, auto&& part) {
        part("gain", self.gain);
        part("bias", self.bias);
    }
};

}  // namespace heed::inline HEED_TARGET::nn
