/// The position-wise network of a Transformer block, and the functions that bend it.
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/nn/parameter.hpp>

namespace heed::inline HEED_TARGET::nn {

/// x Phi(x), with Phi the distribution function of the normal: GELU as it is defined, by erf.
///
///     slope: Phi(x) + x phi(x),     phi(x) = exp(-x^2 / 2) / sqrt(2 pi)
///
/// Source: D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units", 2016.
struct gelu_by_erf {
    static auto value(const auto& x) { return gelu(x); }
    static auto slope(const auto& x) { return gelu_slope(x); }
};

/// GELU by tanh, as GPT-2 computes it: x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3). Up to 5e-4 off.
struct gelu_by_tanh {
    static auto value(const auto& x) { return gelu_tanh(x); }
    static auto slope(const auto& x) { return gelu_tanh_slope(x); }
};

/// max(x, 0); its slope at 0 is taken as 0.
struct rectifier {
    static auto value(const auto& x) { return relu(x); }
    static auto slope(const auto& x) { return where(x > 0, 1.0, 0.0); }
};

/// Two projections with a bend between them, at every position alike.
///
///     h = x W1 + b1        a = f(h)         y = a W2 + b2
///
///     dW2 += a dy          db2 += dy        dh = (dy W2) f'(h)
///     dW1 += x dh          db1 += dh        dx = dh W1
///
/// The weights start Xavier-uniform, the biases at zero.
template <class T, class Model, class Hidden, class Bend = gelu_by_erf>
struct feed_forward {
    parameter<T, Model, Hidden> w1;
    parameter<T, Hidden> b1;
    parameter<T, Hidden, Model> w2;
    parameter<T, Model> b2;

    explicit feed_forward(const auto&... sizes)
        : w1(role::weight, constant(0), sizes...), b1(role::bias, constant(0), sizes...), w2(role::weight, constant(0), sizes...),
          b2(role::bias, constant(0), sizes...) {
        w1.start = w2.start = xavier_uniform(extent_of<Model>(w1.value), extent_of<Hidden>(w1.value));
    }

    template <class X>
    struct trace_of {
        projected<X, Model, Hidden> h, a, dh;
        like<X> y, dx;
    };

    /// The equation itself, to be part of a larger one.
    auto operator()(const auto& x) const { return outputs(Bend::value(hidden(x))); }

    template <class X>
    like<X> forward(const X& x) const { return (*this)(x); }

    const auto& forward(const auto& x, auto& trace) const {
        prepare(x, trace);
        return trace.y = output(trace);
    }

    /// All but the last projection: a, before it becomes y.
    void prepare(const auto& x, auto& trace) const {
        trace.h = hidden(x);
        trace.a = Bend::value(trace.h);
    }
    /// The last projection, as a part of a larger equation (a residual).
    auto output(const auto& trace) const { return outputs(trace.a); }

    const auto& backward(const auto& dy, const auto& x, auto& trace) {
        w2.accumulate(trace.a * dy);
        b2.accumulate(dy);
        trace.dh = dot<Model>(dy, w2.value) * Bend::slope(trace.h);
        w1.accumulate(x * trace.dh);
        b1.accumulate(trace.dh);
        return trace.dx = dot<Hidden>(trace.dh, w1.value);
    }

    static void parts(auto& self, auto&& part) {
        part("w1", self.w1);
        part("b1", self.b1);
        part("w2", self.w2);
        part("b2", self.b2);
    }

private:
    auto hidden(const auto& x) const { return dot<Model>(x, w1) + b1.value; }
    auto outputs(const auto& a) const { return dot<Hidden>(a, w2) + b2.value; }
};

}  // namespace heed::inline HEED_TARGET::nn
