// Which post draws high engagement? A Transformer and a bag of words learn it, and are compared.
#include <feed/demo.hpp>
#include <feed/generated.hpp>
#include <feed/interrupt.hpp>
#include <feed/learner.hpp>
#include <feed/model_folder.hpp>
#include <feed/score.hpp>

#include <heed/error.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>

namespace {

/// Generated posts as the text that `feed score` reads.
void write_generated(std::size_t posts, std::uint64_t seed, std::ostream& out) {
    const feed::generator made(seed);
    out << "label";
    for (const auto& field : feed::generator::describe_columns()) out << '\t' << field.name;
    out << "\ttext\n";
    feed::post p;
    std::string line;
    for (std::size_t i = 0; i < posts && out && !feed::interrupt_requested(); ++i) {
        made.fill(p, feed::generator::first_validation + i);
        line = std::to_string(p.label);
        for (const float cell : p.metadata) line += feed::is_missing(cell) ? "\t" : fmt::format("\t{}", cell);
        for (std::size_t t = 0; t < p.tokens.size(); ++t) line += fmt::format("{}{}", t == 0 ? '\t' : ' ', p.tokens[t]);
        out << line << '\n';
    }
    if (!out.flush()) throw heed::file_error("The posts cannot be written: the output is closed or full.");
}

int run(int argc, char** argv) {
    CLI::App app("Which post draws high engagement within 24 hours? Trains a Transformer and a mean of word embeddings, and compares them.", "feed");
    app.require_subcommand(0, 1);
    int threads = 0;
    std::uint64_t seed = 1;

    feed::demo_options o;
    auto* demo = app.add_subcommand("demo", "Train, compare and report (what happens without a subcommand too)");
    double rate = 0, passes = 0;
    demo->add_option("--data", o.data, "Posts to learn from, .tsv or .tsv.gz; without it posts are generated");
    demo->add_option("--validation", o.validation, "Posts to judge by; without it a tenth of the data");
    demo->add_option("--out", o.out, "Folder for models, report and what is needed to resume")->capture_default_str();
    demo->add_option("--seed", seed, "Of everything that is drawn")->capture_default_str();
    demo->add_option("--train", o.train, fmt::format("Posts to learn from at most (generated: {}; a file: all)", feed::demo_options::usual_train))->check(CLI::Range(100, 2'400'000));
    demo->add_option("--test", o.test, fmt::format("Posts to judge by at most (generated: {}; a file: all)", feed::demo_options::usual_test))->check(CLI::Range(100, 2'400'000));
    auto* given_rate = demo->add_option("--learning-rate", rate, "Of both models (else chosen by short trainings)")->check(CLI::Range(1e-6, 1.0));
    auto* given_passes = demo->add_option("--passes", passes, "Over the posts, of both models; 1.5 is one and a half (else chosen)")->check(CLI::Range(0.01, 100.0));
    demo->add_option("--vocabulary", o.vocabulary, "Word pieces at most, of real posts")->check(CLI::Range(1000, feed::largest_vocabulary))->capture_default_str();
    demo->add_option("--batch-tokens", o.tokens, "Tokens in a batch of training")->check(CLI::Range(256, 65536))->capture_default_str();
    auto* given_word_dropout = demo->add_option("--word-dropout", o.word_dropout, "Share of a post's words left out in training (real posts: 0.3, generated: 0)")->check(CLI::Range(0.0, 0.9));
    auto* given_dropout = demo->add_option("--dropout", o.dropout, "Of the Transformer's encoder in training (real posts: 0.1, generated: 0)")->check(CLI::Range(0.0, 0.9));
    demo->add_option("--threads", threads, "Threads to compute with (0: as many as OpenMP takes); results do not depend on it");
    const std::map<std::string, feed::device> devices{{"cpu", feed::device::cpu}, {"cuda", feed::device::cuda}};
    demo->add_option("--device", o.where, "Where both models compute: cpu, or cuda")->transform(CLI::CheckedTransformer(devices, CLI::ignore_case));
    demo->add_flag("--resume", o.resume, "Go on where a run with the same options was stopped");
    demo->add_flag("--skip-bad", o.skip_bad, "Count bad lines and go on");

    std::filesystem::path folder;
    std::string posts = "-";
    bool skip_bad = false, use_baseline = false, in_bf16 = false;
    feed::device score_where = feed::device::cpu;
    auto* score = app.add_subcommand("score", "Read posts from standard input, write one probability a line");
    score->add_option("--model", folder, "Folder that a demo has left")->required();
    score->add_option("--posts", posts, "A file in place of standard input");
    score->add_flag("--baseline", use_baseline, "Score by the baseline in place of the classifier");
    score->add_flag("--bf16", in_bf16, "Multiply with weights in bfloat16, where the machine is faster at that");
    score->add_option("--device", score_where, "Where the model computes: cpu, or cuda")->transform(CLI::CheckedTransformer(devices, CLI::ignore_case));
    score->add_flag("--skip-bad", skip_bad, "Count bad lines and go on; they get no line of output");
    score->add_option("--threads", threads, "Threads to compute with");

    std::size_t count = 10;
    auto* generate = app.add_subcommand("generate", "Write generated posts as text, for `feed score`");
    generate->add_option("--posts", count, "How many")->check(CLI::Range(1, 2'400'000))->capture_default_str();
    generate->add_option("--seed", seed, "As that of the demo whose model will score them")->capture_default_str();

    CLI11_PARSE(app, argc, argv);
    feed::use_threads(threads);
    feed::catch_interrupts();
    if (*score) {
        const auto rules = feed::reading_rules::load(folder);
        const auto model = feed::load_model(folder, use_baseline ? feed::model_kind::baseline : feed::model_kind::classifier, rules, score_where);
        if (in_bf16) model->compute_in_bf16();
        const auto skipped = feed::score(*model, rules, heed::files::byte_source(posts), skip_bad, std::cout);
        if (skipped.total() > 0) std::cerr << skipped.summary() << "\n";
    } else if (*generate) {
        write_generated(count, seed, std::cout);
    } else {
        if (*given_rate) o.rate = rate;
        if (*given_passes) o.passes = passes;
        if (!*given_word_dropout && !o.data.empty()) o.word_dropout = 0.3;
        if (!*given_dropout && !o.data.empty()) o.dropout = 0.1;
        o.seed = seed;
        feed::demo(o, std::cout);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const feed::interrupted& stopped) {
        std::cerr << "feed: " << stopped.what() << "\n";
        return 130;
    } catch (const std::exception& error) {
        std::cerr << "feed: " << error.what() << "\n";
        return 1;
    }
}
