#include <heed/files/crc32.hpp>

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <zlib.h>

using heed::files::crc32_sum;

namespace {

std::uint32_t sum_of(std::string_view text) {
    crc32_sum sum;
    sum.add(text);
    return sum.value();
}

}  // namespace

TEST_CASE("the checksum has its published check value, and 0 for nothing") {
    CHECK(sum_of("123456789") == 0xcbf43926u);
    CHECK(sum_of("") == 0);
}

TEST_CASE("the checksum is zlib's for every length, and the same however the bytes are cut") {
    std::mt19937 random(3);
    std::string text(5000, ' ');
    for (char& c : text) c = static_cast<char>(random());
    for (std::size_t size : {1u, 7u, 8u, 9u, 15u, 16u, 17u, 63u, 4999u, 5000u}) {
        const std::string_view part = std::string_view(text).substr(text.size() - size);
        CHECK(sum_of(part) == ::crc32(0, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(size)));
    }
    crc32_sum in_pieces;
    for (std::string_view left = text; !left.empty();) {
        const std::size_t size = std::min<std::size_t>(left.size(), random() % 40);
        in_pieces.add(left.substr(0, size));
        left.remove_prefix(size);
    }
    CHECK(in_pieces.value() == sum_of(text));
}
