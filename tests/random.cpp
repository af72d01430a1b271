#include "heed/random.hpp"

#include <catch2/catch.hpp>
#include <vector>

using heed::philox;
using heed::philox_block;
using heed::random_stream;

TEST_CASE("Philox4x32-10 gives the known answers of Random123") {
    CHECK(philox({0, 0}, {0, 0, 0, 0}) == philox_block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(philox({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}) ==
          philox_block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
          philox_block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
    static_assert(philox({0, 0}, {0, 0, 0, 0})[0] == 0x6627e8d5, "usable in constant expressions");
}

TEST_CASE("uniform numbers begin at zero and never reach one") {
    CHECK(heed::uniform_from(0U) == 0.0F);
    CHECK(heed::uniform_from(0xffffffffU) < 1.0F);
    CHECK(heed::uniform_from(0U, 0U) == 0.0);
    CHECK(heed::uniform_from(0xffffffffU, 0xffffffffU) < 1.0);
    CHECK(heed::uniform_from(0x80000000U, 0U) == 0.5);
}

TEST_CASE("the normal number of the largest uniform is finite") {
    CHECK(std::isfinite(heed::normal_from({0xffffffff, 0xffffffff, 0, 0})));
    CHECK(heed::normal_from({0, 0, 0, 0}) == 0.0);
}

TEST_CASE("a stream is a function of seed, step and position alone") {
    const auto first_words = [](random_stream stream) {
        std::vector<std::uint32_t> words(9);
        for (auto& word : words) word = stream.bits();
        return words;
    };
    const auto words = first_words(random_stream(7, 3, 11));
    CHECK(first_words(random_stream(7, 3, 11)) == words);
    CHECK(first_words(random_stream(8, 3, 11)) != words);
    CHECK(first_words(random_stream(7, 4, 11)) != words);
    CHECK(first_words(random_stream(7, 3, 12)) != words);
    CHECK(first_words(random_stream(7 + (1ULL << 32), 3, 11)) != words);
    CHECK(first_words(random_stream(7, 3 + (1ULL << 32), 11)) != words);
    CHECK(first_words(random_stream(7, 3, 11 + (1ULL << 32))) != words);
}

TEST_CASE("a copy of a stream goes on from where the original stood") {
    random_stream original(1, 2, 3);
    for (int i = 0; i < 5; ++i) original.bits();
    random_stream copy = original;
    for (int i = 0; i < 9; ++i) CHECK(copy.bits() == original.bits());
}

TEST_CASE("the moments of uniform and normal numbers are those of their distributions") {
    constexpr int count = 200000;
    random_stream stream(20240229);
    double mean_uniform = 0, mean_normal = 0, square = 0, fourth = 0;
    for (int i = 0; i < count; ++i) {
        mean_uniform += (stream.uniform() + stream.uniform_double()) / 2;
        const double z = stream.normal();
        mean_normal += z;
        square += z * z;
        fourth += z * z * z * z;
    }
    CHECK(mean_uniform / count == Approx(0.5).margin(0.003));
    CHECK(mean_normal / count == Approx(0).margin(0.01));
    CHECK(square / count == Approx(1).margin(0.015));
    CHECK(fourth / count == Approx(3).margin(0.15));
}

TEST_CASE("below(n) reaches every number under n equally often, and no other") {
    constexpr std::uint32_t n = 7;
    constexpr int count = 70000;
    std::array<int, n> seen{};
    random_stream stream(5);
    for (int i = 0; i < count; ++i) {
        const auto value = stream.below(n);
        REQUIRE(value < n);
        ++seen[value];
    }
    double chi_square = 0;
    for (const int times : seen) chi_square += (times - 10000.0) * (times - 10000.0) / 10000.0;
    CHECK(chi_square < 27.9);  // 6 degrees of freedom: exceeded once in 10,000
    CHECK(stream.below(1) == 0);
}

TEST_CASE("below(0) is refused") {
    CHECK_THROWS_AS(random_stream(1).below(0), heed::value_error);
}

TEST_CASE("below is not biased where n does not divide the range of a word") {
    // By plain multiplication a third of n = 3 * 2^30 would be hit twice as often as the rest.
    constexpr std::uint32_t n = 3U << 30;
    random_stream stream(9);
    std::array<int, 3> residue{};
    for (int i = 0; i < 60000; ++i) ++residue[stream.below(n) % 3];
    for (const int times : residue) CHECK(times == Approx(20000).margin(600));
}
