#include <heed/files/records.hpp>

#include "folder.hpp"
#include "gzip.hpp"

#include <limits>

using namespace heed;
using namespace heed::files;
using test::file_error_of;

namespace {

struct post {
    std::optional<bool> label;
    std::optional<double> hour;
    std::string text;
    bool operator==(const post&) const = default;
};

struct outcome {
    std::vector<post> posts;
    skipped_lines skipped;
    std::string error;
};

/// Reads label, hour and text to the end or to the first error.
outcome read(const std::filesystem::path& path, record_options options = {}) {
    outcome out;
    out.error = file_error_of([&] {
        record_reader reader(path, {label("label"), number("hour"), "text"}, options);
        try {
            while (reader.next()) out.posts.push_back({reader.label(0), reader.number(1), std::string(reader.field(2))});
        } catch (const file_error&) {
            out.skipped = reader.skipped();
            throw;
        }
        out.skipped = reader.skipped();
        CHECK_FALSE(reader.next());  // the end stays the end
    });
    return out;
}

const std::string header = "label\thour\ttext\n";

}  // namespace

TEST_CASE("records come with their fields, numbers and labels, and an empty number is missing") {
    const test::temporary_folder folder;
    const std::vector<post> expected{{true, 14, "Hello there"}, {false, {}, "a \"quoted\" \\ text"}, {false, -1.5e3, ""}, {true, 0, "zürich €𝄞"}};
    const std::string text = header + "1\t14\tHello there\n0\t\ta \"quoted\" \\ text\r\n0\t-1.5e3\t\n1\t0\tzürich €𝄞";
    for (const auto& path : {folder.file("plain", text), folder.file("packed", test::gzip(text)), folder.file("marked", "\xef\xbb\xbf" + text)}) {
        const outcome found = read(path);
        CHECK(found.error.empty());
        CHECK(found.posts == expected);
        CHECK(found.skipped.total() == 0);
        CHECK(found.skipped.summary() == "no line skipped");
    }
    CHECK(read(folder.file("only a header", "label\thour\ttext")).error.empty());
}

TEST_CASE("columns are found by their names, in whatever order, and others are passed over") {
    const test::temporary_folder folder;
    const auto path = folder.file("posts", "text\tage\tlabel\thour\nsome words\t3\t1\t7\n");
    CHECK(read(path).posts == std::vector<post>{{true, 7, "some words"}});

    record_reader reader(path, {"hour", "text"});
    REQUIRE(reader.next());
    CHECK(reader.field(0) == "7");
    CHECK(reader.field(1) == "some words");
    CHECK(reader.line() == 2);
    CHECK(reader.where() == path.string() + ":2");
    CHECK_THROWS_AS(reader.field(2), std::out_of_range);
    CHECK_THROWS_WITH(reader.number(0), "column \"hour\" was not declared as what is asked of it");
}

TEST_CASE("a column may be absent where the program says so") {
    const test::temporary_folder folder;
    record_reader without(folder.file("a", "text\nsome words\n"), {if_present(label("label")), if_present(number("hour")), if_present("name"), "text"});
    REQUIRE(without.next());
    CHECK_FALSE(without.present(0));
    CHECK_FALSE(without.label(0).has_value());
    CHECK_FALSE(without.number(1).has_value());
    CHECK(without.field(2).empty());
    CHECK(without.field(3) == "some words");

    record_reader with(folder.file("b", "text\tlabel\na\t1\nb\t\nc\tx\n"), {if_present(label("label")), "text"});
    REQUIRE(with.next());
    CHECK(with.present(0));
    CHECK(with.label(0) == true);
    REQUIRE(with.next());
    CHECK_FALSE(with.label(0).has_value());  // an optional label may be missing in a line too
    CHECK_THROWS_AS(with.next(), file_error);
}

