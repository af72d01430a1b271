#include <attention_by_hand/matrices.hpp>

#include <catch2/catch.hpp>

#include "../../files/folder.hpp"

using by_hand::matrices_reader;

namespace {

/// What is said of a file with this text, without the path before it.
std::string error_of(std::string_view text) {
    const test::temporary_folder folder;
    const auto file = folder.file("given", text);
    const std::string said = test::file_error_of([&] { matrices_reader(file).read(); });
    return said.starts_with(file.native()) ? said.substr(file.native().size()) : said;
}

}  // namespace

TEST_CASE("matrices in any order, with comments, empty lines, commas, tabs and carriage returns") {
    const test::temporary_folder folder;
    const auto read = matrices_reader(folder.file("given", "# three matrices\nV\n1,2\n\n3\t4 # the last\r\nQ\n1e-3 -2\n 0 .5\nheads 2\nK\n5 6\n7 8")).read();
    CHECK(read.heads == 2);
    CHECK(read.rows == 2);
    CHECK(read.width == 2);
    CHECK(read.q == std::vector{0.001, -2.0, 0.0, 0.5});
    CHECK(read.k == std::vector{5.0, 6.0, 7.0, 8.0});
    CHECK(read.v == std::vector{1.0, 2.0, 3.0, 4.0});
}

TEST_CASE("what is wrong with a line is said with its number") {
    CHECK(error_of("heads 1\n1 2\n") == ":2: \"1\" stands before a line with Q, K or V");
    CHECK(error_of("heads 1\nQ\n1 2\n1 x\n") == ":4: \"x\" is not a finite number");
    CHECK(error_of("heads 1\nQ\n1 nan\n") == ":3: \"nan\" is not a finite number");
    CHECK(error_of("heads 1\nQ\n1 1e999\n") == ":3: \"1e999\" is not a finite number");
    CHECK(error_of("heads 1\nQ\n1 2\n\nK\n1 2 3\n") == ":6: a row of K with 3 numbers, where the row in line 3 has 2");
    CHECK(error_of("heads 1\nQ\n1 2\nQ\n") == ":4: Q is given a second time");
    CHECK(error_of("Q 1 2\n") == ":1: the rows of Q begin on a line of their own");
    CHECK(error_of("heads 1\nheads 2\n") == ":2: the number of heads is given a second time");
    for (const char* heads : {"heads", "heads 0", "heads -1", "heads two", "heads 1.5", "heads 1 2", "heads 99999999999999999999"})
        CHECK(error_of(heads) == ":1: after \"heads\" comes one whole number, 1 or greater");
    CHECK(error_of("Q\n" + std::string((1 << 20) + 1, '1')) == ":2: the line is longer than 1048576 bytes");
}

TEST_CASE("and what is wrong with the whole without one") {
    CHECK(error_of("") == ": it has no line \"heads NUMBER\"");
    CHECK(error_of("heads 1\n") == ": there is no Q");
    CHECK(error_of("heads 1\nQ\n1\nK\nV\n1\n") == ": K has no rows");
    CHECK(error_of("heads 1\nQ\n1\n2\nK\n1\n2\nV\n1\n") == ": Q has 2 rows, and V has 1");
    CHECK(error_of("heads 2\nQ\n1 2 3\nK\n1 2 3\nV\n1 2 3\n") == ": rows of 3 numbers cannot be split among 2 heads");
    CHECK(test::file_error_of([] { matrices_reader("/nowhere/at/all").read(); }) == "/nowhere/at/all: cannot be read: No such file or directory");
}
