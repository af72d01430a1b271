#include <heed/tokenizers/word_piece_trainer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "golden.hpp"

using heed::value_error;
using namespace heed::tokenizers;

namespace {

using texts = std::vector<std::string>;

std::map<std::string, int> word_counts(const texts& all) {
    std::map<std::string, int> counts;
    for (const auto& text : all) {
        for_each_word(text, [&](const word& w) {
            if (w.characters <= longest_word) ++counts[std::string(w.text)];
            return true;
        });
    }
    return counts;
}

/// Whether a piece came of a merge: it is of more than one character, and no special one.
bool is_merged(const word_piece& pieces, int id) {
    const std::string_view letters = placed_piece(pieces.piece(id)).letters;
    const char* at = letters.data();
    decode_utf8(at, at + letters.size());
    return id >= 5 && at != letters.data() + letters.size();
}

std::set<std::string> merged_pieces(const word_piece& pieces) {
    std::set<std::string> all;
    for (int id = 0; id < pieces.size(); ++id) {
        if (is_merged(pieces, id)) all.emplace(pieces.piece(id));
    }
    return all;
}

}  // namespace

TEST_CASE("the most frequent neighbours are merged first, until none are frequent enough") {
    // low x5, lower x2, newest x6, widest x3: e s (9), es t (9), l o (7), lo w (7), n e (6), ne w (6), new est (6), ...
    texts all(5, "low");
    all.insert(all.end(), 2, "lower");
    all.insert(all.end(), 6, "newest");
    all.insert(all.end(), 3, "widest");
    const std::set<std::string> of_seven = {"##es", "##est", "lo", "low"};
    CHECK(merged_pieces(train_word_piece(all, {.min_frequency = 7})) == of_seven);
    const auto pieces = train_word_piece(all, {.min_frequency = 3});
    CHECK(pieces.find("newest") >= 0);
    CHECK(pieces.find("widest") >= 0);
    CHECK(pieces.find("lower") == -1);
}

TEST_CASE("counts stay right where a letter repeats, and where two merges make the same piece") {
    // a ##a ##a ##a, where ##a ##a stands four times; then a ##aa ##a, where the pair with the older piece wins the tie.
    CHECK(merged_pieces(train_word_piece(texts{"aaaa aaaa"})) == std::set<std::string>{"##aa", "aaa", "aaaa"});
    // a ##b ##a ##b: all three pairs stand twice, and a ##b is the oldest.
    CHECK(merged_pieces(train_word_piece(texts{"abab abab"})) == std::set<std::string>{"ab", "##ab", "abab"});
    // abc comes of ab ##c in one word and of a ##bc in the others; one piece all the same.
    const auto pieces = train_word_piece(texts{"abc abc abc xbc xbc xbc xbc abd abd abd abd abd"});
    CHECK(pieces.find("abc") >= 0);
    CHECK(pieces.encode("abc").size() == 1);
}

TEST_CASE("counting all pairs anew after each merge gives the same vocabulary") {
    const texts sample = golden::sample();
    const texts few(sample.begin(), sample.begin() + 25);
    const word_piece_options options{.size = 600, .min_frequency = 2};
    const auto trained = train_word_piece(few, options);

    // The rule as it is stated, with nothing kept from step to step.
    const auto counts = word_counts(few);
    std::vector<std::string> pieces;
    for (int id = 0; !is_merged(trained, id); ++id) pieces.emplace_back(trained.piece(id));
    const auto id_of = [&](const std::string& piece) { return static_cast<int>(std::ranges::find(pieces, piece) - pieces.begin()); };
    std::vector<std::pair<std::vector<int>, int>> rows;
    for (const auto& [text, count] : counts) {
        std::vector<int> row;
        detail::for_each_character(text, [&](char32_t c, bool begins) { row.push_back(id_of((begins ? "" : "##") + detail::to_utf8(c))); });
        rows.push_back({row, count});
    }
    while (static_cast<int>(pieces.size()) < options.size) {
        std::map<std::pair<int, int>, int> pairs;
        for (const auto& [row, count] : rows) {
            for (std::size_t i = 0; i + 1 < row.size(); ++i) pairs[{row[i], row[i + 1]}] += count;
        }
        const auto best = std::ranges::max_element(pairs, {}, [](const auto& pair) { return pair.second; });  // the first of equals
        if (best == pairs.end() || best->second < options.min_frequency) break;
        const auto [left, right] = best->first;
        std::string whole = pieces[static_cast<std::size_t>(left)];
        whole += placed_piece(pieces[static_cast<std::size_t>(right)]).letters;
        const int id = id_of(whole);
        if (id == static_cast<int>(pieces.size())) pieces.push_back(whole);
        for (auto& [row, count] : rows) {
            std::vector<int> shorter;
            for (std::size_t i = 0; i < row.size(); ++i) {
                const bool here = i + 1 < row.size() && row[i] == left && row[i + 1] == right;
                shorter.push_back(here ? id : row[i]);
                if (here) ++i;
            }
            row = shorter;
        }
    }
    CHECK(pieces.size() > 500);
    CHECK(word_piece(pieces) == trained);
}