TEST_CASE("a wrong header is an error that says what it lacks and what it has") {
    const test::temporary_folder folder;
    const auto error = [&](std::string_view text, record_options options = {}) {
        const auto path = folder.file("posts", text);
        const std::string found = read(path, options).error;
        REQUIRE(found.starts_with(path.string() + ":"));
        return found.substr(path.string().size() + 1);
    };
    for (const bool skip_bad : {false, true}) {
        const record_options options{.skip_bad = skip_bad, .longest_line = 100'000};
        CHECK(error("", options) == " is empty; its first line should name the columns");
        CHECK(error(test::gzip(""), options) == " is empty; its first line should name the columns");
        CHECK(error("Label\thour\ttext\n1\t1\ta\n", options) == "1: the header has no column \"label\"; it has \"Label\", \"hour\", \"text\"");
        CHECK(error("1\t14\tHello\n", options) == "1: the header has no column \"label\"; it has \"1\", \"14\", \"Hello\"");
        CHECK(error("\n", options) == "1: the header has no column \"label\"; it has \"\"");
        CHECK(error("label\thour\ttext\thour\n", options) == "1: the header has two columns \"hour\"");
        CHECK(error("label\thour\ttext\xff\n", options) == "1: this is no header of a text file in UTF-8");
        CHECK(error(std::string_view("label\thour\ttext\0\n", 17), options) == "1: this is no header of a text file in UTF-8");
        CHECK(error(std::string(100'001, 'x'), options) == "1: the header is longer than 100000 bytes");
        CHECK(error(test::gzip(header).substr(0, 12), options) == "1: the gzip stream is cut short");
    }
    std::string many = "0";
    for (int i = 1; i < 60; ++i) many += '\t' + std::to_string(i);
    CHECK(error(many).ends_with("\"38\", \"39\" and 20 more"));
}

TEST_CASE("a bad line is an error with file and line, or is counted and passed over") {
    struct bad {
        std::string line;
        fault kind;
        std::string what;
    };
    const std::vector<bad> all{
        {"1\t14", fault::field_count, "the line has 2 fields, the header 3"},
        {"", fault::field_count, "the line has 1 field, the header 3"},
        {"1\t14\ttwo\tthree", fault::field_count, "the line has 4 fields, the header 3"},
        {std::string("1\t14\ta\0b", 8), fault::zero_byte, "byte 7 of the line is zero"},
        {"1\t14\tcaf\xe9", fault::not_utf8, "the line is not UTF-8 from its byte 9 on"},
        {"2\t14\ttext", fault::label, "column \"label\" holds \"2\" where a label is 0 or 1"},
        {"\t14\ttext", fault::label, "column \"label\" holds \"\" where a label is 0 or 1"},
        {"1.0\t14\ttext", fault::label, "column \"label\" holds \"1.0\" where a label is 0 or 1"},
        {"1\tnoon\ttext", fault::number, "column \"hour\" holds \"noon\", which is no number"},
        {"1\tinf\ttext", fault::number, "column \"hour\" holds \"inf\", which is no number"},
        {"1\t" + std::string(100, '9') + "x\ttext", fault::number, "column \"hour\" holds \"" + std::string(60, '9') + "...\", which is no number"},
        {"1\t14\t" + std::string(10'000'000, 'x'), fault::too_long, "the line is longer than 1048576 bytes"},
    };
    const test::temporary_folder folder;
    for (const bad& wrong : all) {
        const auto path = folder.file("posts", header + "1\t1\tfirst\n" + wrong.line + "\n0\t2\tlast\n");
        const outcome strict = read(path);
        CHECK(strict.error == path.string() + ":3: " + wrong.what);
        CHECK(strict.posts.size() == 1);
        const outcome lenient = read(path, {.skip_bad = true});
        CHECK(lenient.error.empty());
        CHECK(lenient.posts == std::vector<post>{{true, 1, "first"}, {false, 2, "last"}});
        CHECK(lenient.skipped.total() == 1);
        CHECK(lenient.skipped[wrong.kind] == 1);
    }
}

TEST_CASE("skipped lines are counted by what was wrong with them") {
    const test::temporary_folder folder;
    const auto path = folder.file("posts", header + "1\t1\ta\n3\t1\tb\n1\tx\tc\n1\ty\td\n1\t2\n0\t5\te\n");
    record_reader reader(path, {label("label"), number("hour"), "text"}, {.skip_bad = true});
    REQUIRE(reader.next());
    REQUIRE(reader.next());
    CHECK(reader.line() == 7);
    reader.reject("the text has no word");
    CHECK_FALSE(reader.next());
    CHECK(reader.skipped().summary() == "5 lines skipped: 1 with a wrong number of fields, 2 with something that is no number, 1 with a label that is not 0 or 1, 1 rejected");
    CHECK(read(folder.file("one", header + "2\t1\ta\n"), {.skip_bad = true}).skipped.summary() == "1 line skipped: 1 with a label that is not 0 or 1");

    record_reader strict(path, {"text"});
    REQUIRE(strict.next());
    CHECK_THROWS_WITH(strict.reject("the text has no word"), path.string() + ":2: the text has no word");
}

TEST_CASE("a gzip stream cut short or damaged is an error after what came before it; skipping counts it once") {
    const test::temporary_folder folder;
    std::string text = header;
    for (int i = 0; i < 20'000; ++i) text += "1\t" + std::to_string(i * 7919 % 24) + "\tpost number " + std::to_string(i * 104729 % 99991) + '\n';
    const std::string packed = test::gzip(text);

    const auto cut = folder.file("cut", std::string_view(packed).substr(0, packed.size() / 2));
    const outcome strict = read(cut), lenient = read(cut, {.skip_bad = true});
    CHECK(strict.posts.size() > 1000);
    CHECK(strict.posts.size() < 19'000);
    CHECK(strict.error == cut.string() + ":" + std::to_string(strict.posts.size() + 2) + ": the gzip stream is cut short");
    CHECK(lenient.error.empty());
    CHECK(lenient.posts == strict.posts);
    CHECK(lenient.skipped[fault::stream] == 1);
    CHECK(lenient.skipped.summary() == "1 line skipped: 1 where the gzip stream breaks off");

    const auto last_byte = folder.file("last", std::string_view(packed).substr(0, packed.size() - 1));
    CHECK(read(last_byte).posts.size() == 20'000);
    CHECK(read(last_byte).error == last_byte.string() + ":20002: the gzip stream is cut short");

    std::string damaged = packed;
    damaged[packed.size() / 2] = static_cast<char>(damaged[packed.size() / 2] ^ 1);
    const std::string error = read(folder.file("damaged", damaged)).error;
    CHECK(error.find(": the gzip stream is damaged") != std::string::npos);
}

TEST_CASE("a missing file and a folder are errors, skipping or not") {
    const test::temporary_folder folder;
    for (const bool skip_bad : {false, true}) {
        CHECK(read("/no/such.tsv", {.skip_bad = skip_bad}).error == "/no/such.tsv: cannot be read: No such file or directory");
        CHECK(read(folder.path(), {.skip_bad = skip_bad}).error == folder.path().string() + ": is a folder, not a file");
    }
}

TEST_CASE("standard input is read as it comes, a record as soon as its line is there") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const int before = ::dup(STDIN_FILENO);
    REQUIRE(::dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
    const auto send = [&](std::string_view text) { CHECK(::write(ends[1], text.data(), text.size()) == static_cast<::ssize_t>(text.size())); };
    send(header + "1\t1\tfirst\n");
    {
        record_reader reader("-", {label("label"), "text"});
        REQUIRE(reader.next());
        CHECK(reader.field(1) == "first");
        send("0\t2\tsecond\n1\t");
        REQUIRE(reader.next());
        CHECK(reader.field(1) == "second");
        CHECK(reader.where() == "standard input:3");
        send("2\tthird");
        ::close(ends[1]);
        REQUIRE(reader.next());
        CHECK(reader.field(1) == "third");
        CHECK_FALSE(reader.next());
    }
    ::dup2(before, STDIN_FILENO);
    ::close(before);
    ::close(ends[0]);
}

TEST_CASE("numbers are finite decimals, and labels 0 or 1") {
    CHECK(parse_number("0") == 0.0);
    CHECK(parse_number("-12.5") == -12.5);
    CHECK(parse_number("1e-3") == 1e-3);
    CHECK(parse_number(".5") == 0.5);
    CHECK(parse_number("12.8223") == 12.8223);
    CHECK(parse_number("1.7976931348623157e308") == std::numeric_limits<double>::max());
    for (const char* text : {"", " 1", "1 ", "+1", "1,5", "0x10", "inf", "-inf", "nan", "infinity", "1e999", "e5", ".", "-", "1-", "1..2", "one", "\xd9\xa1"}) {
        INFO(text);
        CHECK_FALSE(parse_number(text).has_value());
    }
    CHECK(parse_label("0") == false);
    CHECK(parse_label("1") == true);
    for (const char* text : {"", "2", "-1", "01", "1 ", "true", "1.0"}) CHECK_FALSE(parse_label(text).has_value());
}
