#include <heed/tokenizers/utf8.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace heed::tokenizers;

namespace {

std::vector<char32_t> decoded(std::string_view bytes) {
    std::vector<char32_t> characters;
    for (const char *at = bytes.data(), *end = at + bytes.size(); at != end;) characters.push_back(decode_utf8(at, end));
    return characters;
}

using characters = std::vector<char32_t>;
constexpr char32_t bad = replacement_character;

}  // namespace

TEST_CASE("every character is read back as it was written") {
    int wrong = 0;
    for (char32_t c = 0; c < 0x110000; ++c) {
        if (c >= 0xd800 && c < 0xe000) continue;
        char bytes[4];
        const std::size_t size = encode_utf8(c, bytes);
        const char* at = bytes;
        wrong += decode_utf8(at, bytes + size) != c || at != bytes + size;
    }
    CHECK(wrong == 0);
}

TEST_CASE("bytes that are not UTF-8 are replaced as the Unicode standard's tables 3-8 to 3-11 show") {
    CHECK(decoded("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41") == characters{bad, bad, bad, bad, bad, bad, bad, bad, U'A'});
    CHECK(decoded("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41") == characters{bad, bad, bad, bad, bad, bad, bad, bad, U'A'});
    CHECK(decoded("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42") == characters{bad, bad, bad, bad, bad, U'A', bad, bad, U'B'});
    CHECK(decoded("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41") == characters{bad, bad, bad, bad, U'A'});
}

TEST_CASE("a character that the text's end cuts short is replaced once") {
    CHECK(decoded("a\xc3") == characters{U'a', bad});
    CHECK(decoded("a\xe2\x82") == characters{U'a', bad});
    CHECK(decoded("a\xf0\x9f\x98") == characters{U'a', bad});
}
