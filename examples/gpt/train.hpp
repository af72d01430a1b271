/// One training, from the first update or from where it was stopped.
#pragma once

#include <feed/interrupt.hpp>
#include <feed/progress.hpp>
#include <gpt/evaluate.hpp>
#include <gpt/model.hpp>
#include <gpt/sample.hpp>

#include <heed/train/adam.hpp>
#include <heed/train/clipping.hpp>
#include <heed/train/schedule.hpp>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <vector>

namespace gpt {

struct training_plan {
    std::filesystem::path folder = "build/gpt";
    std::int64_t steps = 1500, warm_up = 100, between_points = 250, between_checkpoints = 100;
    int batch = 32;                         ///< windows of a context each
    double rate = 1e-3, weight_decay = 0.1, dropout = 0.1, longest_gradient = 1;
    std::uint64_t seed = 1;
    bool resume = false;

    std::filesystem::path checkpoint() const { return folder / "training.safetensors"; }
    /// What a checkpoint must have in common with the training that goes on from it.
    std::string identity(const model_shape& s, const split_text& text) const {
        std::uint64_t hash = 0xcbf29ce484222325;                // FNV-1a of the tokens: it tells one text from another
        for (const int token : text.all) hash = (hash ^ static_cast<std::uint64_t>(token)) * 0x100000001b3;
        return fmt::format("blocks {} width {} heads {} inner {} context {} vocabulary {} text {:016x} of {} tokens steps {} warm-up {} batch {} rate {} decay {} dropout {} seed {}", s.blocks, s.width, s.heads, s.inner,
                           s.context, s.tokens, hash, text.all.size(), steps, warm_up, batch, rate, weight_decay, dropout, seed);
    }
};

/// A moment of the training, and what the model wrote then.
struct learning_point {
    std::int64_t step = 0;
    double held_out_loss = 0;               ///< nats a token
    std::string sample;
};

struct training_record {
    std::vector<double> losses;             ///< of each update, nats a token
    std::vector<learning_point> points;
    double seconds = 0;                     ///< of the updates alone
    std::int64_t updates_timed = 0;
};

/// Windows of the text at random places, as many as a batch has. A function of seed and step alone, so that a training
/// that goes on from a checkpoint reads what it would have read.
inline void draw_batch(ids& read, ids& targets, std::span<const int> text, int context, int batch, std::uint64_t seed, std::int64_t step) {
    read.resize(sequence{batch}, token{context});
    targets.resize(sequence{batch}, token{context});
    for (int s = 0; s < batch; ++s) {
        heed::random_stream random(seed, static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(s));
        const auto start = text.begin() + random.below(static_cast<std::uint32_t>(text.size() - static_cast<std::size_t>(context)));
        std::copy_n(start, context, read.begin() + static_cast<std::ptrdiff_t>(s) * context);
        std::copy_n(start + 1, context, targets.begin() + static_cast<std::ptrdiff_t>(s) * context);
    }
}

namespace detail {

/// A record in a checkpoint's notes, exactly: fmt writes the shortest text that reads back as the same double.
inline std::string text_of(const std::vector<double>& numbers) { return fmt::format("{}", fmt::join(numbers, " ")); }
inline std::vector<double> numbers_in(const std::string& text) {
    std::istringstream in(text);
    std::vector<double> numbers;
    for (std::string word; in >> word;) numbers.push_back(std::stod(word));
    return numbers;
}

}  // namespace detail

/// Trains the model of `t` and leaves it in the plan's folder. When Ctrl-C was pressed: saves a checkpoint and throws
/// feed::interrupted. file_error: nothing to resume, or the checkpoint of another training.
inline training_record train(trained& t, const split_text& text, const training_plan& plan) {
    using clock = std::chrono::steady_clock;
    auto& gpt = t.model;
    heed::train::adamw<float> optimizer({.beta1 = 0.9, .beta2 = 0.95, .decay = {.weights = plan.weight_decay, .tables = 0}});
    training_record record;
    const std::string identity = plan.identity(t.shape, text);
    heed::nn::initialise(gpt, plan.seed);
    gpt.blocks.drop = gpt.blocks.drop_weights = heed::nn::dropout(plan.dropout);
    if (plan.resume) {
        auto notes = heed::train::load_checkpoint(plan.checkpoint(), gpt, optimizer);
        if (notes["plan"] != identity)
            throw heed::file_error(fmt::format("{}: is a checkpoint of another training ({}), not of this one ({}).", plan.checkpoint().string(), notes["plan"], identity));
        try {
            record.losses = detail::numbers_in(notes["losses"]);
            const auto held_out = detail::numbers_in(notes["held-out losses"]);
            for (std::size_t i = 0; i < held_out.size(); ++i)
                record.points.push_back({std::stol(notes[fmt::format("step {}", i)]), held_out[i], notes[fmt::format("sample {}", i)]});
        } catch (const std::logic_error&) {
            throw heed::file_error(plan.checkpoint().string() + ": its notes hold something that is no number.");
        }
    } else save_settings(plan.folder, t.shape, t.tokens);

    const auto save = [&] {
        std::vector<double> held_out;
        heed::train::notes notes{{"plan", identity}, {"losses", detail::text_of(record.losses)}};
        for (std::size_t i = 0; i < record.points.size(); ++i) {
            held_out.push_back(record.points[i].held_out_loss);
            notes[fmt::format("step {}", i)] = std::to_string(record.points[i].step);
            notes[fmt::format("sample {}", i)] = record.points[i].sample;
        }
        notes["held-out losses"] = detail::text_of(held_out);
        heed::train::save_checkpoint(plan.checkpoint(), gpt, optimizer, std::move(notes));
    };

    const heed::train::schedule rate{.peak = plan.rate, .warm_up = std::min(plan.warm_up, plan.steps), .total = plan.steps, .floor = plan.rate / 10};
    const auto tokens_a_step = static_cast<std::size_t>(plan.batch) * static_cast<std::size_t>(t.shape.context);
    language_model::trace_of<ids> trace;
    ids read, targets;
    const auto first = optimizer.steps();
    feed::progress bar(std::cerr, feed::terminal_width(STDERR_FILENO), "training", static_cast<std::size_t>(plan.steps) * tokens_a_step, feed::progress::clock::now(), "tokens");
    bar.goes_on_from(static_cast<std::size_t>(first) * tokens_a_step);
    double smoothed = feed::not_measured;
    for (std::int64_t step = first + 1; step <= plan.steps; ++step) {
        if (feed::interrupt_requested()) {
            save();
            throw feed::interrupted(fmt::format("interrupted; {} of {} steps are saved in {}: --resume goes on from there", step - 1, plan.steps, plan.checkpoint().string()));
        }
        const auto since = clock::now();
        draw_batch(read, targets, text.to_learn(), t.shape.context, plan.batch, plan.seed, step);
        const heed::nn::random_key random{plan.seed, static_cast<std::uint64_t>(step)};
        heed::nn::clear_gradients(gpt);
        const auto loss = gpt.learn(gpt.forward(read, trace, random), targets, trace);
        gpt.backward(read, trace, random);
        optimizer.step(gpt, rate(step), heed::train::clip_by_global_norm(gpt, plan.longest_gradient, 1 / loss.count).scale);
        record.seconds += std::chrono::duration<double>(clock::now() - since).count();
        ++record.updates_timed;
        record.losses.push_back(loss.mean());
        smoothed = std::isnan(smoothed) ? loss.mean() : 0.95 * smoothed + 0.05 * loss.mean();
        bar.update(static_cast<std::size_t>(step) * tokens_a_step, smoothed);

        if (step % plan.between_points == 0 || step == plan.steps) {
            learning_point point{step, evaluate(gpt, text.held_out(), 65536).sum.mean_loss(), {}};
            heed::generate::sampler sample({.temperature = 0.8, .top_k = 50, .top_p = 0.95, .seed = plan.seed});
            std::string written;
            continue_text(t, "The ", 160, sample, [&](std::string_view bytes) { return written += bytes, true; });
            point.sample = fmt::format("The {}", printable(written));
            bar.say(fmt::format("step {}: held-out perplexity {:.3f}; it writes:\n    {}", step, std::exp(point.held_out_loss), point.sample));
            record.points.push_back(std::move(point));
        }
        if (step % plan.between_checkpoints == 0 || step == plan.steps) save();
    }
    bar.finish();
    heed::train::save_model(model_file(plan.folder), gpt);
    return record;
}

}  // namespace gpt
