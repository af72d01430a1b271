/// Posts that are made up, any number of them, each from its number alone, with the true probability of its label.
///
///     feed::generator posts(seed);
///     feed::post first = posts(0), first_of_validation = posts(feed::generator::first_validation);
///
/// The logit is a constant plus effects of which the variance is shared out as follows:
///
///     metadata .25     single words .35     negation .20     cues .15     pairs of topics .05
///
/// All words' and columns' effects are drawn from the seed. What makes their shares and the base rate right is measured
/// on posts that nobody else gets, when a generator is made: some 0.2 s.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "feed/generated_metadata.hpp"
#include "feed/generated_text.hpp"
#include "feed/post.hpp"
#include "heed/random.hpp"

namespace feed {

/// The logit of a generated post less its constant, part by part. Each part has mean zero, and they are uncorrelated.
struct logit_parts {
    double metadata = 0, additive = 0, negation = 0, pairs = 0, cues = 0;

    /// What no sum over single words can see.
    double interactions() const { return negation + pairs + cues; }
    double sum() const { return metadata + additive + interactions(); }
};

class generator {
public:
    static constexpr int vocabulary = generated_language::vocabulary;
    static constexpr double base_rate = 0.18;

    /// Training posts are numbered from 0, validation posts from here.
    static constexpr std::uint64_t first_validation = std::uint64_t{1} << 40;

    explicit generator(std::uint64_t seed)
        : seed_(seed), language_(stream(drawn_for::language, 0)), metadata_(stream(drawn_for::metadata, 0)) {
        calibrate();
    }

    static columns describe_columns() { return generated_metadata::describe(); }

    post operator()(std::uint64_t number) const {
        post made;
        fill(made, number);
        return made;
    }

    /// Makes post `number` in place of another, whose memory it reuses.
    void fill(post& made, std::uint64_t number) const {
        heed::random_stream random = stream(drawn_for::posts, number);
        draw(random, made);
        const logit_parts logit = parts(made);
        made.probability = sigmoid(constant_ + logit.sum());
        made.additive_probability = without_interactions(constant_ + logit.metadata + logit.additive);
        made.label = random.uniform_double() < made.probability ? 1 : 0;
    }

    /// The logit of any post of this vocabulary and these columns, part by part.
    logit_parts parts(const post& of) const {
        logit_parts logit = unscaled(of);
        for (std::size_t i = 0; i < shares.size(); ++i) {
            double& part = logit.*shares[i].part;
            part = (part - mean_[i]) * factor_[i];
        }
        return logit;
    }

private:
    enum class drawn_for : std::uint64_t { language, metadata, posts, calibration };

    struct share_of_variance {
        double logit_parts::*part;
        double share;
    };
    static constexpr std::array<share_of_variance, 5> shares{{{&logit_parts::metadata, 0.25},
                                                              {&logit_parts::additive, 0.35},
                                                              {&logit_parts::negation, 0.20},
                                                              {&logit_parts::pairs, 0.05},
                                                              {&logit_parts::cues, 0.15}}};

    /// Of the whole logit. The label is drawn from a logistic, so this decides how much noise there is: at 1.38 the true
    /// probability has an AUC of .80 to .81.
    static constexpr double standard_deviation = 1.38;

    heed::random_stream stream(drawn_for use, std::uint64_t number) const {
        return heed::random_stream(seed_, static_cast<std::uint64_t>(use), number);
    }
    static double sigmoid(double logit) { return 1 / (1 + std::exp(-logit)); }

    void draw(heed::random_stream& random, post& made) const {
        language_.draw(random, made.tokens);
        metadata_.draw(random, made.metadata);
    }
    logit_parts unscaled(const post& of) const {
        const text_effects said = language_.read(of.tokens);
        return {metadata_.read(of.metadata), said.additive, said.negation, said.pairs, said.cues};
    }

    void calibrate() {
        std::vector<logit_parts> sample(16'000);
        const auto count = static_cast<double>(sample.size());
        post made;
        for (std::size_t i = 0; i < sample.size(); ++i) {
            heed::random_stream random = stream(drawn_for::calibration, i);
            draw(random, made);
            sample[i] = unscaled(made);
        }
        for (std::size_t i = 0; i < shares.size(); ++i) {
            double sum = 0, squares = 0;
            for (const logit_parts& each : sample) sum += each.*shares[i].part;
            mean_[i] = sum / count;
            for (const logit_parts& each : sample) squares += std::pow(each.*shares[i].part - mean_[i], 2);
            factor_[i] = standard_deviation * std::sqrt(shares[i].share / (squares / count));
            for (logit_parts& each : sample) each.*shares[i].part = (each.*shares[i].part - mean_[i]) * factor_[i];
        }
        // The constant that gives the base rate, which grows with it: by bisection.
        double low = -10, high = 10;
        while (high - low > 1e-6) {
            constant_ = (low + high) / 2;
            double rate = 0;
            for (const logit_parts& each : sample) rate += sigmoid(constant_ + each.sum());
            (rate / count < base_rate ? low : high) = constant_;
        }
        // E[sigmoid(x + interactions)] on a grid of x: who knows metadata and single words alone must average over the rest.
        for (std::size_t i = 0; i < average_.size(); ++i) {
            double sum = 0;
            for (std::size_t k = 0; k < sample.size(); k += 8) sum += sigmoid(grid_point(i) + sample[k].interactions());
            average_[i] = sum * 8 / count;
        }
    }

    static constexpr double grid_begin = -12, grid_step = 0.1;
    static constexpr double grid_point(std::size_t i) { return grid_begin + grid_step * static_cast<double>(i); }

    /// E[sigmoid(logit + interactions)], linear between the points of the grid.
    double without_interactions(double logit) const {
        const double place = std::clamp((logit - grid_begin) / grid_step, 0.0, static_cast<double>(average_.size() - 1) - 1e-9);
        const auto below = static_cast<std::size_t>(place);
        return std::lerp(average_[below], average_[below + 1], place - static_cast<double>(below));
    }

    std::uint64_t seed_;
    generated_language language_;
    generated_metadata metadata_;
    std::array<double, shares.size()> mean_{}, factor_{};
    double constant_ = 0;
    std::array<double, 241> average_{};
};

}  // namespace feed
