#include <heed/eval/cpu/update.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace cpu = heed::cpu;

TEST_CASE("the pieces of an array cover it once, in order, and are at most as many as a sum has room for") {
    for (const std::size_t count : {0, 1, 8191, 8192, 8193, 600'000, 1'000'003}) {
        const std::size_t length = cpu::piece_length(count);
        std::vector<int> met(count);
        std::vector<std::size_t> begins(cpu::most_pieces, count);
        cpu::for_pieces(count, length, [&](std::size_t piece, std::size_t begin, std::size_t end) {
            begins.at(piece) = begin;
            for (std::size_t i = begin; i < end; ++i) ++met[i];
        });
        for (const int times : met)
            if (times != 1) FAIL("met " << times << " times");
        CHECK(std::is_sorted(begins.begin(), begins.end()));
    }
}

TEST_CASE("a sum of squares is exact where doubles are, whatever the length") {
    for (const std::size_t count : {0, 1, 15, 16, 17, 8192, 8193, 100'000}) {
        std::vector<float> values(count);
        double expected = 0;
        for (std::size_t i = 0; i < count; ++i) {
            values[i] = static_cast<float>(i % 7);
            expected += static_cast<double>((i % 7) * (i % 7));
        }
        CHECK(cpu::sum_of_squares(std::span<const float>(values)) == expected);
    }
}
