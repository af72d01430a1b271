#include <feed/real.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "../../files/folder.hpp"
#include "../../files/gzip.hpp"

using Catch::Contains;
using Catch::Matches;

namespace {

const std::string header =
    "label\thour_utc\tweekday\tage_quarters\tis_self\thas_thumbnail\thas_link_flair\thas_author_flair\tlog_domain_rows\tlog_subreddit_rows\ttitle_words\tselftext_words\tascii_fraction\ttext\n";

std::string line(const std::string& label, const std::string& hour, const std::string& text) { return label + "\t" + hour + "\t1\t\t1\t0\t0\t0\t5.5\t6.5\t8\t\t1\t" + text + "\n"; }

const heed::tokenizers::word_piece& pieces() {
    static const heed::tokenizers::word_piece made = [] {
        heed::tokenizers::word_piece_trainer trainer({.size = 200});
        for (int i = 0; i < 3; ++i) trainer.add("the cat sat on a mat and why not");
        return trainer.train();
    }();
    return made;
}

feed::posts_of_file read(const std::filesystem::path& file, bool skip_bad = false, std::size_t most = 1000) {
    return feed::read_posts(file, feed::real_columns(), feed::by_word_pieces(pieces()), most, skip_bad);
}

/// What is said of a file whose third line is this.
std::string said_of(const std::string& third_line) {
    const test::temporary_folder folder;
    const auto file = folder.file("posts.tsv", header + line("1", "3", "the cat") + third_line + line("0", "4", "a mat"));
    const std::string said = test::file_error_of([&] { read(file); });
    if (!said.empty()) {
        const auto rest = read(file, true);
        CHECK(rest.posts.size() == 2);
        CHECK(rest.skipped.total() == 1);
        CHECK_THAT(said, Contains("posts.tsv:3: "));
    }
    return said;
}

}  // namespace

TEST_CASE("a file's posts have label, words and metadata, and an empty cell is missing") {
    const test::temporary_folder folder;
    const auto both = header + line("1", "3", "The cat, sat!") + line("0", "", "why");
    for (const auto& file : {folder.file("plain.tsv", both), folder.file("packed.tsv.gz", test::gzip(both))}) {
        const auto found = read(file);
        REQUIRE(found.posts.size() == 2);
        feed::post p;
        found.posts.read(0, p);
        CHECK(p.label == 1);
        CHECK(p.tokens == pieces().encode("the cat, sat!"));
        CHECK(p.metadata[0] == 3);
        CHECK(feed::is_missing(p.metadata[2]));
        CHECK(p.metadata[7] == 5.5F);
        found.posts.read(1, p);
        CHECK(p.label == 0);
        CHECK(feed::is_missing(p.metadata[0]));
        CHECK(p.tokens == pieces().encode("why"));
        CHECK(read(file, false, 1).posts.size() == 1);
    }
}

TEST_CASE("columns are found by their names, in whatever order") {
    const test::temporary_folder folder;
    const auto file = folder.file("posts.tsv", "text\tmore\tascii_fraction\tselftext_words\ttitle_words\tlog_subreddit_rows\tlog_domain_rows\thas_author_flair\thas_link_flair\t"
                                               "has_thumbnail\tis_self\tage_quarters\tweekday\thour_utc\tlabel\nthe cat\tx\t0.5\t1\t2\t3\t4\t5\t6\t7\t8\t9\t10\t11\t1\n");
    const auto found = read(file);
    feed::post p;
    found.posts.read(0, p);
    CHECK(p.metadata[0] == 11);
    CHECK(p.metadata[11] == 0.5F);
    CHECK(p.label == 1);
}

TEST_CASE("a file that is missing, empty or has no post is an error that names it") {
    const test::temporary_folder folder;
    CHECK_THAT(test::file_error_of([&] { read(folder.path() / "none.tsv"); }), Contains("none.tsv"));
    CHECK_THAT(test::file_error_of([&] { read(folder.file("empty.tsv", "")); }), Contains("empty.tsv") && Contains("is empty"));
    CHECK_THAT(test::file_error_of([&] { read(folder.file("header.tsv", header)); }), Contains("header.tsv") && Contains("holds no post"));
}

