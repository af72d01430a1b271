#include <heed/tokenizers/text.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "golden.hpp"

using namespace heed::tokenizers;

namespace {

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> all;
    for_each_word(text, [&](const word& w) {
        all.emplace_back(w.text);
        return true;
    });
    return all;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("240 nasty strings have the normal form that Hugging Face gives them") {
    const auto strings = golden::nasty();
    REQUIRE(strings.size() >= 200);
    for (const auto& nasty : strings) {
        INFO(nasty.text);
        CHECK(normalized(nasty.text) == nasty.normal);
    }
}

TEST_CASE("a text becomes small letters without accents, with punctuation and Chinese characters by themselves") {
    CHECK(words("Crème brûlée, 40€!") == list{"creme", "brulee", ",", "40€", "!"});
    CHECK(words("don't\tpanic\n") == list{"don", "'", "t", "panic"});
    CHECK(words("日本語 text") == list{"日", "本", "語", "text"});
    CHECK(words("İstanbul STRASSE Straße") == list{"istanbul", "strasse", "straße"});
    CHECK(words("zero\u200bwidth") == list{"zerowidth"});
    CHECK(words(" \n ").empty());
    CHECK(words("").empty());
}

TEST_CASE("bytes that are not UTF-8 vanish, and words go on behind them") {
    CHECK(words("ab\xff"
                "cd \xc3") == list{"abcd"});
    CHECK(normalized("\xf0\x90\x80") == "");
    CHECK(normalized("e\xcc") == "e");
}

TEST_CASE("of a long word the first 100 characters are given and all are counted") {
    std::string text;
    for (int i = 0; i < 250; ++i) text += "é";
    int seen = 0;
    for_each_word(text, [&](const word& w) {
        ++seen;
        CHECK(w.characters == 250);
        CHECK(w.text == std::string(100, 'e'));
        return true;
    });
    CHECK(seen == 1);
}

TEST_CASE("a word of 100 four-byte characters is given whole") {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "😀";
    CHECK(words(text) == list{text});
}

TEST_CASE("a visitor that has had enough is called no more") {
    int seen = 0;
    CHECK_FALSE(for_each_word("one two three four", [&](const word&) { return ++seen < 2; }));
    CHECK(seen == 2);
    CHECK_FALSE(for_each_word("a,b", [&](const word& w) { return w.text != ","; }));
    CHECK(for_each_word("a,b", [](const word&) { return true; }));
    CHECK_FALSE(normalize("abc", [](char32_t c) { return c != U'b'; }));
}

TEST_CASE("normalizing a post twice changes nothing more") {
    for (const auto& text : golden::sample()) {
        const std::string once = normalized(text);
        CHECK(normalized(once) == once);
    }
}

TEST_CASE("marks that are not stripped are put in order, however many there are") {
    // U+1D16D has class 226, U+302E 224: a thousand pairs come out in the right order by parts.
    CHECK(normalized("\U0001D16D\u302E") == "\u302E\U0001D16D");
    std::string marks;
    for (int i = 0; i < 1000; ++i) marks += "\U0001D16D\u302E";
    CHECK(normalized(marks).size() == marks.size());
}
