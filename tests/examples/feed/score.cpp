#include <feed/score.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdlib>
#include <future>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <feed/trainer.hpp>

#include "../../files/folder.hpp"
#include "made_up_posts.hpp"

using Catch::Contains;

namespace {

std::string header(bool with_label) {
    std::string line = with_label ? "label" : "ignored";
    for (const auto& field : made_up::fields()) line += "\t" + field.name;
    return line + "\ttext\n";
}

std::string line_of(const feed::post& p) {
    std::string line = std::to_string(p.label);
    for (const float cell : p.metadata) line += feed::is_missing(cell) ? "\t" : fmt::format("\t{}", cell);
    line += "\t";
    for (const int token : p.tokens) line += std::to_string(token) + " ";
    return line + "\n";
}

feed::reading_rules rules() { return {made_up::levels(), made_up::vocabulary, {}}; }

/// A folder as a training leaves it, with models that are drawn and not trained.
struct model_folder : test::temporary_folder {
    model_folder() {
        rules().save(path());
        for (const auto kind : {feed::model_kind::baseline, feed::model_kind::classifier}) feed::make_learner(kind, rules().shape(8))->save_model(feed::model_file(path(), kind), {});
    }
};

std::string scored(const std::filesystem::path& folder, const std::string& text, bool skip_bad = false, feed::model_kind kind = feed::model_kind::classifier) {
    const test::temporary_folder beside;
    const auto loaded = feed::reading_rules::load(folder);
    const auto model = feed::load_model(folder, kind, loaded);
    std::ostringstream out;
    feed::score(*model, loaded, heed::files::byte_source(beside.file("posts.tsv", text)), skip_bad, out);
    return out.str();
}

std::vector<double> numbers_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<double> all;
    for (double x = 0; in >> x;) all.push_back(x);
    return all;
}

}  // namespace

TEST_CASE("scores are the probabilities that the model has where it was trained, a line a post, with and without labels") {
    const model_folder folder;
    std::string labelled = header(true), bare = header(false);
    for (std::uint64_t i = 0; i < 300; ++i) labelled += line_of(made_up::post(i)), bare += line_of(made_up::post(i));
    for (const auto kind : {feed::model_kind::baseline, feed::model_kind::classifier}) {
        const auto model = feed::make_learner(kind, rules().shape(8));
        const auto expected = feed::score_all(*model, made_up::posts(300), made_up::levels());
        const auto out = scored(folder.path(), labelled, false, kind);
        const auto found = numbers_of(out);
        REQUIRE(found.size() == 300);
        for (std::size_t i = 0; i < 300; ++i) CHECK(found[i] == Approx(1 / (1 + std::exp(-expected.logits[i]))).margin(2e-6));
        CHECK(scored(folder.path(), bare, false, kind) == out);
    }
}

TEST_CASE("who writes a post and waits gets its line: scoring keeps up with a pipe") {
    const model_folder folder;
    const auto loaded = feed::reading_rules::load(folder.path());
    const auto model = feed::load_model(folder.path(), feed::model_kind::classifier, loaded);
    int in[2] = {}, out[2] = {};
    REQUIRE(::pipe(in) == 0);
    REQUIRE(::pipe(out) == 0);

    struct pipe_buffer : std::streambuf {
        explicit pipe_buffer(int to) : descriptor(to) {}
        std::streamsize xsputn(const char* text, std::streamsize size) override { return ::write(descriptor, text, static_cast<std::size_t>(size)); }
        int_type overflow(int_type c) override {
            const char byte = traits_type::to_char_type(c);
            return ::write(descriptor, &byte, 1) == 1 ? c : traits_type::eof();
        }
        int descriptor;
    };
    auto scoring = std::async(std::launch::async, [&] {
        pipe_buffer buffer(out[1]);
        std::ostream stream(&buffer);
        feed::score(*model, loaded, heed::files::byte_source(in[0], "the pipe"), false, stream);
    });
    const auto say = [&](const std::string& text) { REQUIRE(::write(in[1], text.data(), text.size()) == static_cast<::ssize_t>(text.size())); };
    say(header(true));
    for (std::uint64_t i = 0; i < 5; ++i) {
        say(line_of(made_up::post(i)));
        std::string answer;
        for (char c = 0; c != '\n' && ::read(out[0], &c, 1) == 1;) answer += c;         // waits for this post's line before the next is said
        CHECK(numbers_of(answer).size() == 1);
    }
    ::close(in[1]);
    scoring.get();
    for (const int end : {out[0], out[1]}) ::close(end);
}

