/// One training from its first batch to its last: rates, checkpoints, the curve, and going on where it stopped.
#pragma once

#include <feed/batches.hpp>
#include <feed/interrupt.hpp>
#include <feed/learner.hpp>
#include <feed/levels.hpp>
#include <feed/progress.hpp>
#include <feed/results.hpp>

#include <heed/error.hpp>
#include <heed/metrics/auc.hpp>
#include <heed/metrics/log_loss.hpp>
#include <heed/train/schedule.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace feed {

/// Logits and labels of posts, in their order.
struct scored_posts {
    std::vector<double> logits;
    std::vector<int> labels, lengths;

    double log_loss() const { return heed::metrics::log_loss_of_logits(logits, labels); }
    double auc() const {
        const auto positives = std::count(labels.begin(), labels.end(), 1);
        return positives == 0 || positives == std::ssize(labels) ? not_measured : heed::metrics::auc(logits, labels);
    }
};

inline scored_posts score_all(learner& model, const post_source& posts, const field_levels& fields) {
    scored_posts all;
    for_each_batch(posts, fields, [&](const batch& b, std::size_t) {
        model.logits(b, all.logits);
        for (const float label : b.labels) all.labels.push_back(static_cast<int>(label));
        all.lengths.insert(all.lengths.end(), b.lengths.begin(), b.lengths.end());
    });
    return all;
}

struct training_plan {
    std::string name;
    double rate = 1e-3;                 ///< at its highest: a linear warm-up, then half a cosine down to zero
    double warm_up = 0.05;              ///< of the training
    reading_order order = {};
    double dropout = 0;                 ///< of the encoder
    std::size_t points = 12;            ///< of the curve
    std::filesystem::path checkpoint = {};   ///< empty: none is kept
    double seconds_between_checkpoints = 20;

    /// What a checkpoint must have in common with the training that goes on from it.
    std::string identity(std::size_t posts) const {
        return fmt::format("{} rate {} warm-up {} passes {} tokens {} dropped {} and {} seed {} posts {}", name, rate, warm_up, order.passes, order.tokens, order.word_dropout,
                           dropout, order.seed, posts);
    }
};

struct training_record {
    std::vector<learning_point> curve;
    double seconds = 0;                 ///< of the training alone, all its parts together
};

namespace detail {

/// Numbers in a checkpoint's notes, exactly: fmt writes the shortest text that reads back as the same double.
inline std::string curve_text(const std::vector<learning_point>& curve) {
    std::string text;
    for (const auto& p : curve) text += fmt::format("{} {} {} {}\n", p.step, p.train_loss, p.held_out_log_loss, p.held_out_auc);
    return text;
}

inline std::vector<learning_point> curve_of(const std::string& text) {
    std::istringstream lines(text);
    std::vector<learning_point> curve;
    std::string step, loss, log_loss, auc;
    while (lines >> step >> loss >> log_loss >> auc) curve.push_back({std::stoul(step), std::stod(loss), std::stod(log_loss), std::stod(auc)});
    return curve;
}

}  // namespace detail

/// Trains the model on the posts by the plan. Where a checkpoint of the same plan lies in its place, goes on from there, and
/// ends with the same bits as if it had never stopped. The held-out posts are for the curve alone.
///
/// When Ctrl-C was pressed: saves a checkpoint, if the plan has one, and throws interrupted.
/// file_error: the checkpoint cannot be written, is damaged, or is that of another plan.
inline training_record train(learner& model, const post_source& posts, const field_levels& fields, const training_plan& plan, const post_source& held_out,
                             bool show = true) {
    using clock = std::chrono::steady_clock;
    batch_stream stream(posts, fields, plan.order);
    training_record record;
    double loss_sum = 0, loss_posts = 0;

    if (!plan.checkpoint.empty() && std::filesystem::exists(plan.checkpoint)) {
        auto found = model.load_checkpoint(plan.checkpoint);
        if (found["plan"] != plan.identity(posts.count))
            throw heed::file_error(fmt::format("{}: is a checkpoint of another training ({}), not of this one ({}).", plan.checkpoint.string(), found["plan"], plan.identity(posts.count)));
        try {
            stream.seek(std::stoul(found["posts"]));
            record.seconds = std::stod(found["seconds"]);
            loss_sum = std::stod(found["loss sum"]), loss_posts = std::stod(found["loss posts"]);
            record.curve = detail::curve_of(found["curve"]);
        } catch (const std::logic_error&) {
            throw heed::file_error(plan.checkpoint.string() + ": its notes hold something that is no number.");
        }
    }

    auto since = clock::now(), saved = since;
    const auto seconds_now = [&] { return record.seconds + std::chrono::duration<double>(clock::now() - since).count(); };
    const auto save = [&](std::size_t done) {
        if (plan.checkpoint.empty()) return;
        model.save_checkpoint(plan.checkpoint, {{"plan", plan.identity(posts.count)},
                                                {"posts", std::to_string(done)},
                                                {"seconds", fmt::format("{}", seconds_now())},
                                                {"loss sum", fmt::format("{}", loss_sum)},
                                                {"loss posts", fmt::format("{}", loss_posts)},
                                                {"curve", detail::curve_text(record.curve)}});
        saved = clock::now();
    };

    const std::size_t total = stream.total();
    const heed::train::schedule rate{.peak = plan.rate, .warm_up = static_cast<std::int64_t>(plan.warm_up * static_cast<double>(total)), .total = static_cast<std::int64_t>(total)};
    std::ostringstream nowhere;
    progress bar(show ? static_cast<std::ostream&>(std::cerr) : nowhere, show ? terminal_width(STDERR_FILENO) : 0, plan.name, total);
    const std::size_t done_before = stream.done();
    bar.goes_on_from(done_before);
    batch b;
    double smoothed = not_measured;
    for (std::size_t done = stream.done(); stream.next(b); done = stream.done()) {
        if (interrupt_requested()) {
            save(done);
            throw interrupted(plan.checkpoint.empty() ? fmt::format("interrupted while training the {}", plan.name)
                                                      : fmt::format("interrupted while training the {}; {} of {} examples are saved in {}: --resume goes on from there", plan.name, done, total,
                                                                    plan.checkpoint.string()));
        }
        const double loss = model.learn(b, rate(static_cast<std::int64_t>(stream.done())), plan.dropout);
        loss_sum += loss * static_cast<double>(b.size()), loss_posts += static_cast<double>(b.size());
        smoothed = std::isnan(smoothed) ? loss : 0.98 * smoothed + 0.02 * loss;
        bar.update(stream.done(), smoothed);
        if (stream.done() * plan.points / total > done * plan.points / total) {
            record.seconds = seconds_now();                             // looking at the held-out posts is not training
            learning_point point{static_cast<std::size_t>(model.steps()), loss_sum / loss_posts};
            if (held_out.count > 0) {
                const auto seen = score_all(model, held_out, fields);
                point.held_out_log_loss = seen.log_loss();
                point.held_out_auc = seen.auc();
            }
            record.curve.push_back(point);
            loss_sum = loss_posts = 0;
            since = clock::now();
        }
        if (std::chrono::duration<double>(clock::now() - saved).count() >= plan.seconds_between_checkpoints) save(stream.done());
    }
    if (stream.done() > done_before) save(total);           // so that a run that is resumed later need not repeat this one
    record.seconds = seconds_now();
    if (total > done_before) bar.finish();
    return record;
}

}  // namespace feed
