#include <heed/tokenizers/bert_characters.hpp>
#include <heed/tokenizers/text.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "golden.hpp"

using namespace heed::tokenizers;

namespace {

std::uint64_t fnv1a(const std::string& bytes) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return hash;
}

}  // namespace

TEST_CASE("every character there is becomes what Hugging Face makes of it, and splits words as there") {
    std::map<char32_t, std::uint64_t> expected;
    for (const auto& line : golden::lines("characters.tsv", 2)) {
        const auto cells = golden::split(line, '\t');
        expected[static_cast<char32_t>(golden::number(cells.at(0), 16))] = golden::number(cells.at(1), 16);
    }
    REQUIRE(expected.size() > 800);

    for (char32_t block = 0; block < 0x110000; block += 256) {
        std::string outcome;
        std::string unchanged;
        for (char32_t c = block; c < block + 256; ++c) {
            if (c >= 0xd800 && c < 0xe000) continue;
            char bytes[4];
            const std::string between = "a" + std::string(bytes, encode_utf8(c, bytes)) + "b";
            outcome += normalized(between) + "\t";
            bool first = true;
            for_each_word(between, [&](const word& w) {
                if (!std::exchange(first, false)) outcome += ' ';
                outcome += w.text;
                return true;
            });
            outcome += "\n";
            unchanged += between + "\t" + between + "\n";
        }
        const auto found = expected.find(block);
        const bool as_expected = found == expected.end() ? outcome == unchanged : fnv1a(outcome) == found->second;
        INFO("block " << std::hex << static_cast<std::uint32_t>(block));
        CHECK(as_expected);
    }
}

TEST_CASE("the table of characters is in order, without an overlap") {
    const auto& ranges = detail::character_ranges;
    CHECK(std::ranges::all_of(ranges, [](const auto& range) { return range.first <= range.last && range.last < 0x110000; }));
    CHECK(std::ranges::adjacent_find(ranges, [](const auto& a, const auto& b) { return a.last >= b.first; }) == ranges.end());
}
