#include <heed/tokenizers/byte_pair.hpp>

#include <catch2/catch.hpp>

#include <heed/random.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "golden.hpp"

using heed::file_error, heed::value_error;
using namespace heed::tokenizers;
using Catch::Matchers::Contains;

namespace {

const std::string vocabulary_file = HEED_SOURCE_DIR "/tests/golden/byte_pair/vocab.json", merges_file = HEED_SOURCE_DIR "/tests/golden/byte_pair/merges.txt";

std::string bytes(const std::string& hexadecimal) {
    std::string all;
    if (hexadecimal == "-") return all;
    for (std::size_t i = 0; i < hexadecimal.size(); i += 2) all += static_cast<char>(golden::number(std::string_view(hexadecimal).substr(i, 2), 16));
    return all;
}

std::string whole(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The 256 bytes as they stand in vocab.json, and more behind them.
std::string vocabulary(const std::string& more = "") {
    std::string text = "{";
    for (int b = 0; b < 256; ++b) {
        const std::string c = detail::to_characters(std::string(1, static_cast<char>(static_cast<unsigned char>(b))));
        text += (b ? ", \"" : "\"") + std::string(c == "\"" || c == "\\" ? "\\" : "") + c + "\": " + std::to_string(b);
    }
    return text + more + "}";
}
byte_pair parse(const std::string& pieces, const std::string& merges) { return byte_pair::parse(pieces, merges, "vocab.json", "merges.txt"); }

}  // namespace

TEST_CASE("posts and nasty strings have the ids that Hugging Face gives them, and come back as they were") {
    const auto tokens = byte_pair::load(vocabulary_file, merges_file);
    CHECK(tokens.size() == 1500);
    CHECK(tokens.find("<|endoftext|>") == 0);
    std::size_t lines = 0;
    for (const auto& line : golden::lines("../byte_pair/ids.tsv")) {
        const auto cells = golden::split(line, '\t');
        const std::string text = bytes(cells.at(0));
        INFO("line " << ++lines + 1 << ": " << text);
        CHECK(tokens.encode(text) == golden::ids(cells.at(1)));
        CHECK(tokens.decode(tokens.encode(text)) == text);
    }
    CHECK(lines > 300);
}

TEST_CASE("any bytes come back as they were") {
    const auto tokens = byte_pair::load(vocabulary_file, merges_file);
    heed::random_stream random(4);
    for (int n = 0; n < 400; ++n) {
        std::string text;
        for (int i = 0; i < n; ++i) text += static_cast<char>(static_cast<unsigned char>(random.below(n % 2 ? 256 : 128)));
        CHECK(tokens.decode(tokens.encode(text)) == text);
    }
}

TEST_CASE("a chunk of any length is merged in the same order, and soon") {
    // aa, then aaaa: an odd letter is left at the end.
    const auto tokens = parse(vocabulary(R"(, "aa": 256, "aaaa": 257)"), "a a\naa aa\n");
    for (const int n : {1, 2, 3, 7, 47, 48, 49, 50, 51, 1001}) {
        std::vector<int> wanted(static_cast<std::size_t>(n / 4), 257);
        if (n % 4 >= 2) wanted.push_back(256);
        if (n % 2) wanted.push_back('a');
        CHECK(tokens.encode(std::string(static_cast<std::size_t>(n), 'a')) == wanted);
    }
    CHECK(tokens.encode(std::string(1'000'000, 'a')).size() == 250'000);
}

TEST_CASE("what is saved is loaded again, and is what Hugging Face wrote") {
    const auto folder = std::filesystem::temp_directory_path() / ("heed_byte_pair_" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    const auto tokens = byte_pair::load(vocabulary_file, merges_file);
    tokens.save(folder / "vocab.json", folder / "merges.txt");
    CHECK(byte_pair::load(folder / "vocab.json", folder / "merges.txt") == tokens);
    CHECK(whole(folder / "vocab.json") == whole(vocabulary_file));
    CHECK(whole(folder / "merges.txt") == whole(merges_file));
    std::filesystem::remove_all(folder);
}

TEST_CASE("a file that is no vocabulary is refused, with file and place") {
    CHECK_THROWS_WITH(byte_pair::load("/no/such/vocab.json", merges_file), Contains("/no/such/vocab.json: cannot be read"));
    CHECK_THROWS_WITH(parse("", ""), "vocab.json: byte 0 of the vocabulary: an object should stand here");
    CHECK_THROWS_WITH(parse("{}", ""), "vocab.json: the vocabulary has no piece for the byte 0");
    CHECK_THROWS_WITH(parse("{\"a\": 0, \"b\": -1}", ""), Contains("vocab.json: byte 14 of the vocabulary"));
    CHECK_THROWS_WITH(parse("{\"a\": 0, \"b\": 2}", ""), "vocab.json: the vocabulary has no piece 1");
    CHECK_THROWS_WITH(parse("{\"a\": 0, \"b\": 0}", ""), "vocab.json: the vocabulary has two pieces 0");
    CHECK_THROWS_WITH(parse(vocabulary(R"(, "aa": 256, "aa": 257)"), ""), Contains("has \"aa\" twice, as 256 and 257"));
    CHECK_THROWS_WITH(parse(vocabulary(R"(, "": 256)"), ""), Contains("has an empty piece, 256"));
    CHECK_THROWS_WITH(parse(vocabulary() + "x", ""), Contains("something stands after the end"));
    CHECK_THROWS_AS(parse("{", ""), file_error);
}

TEST_CASE("a line that is no merge is refused, with its number") {
    const std::string pieces = vocabulary(R"(, "aa": 256)");
    CHECK(parse(pieces, "#version: 0.2\na a").merges().size() == 1);
    CHECK(parse(pieces, "a a\r\n").merges().size() == 1);
    CHECK_THROWS_WITH(parse(pieces, "#version: 0.2\n\na a\n"), "merges.txt:2: the merge \"\" is not two pieces with a space between");
    CHECK_THROWS_WITH(parse(pieces, "aa\n"), Contains("merges.txt:1: the merge \"aa\" is not two pieces"));
    CHECK_THROWS_WITH(parse(pieces, "a a a\n"), Contains("is not two pieces"));
    CHECK_THROWS_WITH(parse(pieces, "a ab\n"), "merges.txt:1: the merge has \"ab\", which is no piece of the vocabulary");
    CHECK_THROWS_WITH(parse(pieces, "a \n"), Contains("which is no piece of the vocabulary"));
    CHECK_THROWS_WITH(parse(pieces, "a b\n"), "merges.txt:1: the merge makes no piece of the vocabulary");
    CHECK_THROWS_WITH(parse(pieces, "a a\na a\n"), "merges.txt:2: the merge stands there already");
}

TEST_CASE("pieces by id and by their bytes; ids that there are not") {
    const auto tokens = parse(vocabulary(R"(, "aa": 256)"), "a a");
    CHECK(tokens.piece(256) == "aa");
    CHECK(tokens.piece(0) == std::string(1, '\0'));
    CHECK(tokens.find("aa") == 256);
    CHECK(tokens.find("ab") == -1);
    CHECK_THROWS_WITH(tokens.piece(257), "there is no piece 257: the vocabulary has 257");
    CHECK_THROWS_AS(tokens.decode(std::vector{-1}), value_error);
    CHECK_THROWS_WITH(byte_pair(std::vector<std::string>{"a"}, {}), "the vocabulary has no piece for the byte 0");
    std::vector<std::string> all;
    for (int b = 0; b < 256; ++b) all.emplace_back(1, static_cast<char>(static_cast<unsigned char>(b)));
    CHECK_THROWS_WITH(byte_pair(all, std::vector{byte_pair::merge{1, 256}}), "merge 0 names a piece that the vocabulary has not");
}
