/// The learning rate and the number of passes that suit a model, chosen by short trainings.
///
/// Every candidate learns on the same share of the training posts and is judged by its log-loss on held-out ones, which are
/// 5 % of the training part. The test posts have no part in it.
#pragma once

#include <feed/batches.hpp>
#include <feed/learner.hpp>
#include <feed/levels.hpp>
#include <feed/results.hpp>
#include <feed/trainer.hpp>
#include <feed/wording.hpp>

#include <heed/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace feed {

struct search_space {
    std::vector<double> rates;
    std::vector<double> passes;         ///< tried on all posts with the best rate, where there are several
    double share = 0.15;                ///< of the training posts, for each rate ...
    std::size_t least = 8000;           ///< ... but so many posts at least, where there are as many
};

/// What suits a model by the experience of both data sets; the search looks around it.
inline search_space usual_space(model_kind kind) {
    if (kind == model_kind::baseline) return {{2e-3, 3e-3, 5e-3}, {1, 2}, 0.25};
    return {{7e-4, 1e-3, 1.5e-3}, {1}, 0.06};
}

/// Sets rate and passes of the plan; `tried` gets a line a candidate.
inline void choose(training_plan& plan, model_kind kind, const model_shape& shape, const post_source& posts, const field_levels& fields, const post_source& held_out,
                   const search_space& space, settings& tried, bool show = true) {
    const auto loss_of = [&](const training_plan& candidate, const post_source& on) {
        const auto model = make_learner(kind, shape);
        try {
            train(*model, on, fields, candidate, {}, show);
            const double loss = score_all(*model, held_out, fields).log_loss();
            tried.emplace_back(candidate.name, fmt::format("log-loss {:.4f}", loss));
            return loss;
        } catch (const heed::value_error&) {                // gradients or logits that are no numbers any more
            tried.emplace_back(candidate.name, "diverged");
            return std::numeric_limits<double>::infinity();
        }
    };
    const auto least_of = [&](const std::vector<double>& values, const auto& try_one) {
        double best = values.front(), least = std::numeric_limits<double>::infinity();
        for (const double value : values)
            if (const double loss = try_one(value); loss < least) best = value, least = loss;
        return best;
    };
    training_plan candidate = plan;
    candidate.checkpoint.clear();
    candidate.points = 1;
    const std::size_t few = std::min(posts.count, std::max(space.least, static_cast<std::size_t>(space.share * static_cast<double>(posts.count))));
    if (space.rates.size() > 1)
        plan.rate = least_of(space.rates, [&](double rate) {
            candidate.rate = rate;
            candidate.order.passes = 1;
            candidate.name = fmt::format("{}: rate {:g} on {} posts", plan.name, rate, wording::count(few));
            return loss_of(candidate, posts.part(0, few));
        });
    else plan.rate = space.rates.front();
    if (space.passes.size() > 1)
        plan.order.passes = least_of(space.passes, [&](double passes) {
            candidate.rate = plan.rate;
            candidate.order.passes = passes;
            candidate.name = fmt::format("{}: {:g} passes with rate {:g}", plan.name, passes, plan.rate);
            return loss_of(candidate, posts);
        });
    else plan.order.passes = space.passes.front();
}

}  // namespace feed
