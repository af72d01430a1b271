/// Draws a place in a list in proportion to its weight, in constant time: the alias method.
///
/// Source: M. D. Vose, "A Linear Algorithm for Generating Random Numbers with a Given Distribution", IEEE Transactions
/// on Software Engineering 17 (1991). Every place shares an equal slot with at most one other place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "heed/random.hpp"

namespace feed {

class weighted_choice {
public:
    /// Weights are not negative, need not sum to one, and at least one is above zero.
    explicit weighted_choice(std::vector<double> weights) : keep_(weights.size(), 1.0F), other_(weights.size()) {
        std::iota(other_.begin(), other_.end(), 0);
        const double mean = std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(weights.size());
        std::vector<std::size_t> poor, rich;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            weights[i] /= mean;
            (weights[i] < 1 ? poor : rich).push_back(i);
        }
        while (!poor.empty() && !rich.empty()) {  // a rich place fills what a poor one leaves of its slot
            const std::size_t giver = rich.back(), taker = poor.back();
            poor.pop_back();
            keep_[taker] = static_cast<float>(weights[taker]);
            other_[taker] = static_cast<int>(giver);
            weights[giver] -= 1 - weights[taker];
            if (weights[giver] < 1) {
                rich.pop_back();
                poor.push_back(giver);
            }
        }
    }

    int operator()(heed::random_stream& random) const {
        const std::uint32_t slot = random.below(static_cast<std::uint32_t>(keep_.size()));
        return random.uniform() < keep_[slot] ? static_cast<int>(slot) : other_[slot];
    }

private:
    std::vector<float> keep_;  // the share of its slot that a place keeps to itself
    std::vector<int> other_;   // who has the rest
};

}  // namespace feed
