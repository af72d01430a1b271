/// Dropout: in training a number is zero with some probability, and the others are larger by as much.
#pragma once

#include <heed/nn/activations.hpp>
#include <heed/random.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace heed::inline HEED_TARGET::nn {

/// Names the random numbers of one training step: the same key drops the same numbers, in any order, on any threads.
struct random_key {
    std::uint64_t seed = 0;
    std::uint64_t step = 0;

    /// The key of the n-th place in a model that draws numbers of its own. Sites may have sites.
    constexpr random_key site(std::uint64_t n) const {
        const philox_block mixed = philox({low_word(seed), high_word(seed)}, {low_word(n), high_word(n), 0, 0x73697465});
        return {static_cast<std::uint64_t>(mixed[1]) << 32 | mixed[0], step};
    }
};

/// With u uniform in [0, 1), a function of the key and of the place of the number in memory:
///
///     y = x / (1 - rate) where u >= rate, else 0                dx = dy / (1 - rate) where u >= rate, else 0
///
/// so that the mean of y is x. Where u falls is not stored: backward computes it again.
/// Source: N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 2014.
struct dropout {
    double rate = 0;

    explicit constexpr dropout(double dropped = 0) : rate(dropped) {
        if (!(dropped >= 0 && dropped < 1)) throw value_error("dropout: the rate must lie in [0, 1), and is " + std::to_string(dropped) + ".");
    }

    /// x with some of it dropped, as a part of a larger equation. x is a tensor: its places name the numbers.
    auto operator()(const auto& x, random_key key) const {
        return where(random_uniform(key.seed, key.step, place_in(x)) >= rate, x * (1 / (1 - rate)), 0.0);
    }

    /// The same of the weights of attention, for its trace.
    weight_dropout of_weights(std::optional<random_key> key) const {
        if (!key) return {};
        return {rate, key->seed, key->step};
    }

    template <class X>
    struct trace_of {
        like<X> y, dx;
    };

    const auto& forward(const auto& x, random_key key, auto& trace) const { return trace.y = (*this)(x, key); }
    const auto& backward(const auto& dy, random_key key, auto& trace) const { return trace.dx = (*this)(dy, key); }

    static void parts(auto&, auto&&) {}
};

}  // namespace heed::inline HEED_TARGET::nn
