#include <heed/eval/cpu/backend.hpp>
#include <heed/language.hpp>

#include <catch2/catch.hpp>

#include <vector>

using namespace heed;

namespace {

struct batch : axis<> {};
struct token : axis<> {};
struct model : axis<3> {};

}  // namespace

TEST_CASE("a view reads and writes the program's own memory") {
    std::vector<float> memory{1, 2, 3, 4, 5, 6};
    view<float, token, model> x(memory.data(), token{2});
    CHECK(x(1, 2) == 6);
    x = 10 * x;
    CHECK(memory[5] == 60);
    x += x;
    CHECK(memory[0] == 20);
    const view<const float, token, model> fixed(memory.data(), token{2});
    const tensor<float, token> sums = sum<model>(fixed);
    CHECK((sums(0) == 20 + 40 + 60 && sums(1) == 80 + 100 + 120));
    CHECK_THROWS_WITH((view<float, token, model>(memory.data())), "nothing in the statement says how long axis token is");
    CHECK_THROWS_WITH((view<float, token, model>(memory.data(), token{2}, model{4})), "axis model has size 3 by its type, not 4");
    CHECK_THROWS_WITH((view<float, token, model>(memory.data(), token{-2})), "axis token cannot have size -2");
}

TEST_CASE("x(axis{i}) is the part of x at that place, to read and to write") {
    tensor<float, batch, token, model> x(batch{2}, token{4});
    x = 100 * position<batch>() + 10 * position<token>() + position<model>();
    const tensor<float, token, model> second = x(batch{1});
    CHECK((second(3, 2) == 132 && second(0, 0) == 100));
    x(batch{0}) = x(batch{1}) + 1;
    CHECK(x(0, 3, 2) == 133);
    CHECK(x(1, 3, 2) == 132);
    x(token{0}) = 7.0f;
    x(batch{1}, model{1}) += broadcast<token>(tensor<float>() + 0.5f);
    CHECK((x(1, 0, 0) == 7 && x(1, 0, 1) == 7.5f && x(1, 2, 1) == 121.5f && x(0, 2, 1) == 122));
    const auto row = x(token{2}, batch{0});
    CHECK(row(model{1}) == 122);
}

TEST_CASE("a part may be assigned from another that it overlaps") {
    std::vector<float> memory{0, 1, 2, 3, 4, 5, 6, 7};
    view<float, token> first(memory.data(), token{7}), later(memory.data() + 1, token{7});
    later = first;
    CHECK(memory == std::vector<float>{0, 0, 1, 2, 3, 4, 5, 6});
    first = later + first;
    CHECK(memory == std::vector<float>{0, 1, 3, 5, 7, 9, 11, 6});
}

TEST_CASE("sizes that differ are errors before anything is written") {
    tensor<float, batch, token> x(batch{2}, token{4});
    x = 5.0f;
    const tensor<float, token> three(token{3});
    CHECK_THROWS_WITH(x(batch{0}) = three, "axis token has size 3 in one operand and 4 in another");
    CHECK_THROWS_AS(x += three + 0 * x, shape_error);
    CHECK(x(0, 0) == 5);
}

TEST_CASE("a renamed tensor is read like any other") {
    const tensor<float, token, model> x{{1, 2, 3}, {4, 5, 6}};
    const auto k = rename<token, batch>(x);
    CHECK(k(1, 0) == 4);
    CHECK(k(model{2}, batch{0}) == 3);
    const tensor<float, model> row = k(batch{1}) * 2;
    CHECK(row(2) == 12);
    CHECK(extent_of<batch>(k) == 2);
}
