#include <heed/heed.hpp>

#include <catch2/catch.hpp>

#include <vector>

using namespace heed;

namespace {
struct row   : axis<> {};
struct place : axis<> {};
}  // namespace

TEST_CASE("the random number of a place is the draw of that number of a stream, wherever the places lie") {
    random_stream stream(5, 7);
    std::vector<float> drawn(2000);
    for (float& number : drawn) number = stream.uniform();
    tensor<float, row, place> ones(row{3}, place{61});
    ones = 1.0f;
    const auto in_turn = eval(ones * random_uniform(5, 7, place_in(ones)));
    const auto from_three = eval(ones * random_uniform(5, 7, position<place>() + 64 * position<row>() + 3));
    const auto apart = eval(ones * random_uniform(5, 7, 9 * position<place>() + position<row>()));
    const auto in_double = eval(as<double>(ones) * random_uniform(5, 7, place_in(ones)));
    for (int r = 0; r < 3; ++r)
        for (int p = 0; p < 61; ++p) {
            const auto number = [&](int n) { return drawn[static_cast<std::size_t>(n)]; };
            CHECK(in_turn(r, p) == number(61 * r + p));
            CHECK(from_three(r, p) == number(64 * r + p + 3));
            CHECK(apart(r, p) == number(9 * p + r));
            CHECK(in_double(r, p) == static_cast<double>(number(61 * r + p)));
        }
}
