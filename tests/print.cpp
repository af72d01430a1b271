#include <heed/eval/cpu/backend.hpp>
#include <heed/language.hpp>
#include <heed/print.hpp>

#include <catch2/catch.hpp>

#include <sstream>

using namespace heed;

namespace {

struct batch : axis<> {};
struct token : axis<> {};
struct model : axis<3> {};
using texts = ragged<batch, token>;

std::string printed(const auto& x) {
    std::ostringstream out;
    out << x;
    return out.str();
}

}  // namespace

TEST_CASE("a tensor prints its element type, its axes with their sizes, and its elements in brackets") {
    const tensor<float, batch, model> x{{0, 1, 2}, {10, 11.5, -12}};
    CHECK(printed(x) == "float {batch 2, model 3}\n[[0, 1, 2],\n [10, 11.5, -12]]");
    tensor<int, batch, token, model> three(batch{2}, token{2});
    three = 100 * position<batch>() + 10 * position<token>() + position<model>();
    CHECK(printed(three) == "int {batch 2, token 2, model 3}\n[[[0, 1, 2],\n  [10, 11, 12]],\n [[100, 101, 102],\n  [110, 111, 112]]]");
}

TEST_CASE("views print as tensors do, in the order of their axes") {
    tensor<double, token, model> x{{1, 2, 3}, {4, 5, 6}};
    CHECK(printed(x(model{1})) == "double {token 2}\n[2, 5]");
    CHECK(printed(rename<token, batch>(x)) == "double {batch 2, model 3}\n[[1, 2, 3],\n [4, 5, 6]]");
}

TEST_CASE("an expression is evaluated to be printed") {
    const tensor<float, model> x{1, 2, 3};
    CHECK(printed(2 * x) == "float {model 3}\n[2, 4, 6]");
    CHECK(printed(x > 1.5f) == "bool {model 3}\n[0, 1, 1]");
    CHECK(printed(sum<model>(x)) == "6");
    tensor<float> number;
    number = 2.5f;
    CHECK(printed(number) == "2.5");
    const tensor<bf16, model> half = as<bf16>(x / 2);
    CHECK(printed(half) == "bf16 {model 3}\n[0.5, 1, 1.5]");
}

TEST_CASE("of a long axis the first and last three are printed") {
    tensor<int, token> x(token{9});
    x = position<token>();
    CHECK(printed(x) == "int {token 9}\n[0, 1, 2, ..., 6, 7, 8]");
    x.resize(token{8});
    x = position<token>();
    CHECK(printed(x) == "int {token 8}\n[0, 1, 2, 3, 4, 5, 6, 7]");
    tensor<int, token, model> rows(token{10});
    rows = position<token>() + 0 * position<model>();
    CHECK(printed(rows) == "int {token 10, model 3}\n[[0, 0, 0],\n [1, 1, 1],\n [2, 2, 2],\n ...,\n [7, 7, 7],\n [8, 8, 8],\n [9, 9, 9]]");
}

TEST_CASE("a ragged batch is printed sequence by sequence, with their lengths; empty axes as empty brackets") {
    tensor<int, texts> x(texts{2, 0, 1});
    x = 10 * position<batch>() + position<token>();
    CHECK(printed(x) == "int {batch 3, token 2 0 1}\n[[0, 1],\n [],\n [20]]");
    tensor<int, texts, model> y(texts{1, 2});
    y = position<token>() + 0 * position<batch>() + position<model>();
    CHECK(printed(y) == "int {batch 2, token 1 2, model 3}\n[[[0, 1, 2]],\n [[0, 1, 2],\n  [1, 2, 3]]]");
    CHECK(printed(tensor<float, batch, token>(batch{2}, token{0})) == "float {batch 2, token 0}\n[[],\n []]");
}
