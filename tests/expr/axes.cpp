#include "oracle.hpp"

using namespace oracle;

namespace {
struct both : axis<> {};
struct whole : axis<6> {};
}  // namespace

TEST_CASE("rename is another way to read the same memory, also through an expression") {
    tensor<float, token, model> x(token{3}, model{4});
    set(x, [](int t, int m) { return number(t, m); });
    const auto y = rename<token, query>(x * 2 + position<token>());
    STATIC_REQUIRE(std::is_same_v<decltype(y)::names, axes<query, model>>);
    CHECK(holds(eval(y), [](int t, int m) { return 2 * number(t, m) + t; }));
    x(0, 0) = 100;
    CHECK(rename<token, query>(x)(0, 0) == 100);
}

TEST_CASE("a summed axis steps aside of a new name") {
    tensor<float, token, model> x(token{3}, model{4});
    tensor<float, query> u(query{5});
    set(x, [](int t, int m) { return number(t, m); });
    set(u, [](int q) { return number(q, 1, 1); });
    double total = 0;
    for (int q = 0; q < 5; ++q) total += number(q, 1, 1);
    const auto y = eval(rename<token, query>(x + sum<query>(u)));           // its query is summed; the new one is not
    CHECK(holds(y, [&](int t, int m) { return number(t, m) + total; }));
    const auto z = eval(rename<token, model>(sum<model>(x) * position<token>()));
    CHECK(holds(z, [](int t) { return t * (number(t, 0) + number(t, 1) + number(t, 2) + number(t, 3)); }));
    const auto gram = eval(rename<token, model>(dot<model>(x, x)));
    CHECK(holds(gram, [](int t) {
        double s = 0;
        for (int m = 0; m < 4; ++m) s += number(t, m) * number(t, m);
        return s;
    }));
}

TEST_CASE("split reads one axis as two, and merge undoes it") {
    tensor<float, token, whole> x(token{4});
    set(x, [](int t, int w) { return number(t, w); });
    const auto two = split<whole, head, depth>(x);
    STATIC_REQUIRE(std::is_same_v<decltype(two)::names, axes<token, head, depth>>);
    CHECK(holds(eval(two), [](int t, int h, int d) { return number(t, 3 * h + d); }));
    CHECK(holds(eval(merge<head, depth, whole>(eval(two))), [](int t, int w) { return number(t, w); }));
    CHECK(holds(eval(merge<head, depth, whole>(two * 2)), [](int t, int w) { return 2 * number(t, w); }));
    CHECK(holds(eval(split<whole, head, depth>(x * position<whole>())), [](int t, int h, int d) { return number(t, 3 * h + d) * (3 * h + d); }));
}

TEST_CASE("sizes of split and merge follow from what is known when the program runs") {
    tensor<float, token, model> x(token{4}, model{6});
    set(x, [](int t, int m) { return number(t, m); });
    CHECK(holds(eval(split<model, head, inner>(x)), [](int t, int h, int c) { return number(t, 3 * h + c); }));
    CHECK(holds(eval(split<model, query, inner>(x, inner{2})), [](int t, int q, int c) { return number(t, 2 * q + c); }));
    CHECK(holds(eval(split<model, query, inner>(x, query{2})), [](int t, int q, int c) { return number(t, 3 * q + c); }));
    CHECK_THROWS_AS(eval(split<model, query, inner>(x, inner{4})), shape_error);
    const auto flat = eval(merge<token, model, both>(2 * x));
    CHECK(flat.size() == 24);
    CHECK(holds(flat, [](int i) { return 2 * number(i / 6, i % 6); }));
    CHECK(holds(eval(merge<model, token, both>(x + 0)), [](int i) { return number(i % 4, i / 4); }));
    tensor<float, both> wrong(both{23});
    CHECK_THROWS_AS((wrong += merge<token, model, both>(x + 0)), shape_error);
}

TEST_CASE("lengths and extents, padded and ragged") {
    const tensor<float, batch, token> padded(batch{2}, token{5});
    const tensor<float, texts> packed(texts{3, 0, 4});
    CHECK((extent_of<batch>(padded) == 2 && extent_of<token>(padded) == 5 && extent_of<batch>(packed) == 3));
    const auto n = eval(lengths<token>(packed));
    CHECK((n(0) == 3 && n(1) == 0 && n(2) == 4));
    CHECK(eval(lengths<token>(padded) + 0 * position<batch>() + as<int>(sum<token>(padded)))(1) == 5);
    const auto last = eval(where(position<token>() == lengths<token>(packed) - 1, 1, 0) + 0 * as<int>(packed));
    CHECK((last(0, 2) == 1 && last(0, 1) == 0 && last(2, 3) == 1 && last(2, 0) == 0));
}

TEST_CASE("lengths and places keep their values under new names") {
    const tensor<float, texts> x(texts{2, 0, 3});
    const auto renamed = eval(rename<batch, row>(lengths<token>(x) * 10));
    STATIC_REQUIRE(std::is_same_v<decltype(renamed)::names, axes<row>>);
    CHECK((renamed(0) == 20 && renamed(1) == 0 && renamed(2) == 30));
    const tensor<float, token, whole> y(token{4});
    const tensor<int, token, head, depth> halves = split<whole, head, depth>(place_in(y));
    CHECK(halves(3, 1, 2) == 3 * 6 + 1 * 3 + 2);
    const tensor<int, query, whole> places = rename<token, query>(place_in(y));
    CHECK(places(2, 5) == 2 * 6 + 5);
}

TEST_CASE("random numbers are those of their place, in any order of work and memory") {
    tensor<float, batch, token> x(batch{3}, token{37});
    x = 1.0f;
    const auto a = eval(x * random_uniform(5, 7, position<token>() + 37 * position<batch>()));
    const tensor<double, token, batch> turned = as<double>(x) * random_uniform(5, 7, position<token>() + 37 * position<batch>());
    const auto by_place = eval(x * random_uniform(5, 7, place_in(x)));
    const auto other_step = eval(x * random_uniform(5, 8, place_in(x)));
    double mean_of = 0;
    int differing = 0;
    for (int b = 0; b < 3; ++b)
        for (int t = 0; t < 37; ++t) {
            CHECK(a(b, t) == static_cast<float>(turned(t, b)));
            CHECK(a(b, t) == by_place(b, t));
            CHECK((a(b, t) >= 0 && a(b, t) < 1));
            mean_of += a(b, t) / 111;
            differing += a(b, t) != other_step(b, t);
        }
    CHECK(std::abs(mean_of - 0.5) < 0.1);
    CHECK(differing > 100);
}
