/// `feed demo`: both models are tuned, trained, compared and timed; tables, metrics.json, report.html and the models stay.
#pragma once

#include <feed/device_budget.hpp>
#include <feed/evaluate.hpp>
#include <feed/generated.hpp>
#include <feed/hold_out.hpp>
#include <feed/interrupt.hpp>
#include <feed/learner.hpp>
#include <feed/model_folder.hpp>
#include <feed/real.hpp>
#include <feed/report.hpp>
#include <feed/results.hpp>
#include <feed/search.hpp>
#include <feed/trainer.hpp>

#include <heed/error.hpp>
#include <heed/files/settings.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace feed {

struct demo_options {
    std::filesystem::path data, validation;         ///< empty: generated posts
    std::filesystem::path out = "build/feed";
    std::uint64_t seed = 1;
    std::size_t train = 0, test = 0;                ///< posts at most; 0: all of a file, and of generated ones the usual number
    std::optional<double> rate, passes;             ///< none: chosen
    int vocabulary = 30'000;                        ///< word pieces at most
    std::size_t tokens = 4096;                      ///< in a batch
    double word_dropout = 0, dropout = 0;           ///< of the words of both models, of the classifier's encoder
    bool resume = false, skip_bad = false;
    device where = device::cpu;

    static constexpr std::size_t usual_train = 60'000, usual_test = 20'000;

    /// What a run that goes on must have in common with the one that stopped.
    std::string identity() const {
        return fmt::format("data {} validation {} seed {} train {} test {} rate {} passes {} vocabulary {} tokens {} dropped {} and {} skip bad {}", data.string(), validation.string(), seed, train,
                           test, rate ? fmt::format("{}", *rate) : "chosen", passes ? fmt::format("{}", *passes) : "chosen", vocabulary, tokens, word_dropout, dropout, skip_bad) +
               (where == device::cuda ? " device cuda" : "");
    }

    model_shape shape(const reading_rules& rules) const {
        model_shape s = rules.shape(seed);
        s.where = where;
        return s;
    }
};

/// The posts of a run: to learn from and to choose by, and to judge by, the last read once, at the end.
struct demo_data {
    std::string description;
    reading_rules rules;
    training_part train;
    post_source test;
    std::shared_ptr<void> kept;                     ///< what the sources read from
    bool known_truth = false;
};

