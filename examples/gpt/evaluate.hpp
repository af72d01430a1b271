/// How well a model knows a text that it did not learn from.
#pragma once

#include <gpt/model.hpp>

#include <heed/metrics/perplexity.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

namespace gpt {

struct evaluation {
    heed::metrics::perplexity_sum sum;
    double bits_per_byte(std::size_t bytes) const { return sum.mean_loss() * static_cast<double>(sum.tokens()) / std::log(2.0) / static_cast<double>(bytes); }
};

/// The loss of every token but the first, each given at most a context of those before it: windows of a context one after
/// another, 32 at a time. `most` tokens from the front; all of them, if it is 0.
inline evaluation evaluate(const language_model& gpt, std::span<const int> text, std::size_t most = 0) {
    const std::size_t context = static_cast<std::size_t>(gpt.places());
    if (most > 0) text = text.first(std::min(text.size(), most));
    evaluation found;
    language_model::scratch_of<ids> kept;
    ids read, targets;
    for (std::size_t begin = 0; begin + 1 < text.size();) {
        const std::size_t left = text.size() - 1 - begin, length = std::min(context, left), rows = std::clamp<std::size_t>(left / length, 1, 32);
        read.resize(sequence{rows}, token{length});
        targets.resize(sequence{rows}, token{length});
        std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(begin), rows * length, read.begin());
        std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(begin) + 1, rows * length, targets.begin());
        const auto loss = gpt.loss(gpt.forward(read, kept), targets, kept);
        found.sum.add(loss.mean(), static_cast<std::size_t>(loss.count));
        begin += rows * length;
    }
    return found;
}

}  // namespace gpt
