/// A layer on a branch beside its input: what every part of a Transformer's block is.
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/nn/dropout.hpp>
#include <heed/nn/layer_norm.hpp>

#include <optional>

namespace heed::inline HEED_TARGET::nn {

/// Where the norm stands: before the layer, on the way into it, or after the sum.
enum class norm_place { before, after };

/// With L the layer, N its norm and D dropout (in training alone):
///
///     before:   y = x + D(L(N x))                   after:   y = N(x + D(L x))
///
/// Backward, the sum hands its gradient to both of its terms:
///
///     before:   dx = dy + N'(L'(D'(dy)))            after:   ds = N'(dy)      dx = ds + L'(D'(ds))
///
/// The layer has `prepare(x, with.., trace)`, all but its last projection, `output(trace)`, that projection as a part of a
/// larger equation, so that the sum is its epilogue, and `backward(dy, x, with.., trace)`. `with` is what else it reads: a
/// mask, another sequence. With a random key there is dropout.
template <norm_place Norm>
struct residual {
    template <class X, class LayerTrace, class NormTrace>
    struct trace_of {
        NormTrace norm;
        LayerTrace layer;
        like<X> sum, dropped, dx;

        /// What the branch gave: the input of the next.
        const auto& output() const {
            if constexpr (Norm == norm_place::before) return sum;
            else return norm.y;
        }
    };

    static const auto& forward(const auto& norm, const auto& layer, const auto& x, auto& trace, dropout drop, std::optional<random_key> random, const auto&... with) {
        if constexpr (Norm == norm_place::before) layer.prepare(norm.forward(x, trace.norm), with..., trace.layer);
        else layer.prepare(x, with..., trace.layer);
        if (random && drop.rate > 0) {
            trace.dropped = layer.output(trace.layer);
            trace.sum = x + drop(trace.dropped, *random);
        } else trace.sum = x + layer.output(trace.layer);
        if constexpr (Norm == norm_place::before) return trace.sum;
        else return norm.forward(trace.sum, trace.norm);
    }

    static const auto& backward(auto& norm, auto& layer, const auto& dy, const auto& x, auto& trace, dropout drop, std::optional<random_key> random, const auto&... with) {
        if constexpr (Norm == norm_place::before) {
            const auto& dn = layer.backward(dropped(dy, trace, drop, random), trace.norm.y, with..., trace.layer);
            norm.learn(dn, x, trace.norm);
            return trace.dx = dy + norm.slope(dn, x, trace.norm);
        } else {
            const auto& ds = norm.backward(dy, trace.sum, trace.norm);
            return trace.dx = ds + layer.backward(dropped(ds, trace, drop, random), x, with..., trace.layer);
        }
    }

private:
    /// D'(dy): what was dropped forward has no gradient.
    static const auto& dropped(const auto& dy, auto& trace, dropout drop, std::optional<random_key> random) {
        if (!(random && drop.rate > 0)) return dy;
        return trace.dropped = drop(dy, *random);
    }
};

/// The key of the n-th place in a model, where there is one.
constexpr std::optional<random_key> site(std::optional<random_key> random, std::uint64_t n) {
    if (!random) return {};
    return random->site(n);
}

}  // namespace heed::inline HEED_TARGET::nn
