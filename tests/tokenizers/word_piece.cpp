#include <heed/tokenizers/word_piece.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "golden.hpp"

using heed::file_error;
using heed::value_error;
using heed::tokenizers::word_piece;

namespace {

std::atomic<int> allocations{0};

void* counted_or_null(std::size_t size) noexcept {
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}

void* counted(std::size_t size) {
    if (void* memory = counted_or_null(size)) return memory;
    throw std::bad_alloc();
}

const std::string special_lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";

word_piece of(const std::string& lines) { return word_piece::parse(special_lines + lines, "vocab.txt"); }

/// A path that is removed with what lies there.
struct temporary_file {
    std::filesystem::path path;
    explicit temporary_file(const std::string& name) : path(std::filesystem::temp_directory_path() / ("heed_word_piece_" + name)) {
        remove_all(path);
    }
    ~temporary_file() { remove_all(path); }
};

void write(const std::filesystem::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

using ids = std::vector<int>;

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted_or_null(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted_or_null(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("300 posts have exactly the ids that Hugging Face gives them with the same vocabulary") {
    const auto pieces = word_piece::load(golden::folder + "vocab.txt");
    const auto texts = golden::sample();
    const auto expected = golden::lines("ids.tsv");
    REQUIRE(texts.size() == 300);
    REQUIRE(expected.size() == texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        INFO("text " << i);
        CHECK(pieces.encode(texts[i]) == golden::ids(expected[i]));
    }
}

TEST_CASE("240 nasty strings have exactly the ids that Hugging Face gives them") {
    const auto pieces = word_piece::load(golden::folder + "vocab.txt");
    for (const auto& nasty : golden::nasty()) {
        INFO(nasty.text);
        CHECK(pieces.encode(nasty.text) == nasty.ids);
    }
}

TEST_CASE("ids are decoded as Hugging Face does without clean-up") {
    const auto pieces = word_piece::load(golden::folder + "vocab.txt");
    const auto expected = golden::lines("decoded.tsv");
    const auto all = golden::lines("ids.tsv");
    REQUIRE(expected.size() == 50);
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(pieces.decode(golden::ids(all[i])) == expected[i]);
}

TEST_CASE("a word is taken apart into its longest pieces from the left") {
    const auto pieces = of("un\n##able\n##aff\n##a\nunaff\n!\n");
    CHECK(pieces.encode("unable") == ids{5, 6});
    CHECK(pieces.encode("Unaffable") == ids{9, 6});
    CHECK(pieces.encode("unaa!") == ids{5, 8, 8, 10});
    CHECK(pieces.decode(ids{5, 6, 10}) == "unable !");
    CHECK(pieces.decode(ids{6, 5}) == "##able un");
    CHECK(pieces.decode(ids{}) == "");
}

TEST_CASE("a word that cannot be taken apart to its end is unknown as a whole") {
    const auto pieces = of("un\n##able\n");
    CHECK(pieces.encode("unables un") == ids{1, 5});
    CHECK(pieces.encode("able") == ids{1});
}

TEST_CASE("a word of 100 characters is looked up and one of 101 is unknown") {
    const auto pieces = of("a\n##a\n");
    CHECK(pieces.encode(std::string(100, 'a')).size() == 100);
    CHECK(pieces.encode(std::string(101, 'a')) == ids{1});
}

TEST_CASE("a text is never taken for a special token") {
    const auto pieces = of("[\n]\ncls\n");
    CHECK(pieces.encode("[CLS]") == ids{5, 7, 6});
}

TEST_CASE("special tokens may stand anywhere, as in BERT's own vocabulary") {
    const auto pieces = word_piece::parse("a\n[MASK]\n[SEP]\n[CLS]\n[UNK]\n[PAD]\n", "vocab.txt");
    CHECK(pieces.padding() == 5);
    CHECK(pieces.unknown() == 4);
    CHECK(pieces.classification() == 3);
    CHECK(pieces.separator() == 2);
    CHECK(pieces.mask() == 1);
    CHECK(pieces.encode("a b") == ids{0, 4});
}

TEST_CASE("an encoding is cut at the number of tokens that was asked for") {
    const auto pieces = word_piece::load(golden::folder + "vocab.txt");
    ids out;
    for (const auto& text : golden::sample()) {
        const ids all = pieces.encode(text);
        for (const std::size_t most : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}}) {
            pieces.encode(text, out, most);
            CHECK(out == ids(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size()))));
        }
    }
}

