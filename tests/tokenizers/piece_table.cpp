#include <heed/tokenizers/piece_table.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace heed::tokenizers;

TEST_CASE("a table gives pieces the numbers 0, 1, 2 ... and finds them again") {
    piece_table table;
    for (int i = 0; i < 10'000; ++i) REQUIRE(table.add((i % 2 == 0 ? "##" : "") + std::to_string(i)));
    CHECK(table.size() == 10'000);
    int wrong = 0;
    for (int i = 0; i < 10'000; ++i) {
        const std::string piece = (i % 2 == 0 ? "##" : "") + std::to_string(i);
        wrong += table.find(piece) != i || table[i] != piece;
    }
    CHECK(wrong == 0);
}

TEST_CASE("a piece that begins a word and the same letters that continue one are two pieces") {
    piece_table table;
    CHECK(table.add("ing"));
    CHECK(table.add("##ing"));
    CHECK_FALSE(table.add("ing"));
    CHECK(table.find("ing") == 0);
    CHECK(table.find("##ing") == 1);
    CHECK(table.find("in") == piece_table::none);
    CHECK(table.find("##in") == piece_table::none);
}

TEST_CASE("two number signs alone are a piece that begins a word") {
    CHECK(placed_piece("##").place == piece_place::begins);
    CHECK(placed_piece("##").letters == "##");
    CHECK(placed_piece("###").place == piece_place::continues);
    CHECK(placed_piece("###").letters == "#");
}

TEST_CASE("a hash of letters is the same by letter and at once") {
    letters_hash one(piece_place::begins), all(piece_place::begins);
    for (const char letter : std::string("letters")) one.add(letter);
    all.add("letters");
    CHECK(one.value() == all.value());
    CHECK(one.value() != letters_hash(piece_place::begins).value());
}
