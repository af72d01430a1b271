#include <heed/files/line_reader.hpp>

#include "folder.hpp"
#include "gzip.hpp"

#include <vector>

using namespace heed;

namespace {

/// Every line, those that are too long as "TOO LONG".
std::vector<std::string> lines_of(const std::filesystem::path& path, std::size_t longest = 1 << 20) {
    files::line_reader reader{files::byte_source(path), longest};
    std::vector<std::string> lines;
    for (;;) {
        const auto found = reader.next();
        if (found == files::line_reader::found::end) return lines;
        CHECK((found == files::line_reader::found::line || reader.line().empty()));
        lines.push_back(found == files::line_reader::found::line ? std::string(reader.line()) : "TOO LONG");
        CHECK(reader.number() == static_cast<std::int64_t>(lines.size()));
    }
}

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("lines end at a newline, with or without a carriage return, or with the file") {
    const test::temporary_folder folder;
    CHECK(lines_of(folder.file("a", "")) == lines{});
    CHECK(lines_of(folder.file("a", "\n")) == lines{""});
    CHECK(lines_of(folder.file("a", "one\n\ntwo\r\nthree")) == lines{"one", "", "two", "three"});
    CHECK(lines_of(folder.file("a", "one\n\r\n")) == lines{"one", ""});
    CHECK(lines_of(folder.file("a", "a\rb\r\r\nc\r")) == lines{"a\rb\r", "c"});
}

TEST_CASE("lines of any length come whole, wherever the buffer ends") {
    const test::temporary_folder folder;
    std::string text;
    lines expected;
    for (std::size_t i = 0; i < 4000; ++i) {
        expected.push_back(std::string(i * 7919 % 1000, static_cast<char>('a' + i % 26)));
        if (i % 1000 == 500) expected.push_back(std::string(i * 1000, 'L'));
    }
    for (const std::string& line : expected) text += line + '\n';
    CHECK(lines_of(folder.file("plain", text), 4'000'000) == expected);
    CHECK(lines_of(folder.file("packed", test::gzip(text)), 4'000'000) == expected);
}

TEST_CASE("a line over the limit is passed over, and one at the limit is not") {
    const test::temporary_folder folder;
    const std::string ten_megabytes(10'000'000, 'x');
    const auto path = folder.file("long", "first\n" + ten_megabytes + "\n" + std::string(100, 'y') + '\n' + std::string(101, 'z') + "\nlast");
    CHECK(lines_of(path, 100) == lines{"first", "TOO LONG", std::string(100, 'y'), "TOO LONG", "last"});
    CHECK(lines_of(folder.file("at the end", "first\n" + ten_megabytes), 100) == lines{"first", "TOO LONG"});
    CHECK(lines_of(folder.file("bare", std::string(101, 'z')), 100) == lines{"TOO LONG"});
    CHECK(lines_of(folder.file("with a carriage return", std::string(100, 'z') + "\r\n"), 100) == lines{std::string(100, 'z')});
}