namespace detail {

/// Bins need no more than a sample of the training posts.
inline field_levels levels_of(const columns& fields, const post_source& posts) {
    std::vector<float> cells;
    post p;
    for (std::size_t i = 0; i < std::min<std::size_t>(posts.count, 50'000); ++i) {
        posts.read(i, p);
        cells.insert(cells.end(), p.metadata.begin(), p.metadata.end());
    }
    return {fields, cells};
}

inline demo_data generated_data(const demo_options& o) {
    const auto posts = std::make_shared<generator>(o.seed);
    const std::size_t train = o.train > 0 ? o.train : demo_options::usual_train, test = o.test > 0 ? o.test : demo_options::usual_test;
    const post_source all{train, [posts](std::size_t number, post& p) { posts->fill(p, number); }};
    demo_data data{fmt::format("{} generated posts to learn from and {} to test on, seed {}", wording::count(train), wording::count(test), o.seed),
                   {levels_of(generator::describe_columns(), all), generator::vocabulary, {}}, hold_out(all, generator::describe_columns()), {}, posts, true};
    data.test = {test, [posts](std::size_t number, post& p) { posts->fill(p, generator::first_validation + number); }};
    return data;
}

inline void report_skipped(const std::filesystem::path& file, const heed::files::skipped_lines& skipped) {
    if (skipped.total() > 0) std::cerr << file.string() << ": " << skipped.summary() << "\n";
}

/// The vocabulary that an earlier part of this run has made, or a new one.
inline heed::tokenizers::word_piece vocabulary_of(const demo_options& o, std::size_t most) {
    const auto file = o.out / "training" / "vocab.txt";
    if (std::filesystem::exists(file)) return heed::tokenizers::word_piece::load(file);
    std::cerr << "learning word pieces from " << o.data.string() << "\n";
    auto pieces = learn_word_pieces(o.data, real_columns(), most, o.vocabulary, o.skip_bad);
    pieces.save(file);
    return pieces;
}

inline demo_data real_data(const demo_options& o) {
    struct held { posts_of_file train, test; };
    const auto kept = std::make_shared<held>();
    constexpr auto all_of_it = std::numeric_limits<std::size_t>::max();
    const std::size_t most = o.train > 0 ? o.train : all_of_it, most_test = o.test > 0 ? o.test : all_of_it;
    auto pieces = vocabulary_of(o, most);
    std::cerr << "reading posts from " << o.data.string() << "\n";
    kept->train = read_posts(o.data, real_columns(), by_word_pieces(pieces), most, o.skip_bad);
    report_skipped(o.data, kept->train.skipped);

    post_source all = kept->train.posts.source(), test;
    if (o.validation.empty()) {
        const std::size_t count = std::min(most_test, all.count / 10);
        test = all.part(all.count - count, count);
        all = all.part(0, all.count - count);
    } else {
        kept->test = read_posts(o.validation, real_columns(), by_word_pieces(pieces), most_test, o.skip_bad);
        report_skipped(o.validation, kept->test.skipped);
        test = kept->test.posts.source();
    }
    if (all.count < 40 || test.count < 1)
        throw heed::file_error(fmt::format("{}: {} posts to learn from and {} to test on are too few; it takes 40 and 1.", o.data.string(), all.count, test.count));
    const int vocabulary = pieces.size();
    demo_data data{fmt::format("{} posts of {} to learn from and {} {} to test on", wording::count(all.count), o.data.filename().string(), wording::count(test.count),
                               o.validation.empty() ? "of its last ones" : "of " + o.validation.filename().string()),
                   {levels_of(real_columns(), all), vocabulary, std::move(pieces)}, hold_out(all, real_columns()), std::move(test), kept, false};
    return data;
}

/// The folder of what is needed to go on: emptied for a new run, the same run's for one that goes on.
inline void prepare_folder(const demo_options& o) {
    const auto work = o.out / "training", note = work / "run.json";
    std::error_code none;
    if (o.resume) {
        if (!std::filesystem::exists(note)) throw heed::file_error(o.out.string() + ": there is no training to resume in it.");
        const auto before = heed::files::settings::load(note).require<std::string>("options");
        if (before != o.identity()) throw heed::file_error(fmt::format("{}: that training had other options ({}) than this one ({}).", o.out.string(), before, o.identity()));
        return;
    }
    std::filesystem::remove_all(work, none);
    std::filesystem::create_directories(work, none);
    if (none) throw heed::file_error(fmt::format("{}: the folder cannot be made: {}.", work.string(), none.message()));
    heed::files::settings run;
    run.set("options", o.identity());
    run.save(note);
}

/// Rate and passes, as the options say, as an earlier part of this run has chosen, or by search.
inline void settle(training_plan& plan, model_kind kind, const demo_options& o, const demo_data& data, settings& tried) {
    const auto file = o.out / "training" / (plan.name + ".choice.json");
    if (std::filesystem::exists(file)) {
        const auto chosen = heed::files::settings::load(file);
        plan.rate = chosen.require<double>("rate");
        plan.order.passes = chosen.require<double>("passes");
        const auto names = chosen.require<std::vector<std::string>>("tried"), outcomes = chosen.require<std::vector<std::string>>("outcomes");
        for (std::size_t i = 0; i < std::min(names.size(), outcomes.size()); ++i) tried.emplace_back(names[i], outcomes[i]);
        return;
    }
    auto space = usual_space(kind, o.data.empty());
    if (o.rate) space.rates = {*o.rate};
    if (o.passes) space.passes = {*o.passes};
    choose(plan, kind, o.shape(data.rules), data.train.older, data.rules.fields, data.train.held_out, space, tried);
    std::vector<std::string> names, outcomes;
    for (const auto& [name, outcome] : tried) names.push_back(name), outcomes.push_back(outcome);
    heed::files::settings chosen;
    chosen.set("rate", plan.rate);
    chosen.set("passes", plan.order.passes);
    chosen.set("tried", names);
    chosen.set("outcomes", outcomes);
    chosen.save(file);
}

/// Tunes and trains one model, and leaves its file in the folder.
inline std::unique_ptr<learner> make_model(model_kind kind, const demo_options& o, const demo_data& data, model_results& result) {
    auto model = make_learner(kind, o.shape(data.rules));
    result.name = name_of(kind);
    result.parameters = model->parameters();
    training_plan plan{.name = result.name, .order = {.seed = o.seed, .tokens = o.tokens, .word_dropout = o.word_dropout}, .dropout = o.dropout,
                       .checkpoint = o.out / "training" / (result.name + ".checkpoint")};
    settings tried;
    settle(plan, kind, o, data, tried);
    const auto record = train(*model, data.train.all, data.rules.fields, plan, data.train.watched);
    result.training_seconds = record.seconds;
    result.curve = record.curve;
    result.chosen = {{"learning rate", fmt::format("{:g}", plan.rate)}, {"passes", fmt::format("{:g}", plan.order.passes)}, {"updates", wording::count(static_cast<double>(model->steps()))}};
    result.chosen.insert(result.chosen.end(), tried.begin(), tried.end());
    model->save_model(model_file(o.out, kind), {{"learning rate", fmt::format("{}", plan.rate)}, {"passes", fmt::format("{}", plan.order.passes)}});
    return model;
}

}  // namespace detail

/// Everything. file_error, value_error and interrupted pass through; what was saved before them stays.
inline void demo(const demo_options& o, std::ostream& out) {
    for (const auto& file : {o.data, o.validation})
        if (!file.empty()) heed::files::byte_source{file};          // a name that is wrong is told before anything is made
    detail::prepare_folder(o);
    const demo_data data = o.data.empty() ? detail::generated_data(o) : detail::real_data(o);
    data.rules.save(o.out);

    results r;
    r.data = data.description;
    r.machine = machine(o.where);
    r.run = {{"seed", std::to_string(o.seed)}, {"vocabulary", wording::count(static_cast<double>(data.rules.vocabulary))}, {"tokens of a post at most", std::to_string(most_tokens)},
             {"tokens in a batch", wording::count(o.tokens)}, {"words left out in training", wording::percent(o.word_dropout)},
             {"dropout of the encoder", wording::percent(o.dropout)},
             {data.train.by_age ? "newest posts held out to choose by" : "posts held out to choose by", wording::count(data.train.held_out.count)}};
    const auto baseline = detail::make_model(model_kind::baseline, o, data, r.baseline);
    const auto classifier = detail::make_model(model_kind::classifier, o, data, r.classifier);

    std::cerr << "judging both on the test posts\n";
    compare(r, score_all(*baseline, data.test, data.rules.fields), score_all(*classifier, data.test, data.rules.fields));
    if (data.known_truth) r.truth = truth_of(data.test);
    std::cerr << "timing both\n";
    measure_latency(r.baseline, *baseline, data.test, data.rules.fields);
    measure_latency(r.classifier, *classifier, data.test, data.rules.fields);
    r.on_gpu = o.where == device::cuda ? measured_budget(*classifier, o.shape(data.rules), r.budget_milliseconds, r.machine) : computed_budget(r.budget_milliseconds);
    r.scaling = measure_scaling();
    r.map = map_of(*classifier, data.test, data.rules.fields, [&](int token) { return data.rules.word(token); });

    print_tables(out, r);
    write_metrics(o.out / "metrics.json", r);
    write_page(o.out / "report.html", r);
    std::error_code none;
    std::filesystem::remove_all(o.out / "training", none);
    out << fmt::format("\nThe report is {}, its numbers are in {}.\nScore posts with: feed score --model {} < posts.tsv\n", (o.out / "report.html").string(), (o.out / "metrics.json").string(),
                       o.out.string());
}

}  // namespace feed
