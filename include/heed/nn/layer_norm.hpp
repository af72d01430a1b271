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
        gain.value = T(1);
    }

    template <class X>
    struct trace_of {
        reduced<X, Model> mean, scale;
        like<X> normal, y, dx;
    };

    template <class X>
    like<X> forward(const X& x) const {
        auto centred = x - mean<Model>(x);
        return centred * rsqrt(mean<Model>(centred * centred) + epsilon) * gain.value + bias.value;
    }

    const auto& forward(const auto& x, auto& trace) const {
        trace.mean = mean<Model>(x);
        trace.scale = rsqrt(mean<Model>((x - trace.mean) * (x - trace.mean)) + epsilon);
        trace.normal = (x - trace.mean) * trace.scale;
        return trace.y = trace.normal * gain.value + bias.value;
    }

    const auto& backward(const auto& dy, auto& trace) {
        gain.accumulate(dy * trace.normal);
        bias.accumulate(dy);
        auto dnormal = dy * gain.value;
        return trace.dx = trace.scale * (dnormal - mean<Model>(dnormal) - trace.normal * mean<Model>(dnormal * trace.normal));
    }
    /// The same, of the form that other layers have.
    const auto& backward(const auto& dy, const auto&, auto& trace) { return backward(dy, trace); }

    static void parts(auto& self, auto&& part) {
        part("gain", self.gain);
        part("bias", self.bias);
    }
};

}  // namespace heed::inline HEED_TARGET::nn
