/// A projection: y = x W + b along one axis.
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/nn/parameter.hpp>

namespace heed::inline HEED_TARGET::nn {

/// From axis In to axis Out, at every place of the other axes of x, however many there are.
///
///     y[.., o]  = sum_i x[.., i] W[i, o] + b[o]
///
///     dW[i, o] += sum_.. x[.., i] dy[.., o]        db[o] += sum_.. dy[.., o]        dx[.., i] = sum_o dy[.., o] W[i, o]
///
/// W starts Xavier-uniform, b at zero.
template <class T, class In, class Out>
struct linear {
    parameter<T, In, Out> weight;
    parameter<T, Out> bias;

    explicit linear(const auto&... sizes) : weight(role::weight, constant(0), sizes...), bias(role::bias, constant(0), sizes...) {
        weight.start = xavier_uniform(extent_of<In>(weight.value), extent_of<Out>(weight.value));
    }

    template <class X>
    struct trace_of {
        projected<X, In, Out> y;
        like<X> dx;
    };

    /// The equation itself, to be part of a larger one.
    auto operator()(const auto& x) const { return dot<In>(x, weight) + bias.value; }

    template <class X>
    projected<X, In, Out> forward(const X& x) const { return (*this)(x); }

    const auto& forward(const auto& x, auto& trace) const { return trace.y = (*this)(x); }

    const auto& backward(const auto& dy, const auto& x, auto& trace) {
        weight.accumulate(x * dy);
        bias.accumulate(dy);
        return trace.dx = dot<Out>(dy, weight.value);
    }

    static void parts(auto& self, auto&& part) {
        part("weight", self.weight);
        part("bias", self.bias);
    }
};

}  // namespace heed::inline HEED_TARGET::nn
