/// Writes generated posts for the PyTorch twin, feed_twin.py: a folder of raw little-endian columns.
///
///     g++ -std=c++20 -O2 -I include -I examples bench/peers/feed_generate.cpp -o feed_generate
///     ./feed_generate SEED TRAINING VALIDATION FOLDER
///
/// lengths.i32, tokens.i32, metadata.f32 (12 a post, NaN = missing), labels.i32, probability.f64, additive.f64,
/// effects.f64 (the five parts of the logit) and columns.tsv (name and number of kinds, 0 = a number); the training
/// posts stand first.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include "feed/generated.hpp"

namespace {

class raw_column {
public:
    explicit raw_column(const std::filesystem::path& path) : file_(path, std::ios::binary) {
        file_.exceptions(std::ios::failbit | std::ios::badbit);
    }
    template <class Value>
    void write(std::span<const Value> values) {
        file_.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size_bytes()));
    }
    template <class Value>
    void write(const Value& value) {
        write(std::span<const Value>(&value, 1));
    }

private:
    std::ofstream file_;
};

void generate(std::uint64_t seed, std::uint64_t training, std::uint64_t validation, const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    std::ofstream columns(folder / "columns.tsv");
    for (const feed::column& column : feed::generator::describe_columns()) columns << column.name << '\t' << column.kinds << '\n';

    raw_column lengths(folder / "lengths.i32"), tokens(folder / "tokens.i32"), metadata(folder / "metadata.f32"),
        labels(folder / "labels.i32"), probability(folder / "probability.f64"), additive(folder / "additive.f64"),
        effects(folder / "effects.f64");
    const feed::generator posts(seed);
    feed::post post;
    for (std::uint64_t i = 0; i < training + validation; ++i) {
        posts.fill(post, i < training ? i : feed::generator::first_validation + i - training);
        lengths.write(static_cast<int>(post.tokens.size()));
        tokens.write(std::span<const int>(post.tokens));
        metadata.write(std::span<const float>(post.metadata));
        labels.write(post.label);
        probability.write(post.probability);
        additive.write(post.additive_probability);
        const feed::logit_parts parts = posts.parts(post);
        for (const double part : {parts.metadata, parts.additive, parts.negation, parts.pairs, parts.cues}) effects.write(part);
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 5) {
        std::fputs("usage: feed_generate SEED TRAINING VALIDATION FOLDER\n", stderr);
        return 2;
    }
    try {
        generate(std::stoull(arguments[1]), std::stoull(arguments[2]), std::stoull(arguments[3]), arguments[4]);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "feed_generate: %s\n", problem.what());
        return 1;
    }
}
