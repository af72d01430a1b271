#include <heed/tokenizers/byte_level.hpp>

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace heed::tokenizers;

namespace {
std::vector<std::string> chunks(std::string_view text) {
    std::vector<std::string> all;
    for_each_chunk(text, [&](std::string_view chunk) { all.emplace_back(chunk); });
    return all;
}
using list = std::vector<std::string>;
}  // namespace

TEST_CASE("each byte is written as a character of its own that can be seen, and is read back") {
    std::set<char32_t> seen;
    for (int b = 0; b < 256; ++b) {
        const char32_t c = byte_character(static_cast<unsigned char>(b));
        CHECK(seen.insert(c).second);
        CHECK(c > U' ');
        CHECK(detail::byte_of_character(c) == b);
    }
    CHECK(byte_character('a') == U'a');
    CHECK(byte_character(' ') == U'\u0120');
    CHECK(byte_character('\n') == U'\u010a');
    CHECK(byte_character(0xad) == U'\u0143');
    CHECK(detail::byte_of_character(U' ') == -1);
    CHECK(detail::byte_of_character(U'\u0144') == -1);
    CHECK(detail::byte_of_character(U'\U0010ffff') == -1);
    CHECK(detail::to_characters("a b") == "a\u0120b");
}

TEST_CASE("chunks are words with the space before them, numbers, signs, endings and white space") {
    CHECK(chunks("Hello, world 42!") == list{"Hello", ",", " world", " 42", "!"});
    CHECK(chunks("don't we'll") == list{"don", "'t", " we", "'ll"});
    CHECK(chunks("'sa 's") == list{"'s", "a", " '", "s"});
    CHECK(chunks("a   b") == list{"a", "  ", " b"});
    CHECK(chunks("a \n b") == list{"a", " \n", " b"});
    CHECK(chunks("a\n\nb") == list{"a", "\n", "\n", "b"});
    CHECK(chunks("a  ") == list{"a", "  "});
    CHECK(chunks("a1_b") == list{"a", "1", "_", "b"});
    CHECK(chunks("caf\u00e9 \u6771\u4eac") == list{"caf\u00e9", " \u6771\u4eac"});
    CHECK(chunks("x\u00a0\u00a0y") == list{"x", "\u00a0", "\u00a0", "y"});
    CHECK(chunks("").empty());
}

TEST_CASE("bytes that are not UTF-8 count as signs") {
    CHECK(chunks("a\xff\xfe!b \x80") == list{"a", "\xff\xfe!", "b", " \x80"});
    CHECK(chunks("\xe6\x9d") == list{"\xe6\x9d"});
}