TEST_CASE("a wrong header is an error that says which column it lacks, whether or not bad lines are skipped") {
    const test::temporary_folder folder;
    const auto file = folder.file("posts.tsv", "label\thour_utc\ttext\n1\t2\tthe cat\n");
    for (const bool skip : {false, true}) CHECK_THAT(test::file_error_of([&] { read(file, skip); }), Contains("posts.tsv:1: ") && Contains("no column \"weekday\""));
}

TEST_CASE("a bad line is an error with file and line, and with skip_bad one less post") {
    CHECK_THAT(said_of(line("2", "3", "the cat")), Contains("\"label\"") && Contains("\"2\""));
    CHECK_THAT(said_of(line("", "3", "the cat")), Contains("\"label\""));
    CHECK_THAT(said_of(line("1", "noon", "the cat")), Contains("\"hour_utc\"") && Contains("\"noon\"") && Contains("no number"));
    CHECK_THAT(said_of(line("1", "3", "the \xff cat")), Contains("not UTF-8"));
    CHECK_THAT(said_of("1\t2\t3\n"), Contains("3 fields"));
    CHECK_THAT(said_of(line("1", "3", "")), Contains("no word"));
    CHECK_THAT(said_of(line("1", "3", "  ")), Contains("no word"));
    CHECK_THAT(said_of(line("1", "3", std::string(10'000'000, 'a'))), Contains("longer than"));
    CHECK(said_of("").empty());
}

TEST_CASE("a gzip stream that is cut short is an error, and what came before it stays with skip_bad") {
    const test::temporary_folder folder;
    std::string text = header;
    for (int i = 0; i < 2000; ++i) text += line(i % 5 ? "0" : "1", std::to_string(i % 24), "the cat sat " + std::to_string(i * 7919 % 1000));
    std::string packed = test::gzip(text);
    packed.resize(packed.size() / 2);
    const auto file = folder.file("posts.tsv.gz", packed);
    CHECK_THAT(test::file_error_of([&] { read(file, false, 5000); }), Matches(".*posts\\.tsv\\.gz:[0-9]+: .*"));
    const auto rest = read(file, true, 5000);
    CHECK(rest.posts.size() > 100);
    CHECK(rest.posts.size() < 2000);
    CHECK(rest.skipped[heed::files::fault::stream] == 1);
}

TEST_CASE("a text of marks that the tokenizer drops is one unknown word") {
    const test::temporary_folder folder;
    const auto found = read(folder.file("posts.tsv", header + line("1", "3", "\xcc\x81 \xe2\x80\x8b")));
    feed::post p;
    found.posts.read(0, p);
    CHECK(p.tokens == std::vector<int>{pieces().unknown()});
}

TEST_CASE("a text is cut at 256 tokens") {
    const test::temporary_folder folder;
    std::string words;
    for (int i = 0; i < 1000; ++i) words += "cat ";
    const auto found = read(folder.file("posts.tsv", header + line("1", "3", words)));
    feed::post p;
    found.posts.read(0, p);
    CHECK(p.tokens.size() == feed::most_tokens);
}

TEST_CASE("generated posts are read from the numbers of their words") {
    const auto read_text = feed::by_numbers(100);
    std::vector<int> tokens;
    CHECK(read_text("17 4  99", tokens) == "");
    CHECK(tokens == std::vector<int>{17, 4, 99});
    CHECK_THAT(read_text("17 100", tokens), Contains("\"100\""));
    CHECK_THAT(read_text("cat", tokens), Contains("\"cat\""));
    CHECK_THAT(read_text("-1", tokens), Contains("\"-1\""));
    CHECK_THAT(read_text("  ", tokens), Contains("no word"));
}

TEST_CASE("word pieces are learnt from the texts of a file") {
    const test::temporary_folder folder;
    std::string text = header;
    for (int i = 0; i < 50; ++i) text += line("1", "3", "engagement engages engaging");
    const auto learnt = feed::learn_word_pieces(folder.file("posts.tsv", text), feed::real_columns(), 1000, 500, false);
    CHECK(learnt.encode("engagement").size() == 1);
    CHECK(learnt.size() <= 500);
}
