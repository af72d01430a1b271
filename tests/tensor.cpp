#include <heed/eval/cpu/backend.hpp>
#include <heed/language.hpp>

#include <catch2/catch.hpp>

#include <numeric>
#include <utility>

using namespace heed;

namespace {

struct batch : axis<> {};
struct token : axis<> {};
struct model : axis<3> {};
using texts = ragged<batch, token>;

}  // namespace

TEST_CASE("a new tensor has zeros, of sizes that are named in any order") {
    const tensor<float, batch, token, model> x(token{2}, batch{4});
    CHECK(x.size() == 24);
    CHECK((extent_of<batch>(x) == 4 && extent_of<token>(x) == 2 && extent_of<model>(x) == 3));
    CHECK(std::all_of(x.begin(), x.end(), [](float e) { return e == 0; }));
    CHECK(tensor<float, batch>().size() == 0);
    CHECK(tensor<float, model>().size() == 3);
}

TEST_CASE("nested braces are the elements, and size the axes that the type leaves open") {
    const tensor<int, token, model> x{{1, 2, 3}, {4, 5, 6}};
    CHECK(extent_of<token>(x) == 2);
    CHECK(x(1, 0) == 4);
    CHECK_THROWS_AS((tensor<int, token, model>{{1, 2}, {3, 4}}), shape_error);
    CHECK_THROWS_AS((tensor<int, token, batch>{{1, 2}, {3}}), shape_error);
}

TEST_CASE("elements by place, by name in any order, and in the order of memory") {
    tensor<float, batch, token, model> x(batch{2}, token{2});
    std::iota(x.begin(), x.end(), 0.0f);
    CHECK(x(1, 0, 2) == 8);
    CHECK(x(model{2}, batch{1}, token{0}) == 8);
    x(1, 0, 2) = -1;
    CHECK(x.data()[8] == -1);
    const tensor<float, model, token, batch> turned = x;
    CHECK(turned(2, 0, 1) == -1);
    CHECK(turned.data()[2 * 4 + 0 * 2 + 1] == -1);
}

TEST_CASE("sizes that cannot be are errors in words") {
    CHECK_THROWS_WITH((tensor<float, batch>(batch{-1})), "axis batch cannot have size -1");
    CHECK_THROWS_WITH((tensor<float, batch, token>(batch{1})), "nothing in the statement says how long axis token is");
    CHECK_THROWS_WITH((tensor<float, batch, model>(batch{1}, model{4})), "axis model has size 3 by its type, not 4");
    CHECK_THROWS_WITH((tensor<float, texts>(texts{1, -2})), "axis token cannot have size -2");
}

TEST_CASE("an expression sizes what it is assigned to, and says so where nothing sizes an axis") {
    tensor<float, batch, model> x;
    x = position<batch>() + tensor<float, batch, model>(batch{5});
    CHECK(extent_of<batch>(x) == 5);
    CHECK_THROWS_WITH(eval(position<token>() + position<model>()), "nothing in the statement says how long axis token is");
    CHECK_THROWS_AS((tensor<int, token>(position<token>())), shape_error);
    tensor<int, token> there(token{3});
    there = position<token>();                                       // its own size counts
    CHECK((there(0) == 0 && there(2) == 2));
}

TEST_CASE("a tensor keeps its capacity: smaller and as large again take no memory") {
    tensor<float, token> x(token{100});
    const float* memory = x.data();
    const tensor<float, token> few(token{7}), many(token{100});
    x = few + 1;
    CHECK(x.size() == 7);
    x = many + 2;
    CHECK(x.data() == memory);
    CHECK(x(99) == 2);
}

TEST_CASE("tensors are values: copies are their own, moves take the memory along") {
    tensor<float, token> x{1, 2, 3};
    tensor<float, token> copy = x;
    copy(0) = 9;
    CHECK(x(0) == 1);
    const float* memory = x.data();
    tensor<float, token> moved = std::move(x);
    CHECK(moved.data() == memory);
    x = moved + 1;                                                    // what was moved from can be assigned to
    CHECK(x(2) == 4);
    tensor<float> scalar;
    scalar = 3.0f;
    tensor<float> taken = std::move(scalar);
    scalar = 4.0f;
    CHECK((float(taken) == 3 && float(scalar) == 4));
    tensor<float, texts> ragged_one(texts{2, 1});
    ragged_one = 1.0f;
    tensor<float, texts> there = std::move(ragged_one);
    CHECK(there.offsets() == std::vector<std::ptrdiff_t>{0, 2, 3});
    ragged_one = there;
    CHECK(ragged_one(1, 0) == 1);
}

TEST_CASE("a ragged tensor holds its sequences one after another") {
    tensor<float, texts, model> x(texts{2, 0, 1});
    CHECK(x.size() == 9);
    x = 100 * position<batch>() + 10 * position<token>() + position<model>();
    CHECK(x(0, 1, 2) == 12);
    CHECK(x(batch{2}, model{1}, token{0}) == 201);
    const auto first = x(batch{0});
    CHECK(extent_of<token>(first) == 2);
    CHECK(first(1, 1) == 11);
    CHECK(x(batch{1}).size() == 0);
    const auto column = x(model{1});                                  // still ragged
    const tensor<float, batch> sums = sum<token>(column);
    CHECK((sums(0) == 12 && sums(1) == 0 && sums(2) == 201));
    tensor<float, texts, model> y;
    y = x * 2;
    CHECK(y.offsets() == x.offsets());
    const tensor<float, texts> other(texts{1, 1, 1});
    CHECK_THROWS_WITH(eval(x + other), "the sequences of ragged axis token have other lengths in one operand than in another");
    const tensor<float, texts> fewer(texts{2, 1});
    CHECK_THROWS_AS(eval(x + fewer), shape_error);
    const tensor<float, batch, token> plain(batch{3}, token{2});
    CHECK_THROWS_WITH(eval(x + plain), "axis token is ragged in one operand and has the one size 2 in another");
}
