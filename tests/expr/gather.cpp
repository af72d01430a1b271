#include "oracle.hpp"

using namespace oracle;

namespace {

tensor<float, row, model> a_table() {
    tensor<float, row, model> table(row{6}, model{5});
    set(table, [](int r, int m) { return number(r, m); });
    return table;
}

}  // namespace

TEST_CASE("gather looks up a row for every id") {
    const auto table = a_table();
    const tensor<int, batch, token> ids{{5, 0, 1}, {2, 2, 3}};
    const auto x = eval(gather<row>(table, ids));
    STATIC_REQUIRE(std::is_same_v<decltype(x)::items, axes<batch, token, model>>);
    CHECK(holds(x, [&](int b, int t, int m) { return number(ids(b, t), m); }));
    const tensor<float, model, token, batch> turned = 2 * gather<row>(table * 3, ids) + position<token>();
    CHECK(holds(turned, [&](int m, int t, int b) { return 6 * number(ids(b, t), m) + t; }));
    CHECK(holds(eval(gather<row>(table(model{2}), ids)), [&](int b, int t) { return number(ids(b, t), 2); }));
    CHECK(holds(eval(softmax<model>(gather<row>(table, ids / 2))), [&](int b, int t, int m) {
        double total = 0;
        for (int k = 0; k < 5; ++k) total += std::exp(number(ids(b, t) / 2, k));
        return std::exp(number(ids(b, t) / 2, m)) / total;
    }));
}

TEST_CASE("ids may be made of positions, with any arithmetic that stays in the table") {
    const auto table = a_table();
    tensor<float, batch, token, model> x(batch{2}, token{4}, model{5});
    set(x, [](int b, int t, int m) { return number(b, t, m); });
    CHECK(holds(eval(x + gather<row>(table, position<token>() + 2)), [](int b, int t, int m) { return number(b, t, m) + number(t + 2, m); }));
    CHECK(holds(eval(x + gather<row>(table, position<token>() - position<token>() / 2 * 2)), [](int b, int t, int m) { return number(b, t, m) + number(t % 2, m); }));
    CHECK_THROWS_WITH(eval(x + gather<row>(table, position<token>() + 3)), "id 6 is outside axis row of size 6");
    CHECK_THROWS_WITH(eval(x + gather<row>(table, position<token>() - 1)), "id -1 is outside axis row of size 6");
    tensor<float, texts, model> packed(texts{1, 0, 3}, model{5});
    packed = gather<row>(table, position<token>() + position<batch>());
    CHECK(packed(2, 2, 4) == table(4, 4));
    CHECK(packed(0, 0, 1) == table(0, 1));
}

TEST_CASE("an id outside the table is an error with the id and the size, before anything is written") {
    const auto table = a_table();
    tensor<float, token, model> x(token{3}, model{5});
    x = 7.0f;
    for (const int wrong : {6, -1}) {
        const tensor<int, token> ids{0, wrong, 2};
        CHECK_THROWS_WITH(x = gather<row>(table, ids), "id " + std::to_string(wrong) + " is outside axis row of size 6");
        CHECK_THROWS_AS(x += 2 * gather<row>(table, ids + 0), value_error);
    }
    CHECK(holds(x, [](int, int) { return 7; }));
}

TEST_CASE("scatter_add undoes gather: duplicate rows add up, others stand still") {
    auto table = a_table();
    const tensor<int, batch, token> ids{{1, 4, 1}, {5, 1, 4}};
    tensor<float, batch, token, model> dy(batch{2}, token{3}, model{5});
    set(dy, [](int b, int t, int m) { return number(b, t, m); });
    const auto right = [&](int r, int m) {
        double s = number(r, m);
        for (int b = 0; b < 2; ++b)
            for (int t = 0; t < 3; ++t) s += ids(b, t) == r ? number(b, t, m) : 0;
        return s;
    };
    scatter_add<row>(table, ids, dy);
    CHECK(holds(table, right));
    auto again = a_table();
    const tensor<float, model, token, batch> turned = dy;
    scatter_add<row>(again, ids, turned);
    CHECK(holds(again, right));
    auto places = a_table();
    scatter_add<row>(places, position<token>() + 1, dy);
    CHECK(holds(places, [](int r, int m) { return number(r, m) + (r >= 1 && r <= 3 ? number(0, r - 1, m) + number(1, r - 1, m) : 0); }));
    auto column = a_table();
    scatter_add<row>(column(model{2}), ids, eval(dy(model{0})));
    CHECK(column(1, 2) == Approx(number(1, 2) + number(0, 0, 0) + number(0, 2, 0) + number(1, 1, 0)));
    CHECK(column(1, 1) == Approx(number(1, 1)));
}

TEST_CASE("scatter_add refuses ids outside the table and rows of another size, before anything is written") {
    auto table = a_table();
    const tensor<int, token> wrong{0, 6}, right{0, 1};
    const tensor<float, token, model> dy(token{2}, model{5}), longer(token{2}, model{50});
    CHECK_THROWS_WITH(scatter_add<row>(table, wrong, eval(dy + 1)), "id 6 is outside axis row of size 6");
    CHECK_THROWS_WITH(scatter_add<row>(table, right, longer), Catch::Contains("axis model") && Catch::Contains("50") && Catch::Contains("5"));
    CHECK(holds(table, [](int r, int m) { return number(r, m); }));
}
