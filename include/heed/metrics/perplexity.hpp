/// How many tokens a language model hesitates between: exp of the mean loss a token.
#pragma once

#include <heed/metrics/series.hpp>

#include <cmath>
#include <cstddef>
#include <string>

namespace heed::metrics {

/// Sums up the losses of batches, each weighed by its tokens: the mean of the batches' perplexities, or of their mean
/// losses, is another number where batches differ in size, and not the model's perplexity.
class perplexity_sum {
public:
    /// `mean_loss` in nats (natural logarithm) over `tokens` tokens. No tokens change nothing.
    /// value_error: a loss that is negative or NaN.
    void add(double mean_loss, std::size_t tokens) {
        if (tokens == 0) return;
        if (!(mean_loss >= 0)) detail::refuse("perplexity", "a mean loss of " + std::to_string(mean_loss) + " nats is none");
        nats_ += mean_loss * static_cast<double>(tokens);
        tokens_ += tokens;
    }

    std::size_t tokens() const { return tokens_; }

    /// Nats a token. value_error: no tokens yet.
    double mean_loss() const {
        if (tokens_ == 0) detail::refuse("perplexity", "there are no tokens");
        return nats_ / static_cast<double>(tokens_);
    }
    double perplexity() const { return std::exp(mean_loss()); }
    double bits_per_token() const { return mean_loss() / std::log(2.0); }

private:
    double nats_ = 0;
    std::size_t tokens_ = 0;
};

/// The perplexity of batches with these mean losses (nats) and numbers of tokens.
/// value_error: lists of unequal length, no tokens at all, a loss that is negative or NaN.
inline double perplexity(const series auto& mean_losses, const series auto& tokens) {
    if (detail::size(mean_losses) != detail::size(tokens))
        detail::refuse("perplexity", "there are " + std::to_string(detail::size(mean_losses)) + " losses for " +
                                         std::to_string(detail::size(tokens)) + " numbers of tokens");
    perplexity_sum sum;
    for (std::size_t i = 0; i < detail::size(tokens); ++i) {
        const double count = detail::at(tokens, i);
        if (!(count >= 0)) detail::refuse("perplexity", "batch " + std::to_string(i) + " has " + std::to_string(count) + " tokens");
        sum.add(detail::at(mean_losses, i), static_cast<std::size_t>(count));
    }
    return sum.perplexity();
}

}  // namespace heed::metrics