TEST_CASE("encoding into a vector that has the room allocates nothing") {
    const auto pieces = word_piece::load(golden::folder + "vocab.txt");
    auto texts = golden::sample();
    for (const auto& nasty : golden::nasty()) texts.push_back(nasty.text);
    ids out;
    out.reserve(256);
    const int before = allocations;
    std::size_t total = 0;
    for (const auto& text : texts) {
        pieces.encode(text, out, 256);
        total += out.size();
    }
    CHECK(allocations == before);
    CHECK(total > 10'000);
}

TEST_CASE("a vocabulary is read back as it was saved, over an old file too") {
    const temporary_file file("saved.txt");
    const auto pieces = word_piece::load(golden::folder + "vocab.txt");
    write(file.path, "an old file");
    pieces.save(file.path);
    CHECK(word_piece::load(file.path) == pieces);
    CHECK_FALSE(of("a\n") == pieces);
    for (int id = 0; id < pieces.size(); ++id) REQUIRE(pieces.find(pieces.piece(id)) == id);
}

TEST_CASE("a vocabulary with Windows line ends, or without one at its end, is the same") {
    CHECK(word_piece::parse("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\na\r\n", "vocab.txt") == of("a\n"));
    CHECK(of("a") == of("a\n"));
}

TEST_CASE("what is wrong with a vocabulary is said with file and line") {
    CHECK_THROWS_WITH(word_piece::parse("", "v.txt"), "v.txt: is empty; a vocabulary has one piece a line");
    CHECK_THROWS_WITH(of("a\n\nb\n"), "vocab.txt:7: the piece is empty");
    CHECK_THROWS_WITH(of("a\nb\na\n"), "vocab.txt:8: the piece \"a\" stands there already, with the id 5");
    CHECK_THROWS_WITH(of("a b\n"), "vocab.txt:6: the piece \"a b\" holds white space or a control character");
    CHECK_THROWS_WITH(of("ab\xff\n"), "vocab.txt:6: the piece is not UTF-8 at its byte 3");
    CHECK_THROWS_WITH(of(std::string(1001, 'a')), "vocab.txt:6: the piece is of 1001 bytes, more than 1000");
    CHECK_THROWS_WITH(word_piece::parse("[PAD]\n[UNK]\n[CLS]\n[MASK]\na\n", "v.txt"), "v.txt: the vocabulary has no piece [SEP]");
    CHECK_THROWS_AS(of("\n"), file_error);
    CHECK_THROWS_AS(word_piece(std::vector<std::string>{"[PAD]", "a", "a"}), value_error);
    CHECK_THROWS_AS(word_piece(std::vector<std::string>{"[PAD]"}), value_error);
}

TEST_CASE("a file that cannot be read or written is an error that names it") {
    using Catch::Matchers::Contains;
    const temporary_file missing("missing.txt");
    CHECK_THROWS_WITH(word_piece::load(missing.path), Contains("missing.txt: cannot be read"));
    CHECK_THROWS_AS(word_piece::load(missing.path), file_error);
    CHECK_THROWS_WITH(word_piece::load(std::filesystem::temp_directory_path()), Contains("it is a folder"));
    CHECK_THROWS_AS(of("a\n").save(missing.path / "vocab.txt"), file_error);
    CHECK_FALSE(std::filesystem::exists(missing.path));
}

TEST_CASE("ids that the vocabulary does not have are an error") {
    const auto pieces = of("a\n");
    CHECK(pieces.piece(5) == "a");
    CHECK_THROWS_WITH(pieces.piece(6), "there is no piece 6: the vocabulary has 6");
    CHECK_THROWS_AS(pieces.decode(ids{5, -1}), value_error);
    CHECK(pieces.find("b") == -1);
}