TEST_CASE("posts before a bad line are scored, then its error says file and line; with skip_bad it has no line of output") {
    const model_folder folder;
    auto wordless = made_up::post(1);
    wordless.tokens.clear();
    const std::string text = header(true) + line_of(made_up::post(0)) + line_of(wordless) + line_of(made_up::post(2));
    const test::temporary_folder beside;
    const auto file = beside.file("posts.tsv", text);
    const auto loaded = feed::reading_rules::load(folder.path());
    const auto model = feed::load_model(folder.path(), feed::model_kind::baseline, loaded);
    std::ostringstream out;
    CHECK_THAT(test::file_error_of([&] { feed::score(*model, loaded, heed::files::byte_source(file), false, out); }), Contains("posts.tsv:3: ") && Contains("no word"));
    CHECK(numbers_of(out.str()).size() == 1);
    CHECK(numbers_of(scored(folder.path(), text, true)).size() == 2);
    CHECK_THAT(test::file_error_of([&] { scored(folder.path(), "label\ttext\n"); }), Contains("posts.tsv:1: ") && Contains("field_0"));
}

TEST_CASE("a category that is no whole number is a bad line, and one that training did not know is not") {
    const model_folder folder;
    auto p = made_up::post(0);
    p.metadata[0] = 1.5F;
    CHECK_THAT(test::file_error_of([&] { scored(folder.path(), header(true) + line_of(p)); }), Contains("posts.tsv:2: ") && Contains("\"field_0\""));
    p.metadata[0] = 4000;
    CHECK(numbers_of(scored(folder.path(), header(true) + line_of(p))).size() == 1);
}

TEST_CASE("a model's folder that is not whole is refused in words") {
    const model_folder folder;
    const auto text = header(true) + line_of(made_up::post(0));
    const auto file = folder.path() / "model.safetensors";
    const auto bytes = test::content(file);
    const auto said = [&] { return test::file_error_of([&] { scored(folder.path(), text); }); };

    folder.file("model.safetensors", bytes.substr(0, bytes.size() - 100));
    CHECK_THAT(said(), Contains("model.safetensors"));
    for (const std::size_t place : {0U, 3U, 20U, 200U}) {
        auto flipped = bytes;
        flipped[place] = static_cast<char>(flipped[place] ^ 0x10);
        folder.file("model.safetensors", flipped);
        CHECK_THAT(said(), Contains("model.safetensors"));
    }
    folder.file("model.safetensors", "");
    CHECK_THAT(said(), Contains("model.safetensors"));
    folder.file("model.safetensors", test::content(folder.path() / "baseline.safetensors"));
    CHECK_THAT(said(), Contains("model.safetensors"));
    folder.file("model.safetensors", bytes);
    CHECK(said().empty());

    const auto settings = test::content(folder.path() / "settings.json");
    folder.file("settings.json", settings.substr(0, settings.size() / 2));
    CHECK_THAT(said(), Contains("settings.json"));
    std::filesystem::remove(folder.path() / "settings.json");
    CHECK_THAT(said(), Contains("settings.json"));
}

TEST_CASE("where the output cannot be written, that is an error") {
    const model_folder folder;
    const auto loaded = feed::reading_rules::load(folder.path());
    const auto model = feed::load_model(folder.path(), feed::model_kind::baseline, loaded);
    const test::temporary_folder beside;
    const auto file = beside.file("posts.tsv", header(true) + line_of(made_up::post(0)));
    std::ofstream full("/dev/full");
    CHECK_THAT(test::file_error_of([&] { feed::score(*model, loaded, heed::files::byte_source(file), false, full); }), Contains("cannot be written"));
}
