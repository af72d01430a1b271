// A small GPT: learns a text of one's own, writes on from a prompt, and says how well it knows a text.
#include <feed/interrupt.hpp>
#include <feed/levels.hpp>
#include <gpt/evaluate.hpp>
#include <gpt/report.hpp>
#include <gpt/sample.hpp>
#include <gpt/train.hpp>

#include <CLI/CLI.hpp>

#include <chrono>
#include <exception>
#include <iostream>

namespace {

int run(int argc, char** argv) {
    CLI::App app("A small GPT: learns a text, writes on from a prompt, and says how well it knows a text.", "gpt");
    app.require_subcommand(1);

    gpt::training_plan plan;
    gpt::model_shape shape;
    std::filesystem::path text_file;
    std::string tokens = "bytes";
    int pieces = 2048;
    auto* train = app.add_subcommand("train", "Learn a text; Ctrl-C keeps what is learnt");
    train->add_option("--text", text_file, "A file, gzip too (default: this project's own documents and headers)");
    train->add_option("--tokens", tokens, "bytes, or bpe: pieces that are learnt from the text")->check(CLI::IsMember({"bytes", "bpe"}))->capture_default_str();
    train->add_option("--vocabulary", pieces, "Pieces at most, with --tokens bpe")->check(CLI::Range(257, 100000))->capture_default_str();
    train->add_option("--out", plan.folder, "Folder for the model, the report, and what is needed to resume")->capture_default_str();
    train->add_option("--steps", plan.steps, "Updates")->check(CLI::Range(0, 10'000'000))->capture_default_str();
    train->add_option("--batch", plan.batch, "Windows in an update")->check(CLI::Range(1, 65536))->capture_default_str();
    train->add_option("--context", shape.context, "Tokens in a window")->capture_default_str();
    train->add_option("--blocks", shape.blocks, "Transformer blocks")->capture_default_str();
    train->add_option("--width", shape.width, "Of every vector")->capture_default_str();
    train->add_option("--heads", shape.heads, "Of attention")->capture_default_str();
    train->add_option("--inner", shape.inner, "Width of the feed-forward")->capture_default_str();
    train->add_option("--learning-rate", plan.rate, "At its highest")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    train->add_option("--warm-up", plan.warm_up, "Updates of rising rate")->check(CLI::Range(0, 10'000'000))->capture_default_str();
    train->add_option("--weight-decay", plan.weight_decay, "Of matrices")->check(CLI::Range(0.0, 10.0))->capture_default_str();
    train->add_option("--dropout", plan.dropout, "Of embeddings, of weights of attention, and of both branches of a block")->check(CLI::Range(0.0, 0.99))->capture_default_str();
    train->add_option("--seed", plan.seed, "Of everything that is drawn")->capture_default_str();
    train->add_option("--checkpoint-every", plan.between_checkpoints, "Updates")->check(CLI::Range(1, 10'000'000))->capture_default_str();
    train->add_option("--evaluate-every", plan.between_points, "Updates")->check(CLI::Range(1, 10'000'000))->capture_default_str();
    train->add_flag("--resume", plan.resume, "Go on where a training with the same options was stopped");

    std::filesystem::path folder = plan.folder;
    std::string prompt;
    std::size_t length = 400;
    heed::generate::sampler_options options{.temperature = 0.8, .top_k = 50, .top_p = 0.95, .seed = 1};
    int top_k = 50;
    auto* sample = app.add_subcommand("sample", "Write on from a prompt");
    sample->add_option("--model", folder, "Folder that a training has left")->capture_default_str();
    sample->add_option("--prompt", prompt, "What to go on from")->required();
    sample->add_option("--length", length, "Tokens to write")->capture_default_str();
    sample->add_option("--temperature", options.temperature, "0: always the likeliest")->capture_default_str();
    sample->add_option("--top-k", top_k, "Only the k likeliest")->capture_default_str();
    sample->add_option("--top-p", options.top_p, "Only the likeliest that have a share of p")->capture_default_str();
    sample->add_option("--min-p", options.min_p, "Only what is p times as likely as the likeliest")->capture_default_str();
    sample->add_option("--repetition-penalty", options.repetition_penalty, "Above 1: what was written is less likely")->capture_default_str();
    sample->add_option("--seed", options.seed, "Another seed, another text")->capture_default_str();

    auto* evaluate = app.add_subcommand("evaluate", "Perplexity on a text, or on what the training held out");
    evaluate->add_option("--model", folder, "Folder that a training has left")->capture_default_str();
    evaluate->add_option("--text", text_file, "A file (default: the held-out tenth of this project's own text)");

    CLI11_PARSE(app, argc, argv);
    feed::catch_interrupts();
    const auto text_to_use = [&] { return text_file.empty() ? gpt::own_text(HEED_SOURCE_DIR) : gpt::read_file(text_file); };
    if (*train) {
        const std::string text = text_to_use();
        std::filesystem::create_directories(plan.folder);
        auto codec = tokens == "bytes" ? gpt::codec::bytes() : plan.resume ? gpt::codec::load(plan.folder, "bpe") : gpt::codec::pieces_of(gpt::part_to_learn(text), pieces);
        shape.tokens = codec.size();
        gpt::trained t{codec, shape, gpt::make_model(shape)};
        const gpt::split_text split(t.tokens, text, shape.context);
        std::cerr << fmt::format("{} bytes of text, {} tokens to learn from, {} held out; {} parameters\n", feed::wording::count(text.size()), feed::wording::count(split.learnt),
                                 feed::wording::count(split.held_out().size()), feed::wording::count(heed::nn::parameter_count(t.model)));
        const auto record = gpt::train(t, split, plan);
        gpt::write_report(t, split, plan, record);
        if (record.updates_timed > 0)
            std::cout << fmt::format("{} tokens a second in training\n", feed::wording::count(std::round(static_cast<double>(record.updates_timed) * plan.batch * shape.context / record.seconds)));
        std::cout << fmt::format("The model is in {0}, its curves in {1}.\nWrite on with: gpt sample --model {0} --prompt \"The\"\n", plan.folder.string(), (plan.folder / "report.html").string());
    } else if (*sample) {
        const auto t = gpt::trained::load(folder);
        options.top_k = top_k;
        heed::generate::sampler draw(options);
        std::cout << prompt << std::flush;
        std::size_t written = 0;
        const auto start = std::chrono::steady_clock::now();
        gpt::continue_text(t, prompt, length, draw, [&](std::string_view bytes) { return ++written, static_cast<bool>(std::cout << bytes << std::flush) && !feed::interrupt_requested(); });
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        std::cout << "\n";
        std::cerr << fmt::format("{} tokens in {:.3g} s, {} a second\n", written, seconds, feed::wording::count(std::round(static_cast<double>(written) / seconds)));
    } else {
        const auto t = gpt::trained::load(folder);
        const std::string text = text_to_use();
        std::vector<int> all;
        std::size_t bytes = text.size();
        if (text_file.empty()) {
            const gpt::split_text split(t.tokens, text, t.shape.context);
            all.assign(split.held_out().begin(), split.held_out().end());
            bytes = split.bytes_held_out;
        } else all = t.tokens.encode(text);
        if (all.size() < 2) throw heed::value_error("The text has fewer than two tokens: there is nothing to predict.");
        const auto found = gpt::evaluate(t.model, all);
        std::cout << fmt::format("{} tokens: perplexity {:.4f}, {:.4f} nats a token, {:.4f} bits a byte\n", feed::wording::count(all.size()), found.sum.perplexity(), found.sum.mean_loss(), found.bits_per_byte(bytes));
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const feed::interrupted& stopped) {
        std::cerr << "gpt: " << stopped.what() << "\n";
        return 130;
    } catch (const std::exception& error) {
        std::cerr << "gpt: " << error.what() << "\n";
        return 1;
    }
}