TEST_CASE("every word of the texts is encoded without an unknown") {
    const auto sample = golden::sample();
    for (const int size : {500, 2000, 50'000}) {
        const auto pieces = train_word_piece(sample, {.size = size});
        int unknown = 0;
        for (const auto& text : sample) unknown += static_cast<int>(std::ranges::count(pieces.encode(text), pieces.unknown()));
        CHECK(unknown == 0);
    }
}

TEST_CASE("a vocabulary has at most as many pieces as it may, and the special ones come first") {
    const auto sample = golden::sample();
    for (const int size : {6, 7, 20, 100, 300, 2000}) {
        const auto pieces = train_word_piece(sample, {.size = size});
        CHECK(pieces.size() <= size);
        CHECK(pieces.size() >= size - 1);  // a character with both of its forms may find room for one only
        for (int id = 0; id < 5; ++id) CHECK(pieces.piece(id) == word_piece::special_pieces[static_cast<std::size_t>(id)]);
    }
    CHECK(train_word_piece(texts{}).size() == 5);
    CHECK(train_word_piece(texts{"", " "}).size() == 5);
}

TEST_CASE("the vocabulary does not depend on the order of the texts") {
    auto sample = golden::sample();
    const auto pieces = train_word_piece(sample, {.size = 1500});
    CHECK(train_word_piece(sample, {.size = 1500}) == pieces);
    std::ranges::reverse(sample);
    CHECK(train_word_piece(sample, {.size = 1500}) == pieces);
    std::rotate(sample.begin(), sample.begin() + 77, sample.end());
    CHECK(train_word_piece(sample, {.size = 1500}) == pieces);
}

TEST_CASE("the frequent words of the texts are one piece each") {
    const auto sample = golden::sample();
    const auto pieces = train_word_piece(sample, {.size = 2000});
    for (const auto& [text, count] : word_counts(sample)) {
        INFO(text);
        if (count >= 20) CHECK(pieces.encode(text).size() == 1);
    }
}

TEST_CASE("the alphabet keeps the most frequent characters, the lower code point at a tie") {
    const auto pieces = train_word_piece(texts{"b b b c c a a d"}, {.alphabet = 2});
    CHECK(pieces.find("b") >= 0);
    CHECK(pieces.find("a") >= 0);
    CHECK(pieces.size() == 7);
    CHECK(pieces.encode("a b c d") == std::vector<int>{5, 6, 1, 1});
    // A word with a character that fell out teaches nothing.
    CHECK(train_word_piece(texts{"abz abz ab aaa bbb"}, {.alphabet = 2}).find("ab") == -1);
}

TEST_CASE("words of over 100 characters teach nothing") {
    const auto pieces = train_word_piece(texts{std::string(101, 'x') + " " + std::string(101, 'x') + " a"});
    CHECK(pieces.size() == 6);
    word_piece_trainer trainer;
    trainer.add(std::string(101, 'x'));
    CHECK(trainer.distinct_words() == 0);
}

TEST_CASE("training on the sample compresses it within 2 % of Hugging Face's trainer") {
    const auto cells = golden::split(golden::lines("trained.tsv").at(0), '\t');
    const int expected_size = static_cast<int>(golden::number(cells.at(0), 10));
    const double expected_ids = static_cast<double>(golden::number(cells.at(1), 10));
    const auto sample = golden::sample();
    const auto pieces = train_word_piece(sample, {.size = 2000});
    CHECK(pieces.size() == expected_size);
    std::size_t ids = 0;
    for (const auto& text : sample) ids += pieces.encode(text).size();
    INFO(ids << " ids, Hugging Face's " << expected_ids);
    CHECK(std::abs(static_cast<double>(ids) - expected_ids) <= 0.02 * expected_ids);
}

TEST_CASE("options out of range are an error that says so") {
    CHECK_THROWS_WITH(word_piece_trainer({.size = 5}), "a vocabulary of 5 pieces has no room beside the 5 special ones");
    CHECK_THROWS_AS(word_piece_trainer({.min_frequency = 0}), value_error);
    CHECK_THROWS_AS(word_piece_trainer({.alphabet = 0}), value_error);
}
