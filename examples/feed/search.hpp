/// The learning rate and the number of passes that suit a model, chosen by short trainings.
///
/// Every candidate learns from the same posts and is judged by how it ranks held-out ones (hold_out.hpp): by its AUC, as the
/// models are compared in the end. The log-loss of newer posts would blame a candidate, beside its order, for a share of
/// positives that has changed. The test posts have no part in it.
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

/// What suits a model by experience; the search looks around it. A second pass of the classifier is tried on posts that were
/// written, which are few and noisy, and not on generated ones, of which there are as many as one likes.
inline search_space usual_space(model_kind kind, bool generated) {
    if (kind == model_kind::baseline) return {{2e-3, 3e-3, 5e-3}, {1, 2}, 0.25};
    if (generated) return {{7e-4, 1e-3, 1.5e-3}, {1}, 0.06};
    return {{1e-3, 1.5e-3, 2.5e-3}, {1, 2}, 0.15};
}

/// Sets rate and passes of the plan; `tried` gets a line a candidate.
inline void choose(training_plan& plan, model_kind kind, const model_shape& shape, const post_source& posts, const field_levels& fields, const post_source& held_out,
                   const search_space& space, settings& tried, bool show = true) {
    const auto auc_of = [&](const training_plan& candidate, const post_source& on) {
        const auto model = make_learner(kind, shape);
        try {
            train(*model, on, fields, candidate, {}, show);
            const auto scored = score_all(*model, held_out, fields);
            tried.emplace_back(candidate.name, fmt::format("AUC {}, log-loss {:.4f}", wording::fixed(scored.auc(), 4), scored.log_loss()));
            return scored.auc();
        } catch (const heed::value_error&) {                // gradients or logits that are no numbers any more
            tried.emplace_back(candidate.name, "diverged");
            return -std::numeric_limits<double>::infinity();
        }
    };
    const auto best_of = [&](const std::vector<double>& values, const auto& try_one) {
        double best = values.front(), most = -std::numeric_limits<double>::infinity();
        for (const double value : values)
            if (const double auc = try_one(value); auc > most) best = value, most = auc;
        return best;
    };
    training_plan candidate = plan;
    candidate.checkpoint.clear();
    candidate.points = 1;
    const std::size_t few = std::min(posts.count, std::max(space.least, static_cast<std::size_t>(space.share * static_cast<double>(posts.count))));
    if (space.rates.size() > 1)
        plan.rate = best_of(space.rates, [&](double rate) {
            candidate.rate = rate;
            candidate.order.passes = 1;
            candidate.name = fmt::format("{}: rate {:g} on {} posts", plan.name, rate, wording::count(few));
            return auc_of(candidate, posts.part(0, few));
        });
    else plan.rate = space.rates.front();
    if (space.passes.size() > 1)
        plan.order.passes = best_of(space.passes, [&](double passes) {
            candidate.rate = plan.rate;
            candidate.order.passes = passes;
            candidate.name = fmt::format("{}: {:g} passes with rate {:g}", plan.name, passes, plan.rate);
            return auc_of(candidate, posts);
        });
    else plan.order.passes = space.passes.front();
}

}  // namespace feed
