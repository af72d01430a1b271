/// One vector for a sequence: the mean of its positions.
#pragma once

#include <heed/nn/activations.hpp>

namespace heed::inline HEED_TARGET::nn {

/// The mean over Token, of all positions or of those where the mask is true; a mean over nothing is 0. A ragged x has no
/// padding, and needs no mask.
///
///     y = sum_t mask_t x_t / n,   n = sum_t mask_t               dx_t = mask_t dy / n
///
/// What the mask hides has no influence, NaN included. There is nothing to learn, so there are no parts.
template <class Token>
struct mean_pooling {
    template <class X>
    struct trace_of {
        reduced<X, Token> y, count;
        like<X> dx;
    };

    static const auto& forward(const auto& x, auto& trace) { return trace.y = mean<Token>(x); }

    static const auto& forward(const auto& x, const auto& mask, auto& trace) {
        auto nowhere = position<Token>() < 0;           // lends the count the sizes of x, of whose values it takes none
        trace.count = max(sum<Token>(where(mask, 1.0, where(nowhere, x, 0.0))), 1.0);
        return trace.y = sum<Token>(where(mask, x, 0.0)) / trace.count;
    }

    static const auto& backward(const auto& dy, const auto& x, auto& trace) {
        take_shape(trace.dx, x);
        return trace.dx = broadcast<Token>(dy / max(lengths<Token>(x), 1));
    }

    static const auto& backward(const auto& dy, const auto& x, const auto& mask, auto& trace) {
        take_shape(trace.dx, x);
        return trace.dx = where(mask, dy / trace.count, 0.0);
    }

    static void parts(auto&, auto&&) {}
};

}  // namespace heed::inline HEED_TARGET::nn
