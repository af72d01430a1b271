#include <heed/nn/sparse_parameter.hpp>

#include <catch2/catch.hpp>

#include <vector>

#include "layers.hpp"

using namespace layers;

namespace {
struct vocabulary : axis<> {};
struct model : axis<4> {};

std::vector<int> rows_of(const auto& table) { return {table.rows().begin(), table.rows().end()}; }
}  // namespace

TEST_CASE("a sparse gradient holds each touched row once, adds up over passes, and is forgotten when cleared") {
    nn::sparse_parameter<double, vocabulary, model> table(vocabulary{100});
    const tensor<int, token> ids{42, 7, 42};
    tensor<double, token, model> dy(token{3});
    dy = broadcast<model>(1.0 + position<token>());
    tensor<int, token> slots;
    table.accumulate(ids, dy, slots);
    CHECK(rows_of(table) == std::vector<int>{42, 7});
    CHECK(table.gradients()[0] == 1 + 3);
    CHECK(table.gradients()[4] == 2);

    const tensor<int, token> more{9, 7, 9};
    table.accumulate(more, dy, slots);
    CHECK(rows_of(table) == std::vector<int>{42, 7, 9});
    CHECK(table.gradients()[3] == 4);
    CHECK(table.gradients()[7] == 2 + 2);
    CHECK(table.gradients()[11] == 1 + 3);

    table.clear_gradient();
    CHECK(rows_of(table).empty());
    table.accumulate(more, dy, slots);
    CHECK(table.gradients().size() == 8);
    CHECK(table.gradients()[0] == 4);
}

TEST_CASE("a row outside the table is an error") {
    nn::sparse_parameter<float, vocabulary, model> table(vocabulary{5});
    const tensor<float, token, model> dy(token{2});
    tensor<int, token> slots;
    CHECK_THROWS_WITH(table.accumulate(tensor<int, token>{1, 5}, dy, slots), Catch::Contains("Row 5") && Catch::Contains("table of 5"));
    CHECK_THROWS_AS(table.accumulate(tensor<int, token>{-1, 0}, dy, slots), heed::value_error);
}
