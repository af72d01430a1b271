#include "oracle.hpp"

using namespace oracle;

TEST_CASE("operands line up by name, and what only one has is broadcast") {
    tensor<float, batch, token, model> x(batch{2}, token{3}, model{5});
    tensor<float, token, batch> y(token{3}, batch{2});
    tensor<float, model> w(model{5});
    set(x, [](int b, int t, int m) { return number(b, t, m); });
    set(y, [](int t, int b) { return number(t, b); });
    set(w, [](int m) { return number(m); });
    const tensor<float, model, token, batch> z = x * w + y;
    CHECK(holds(z, [](int m, int t, int b) { return number(b, t, m) * number(m) + number(t, b); }));
    const tensor s = y - w;                                           // the left's axes, then what the right adds
    STATIC_REQUIRE(std::is_same_v<decltype(s)::items, axes<token, batch, model>>);
    CHECK(holds(s, [](int t, int b, int m) { return number(t, b) - number(m); }));
    STATIC_REQUIRE(std::is_same_v<decltype(w + x)::items, axes<batch, token, model>>);
}

TEST_CASE("the functions are those of the textbook") {
    tensor<double, token> x(token{41});
    set(x, [](int t) { return (t - 20) / 4.0 + 0.01; });
    const auto at = [](int t) { return (t - 20) / 4.0 + 0.01; };
    const auto is = [&](const auto& e, auto f) { return holds(eval(e), [&](int t) { return f(at(t)); }, 1e-13); };
    CHECK(is(exp(x), [](double v) { return std::exp(v); }));
    CHECK(is(log(abs(x)), [](double v) { return std::log(std::abs(v)); }));
    CHECK(is(sqrt(abs(x)), [](double v) { return std::sqrt(std::abs(v)); }));
    CHECK(is(rsqrt(abs(x)), [](double v) { return 1 / std::sqrt(std::abs(v)); }));
    CHECK(is(tanh(x), [](double v) { return std::tanh(v); }));
    CHECK(is(erf(x), [](double v) { return std::erf(v); }));
    CHECK(is(sigmoid(x), [](double v) { return 1 / (1 + std::exp(-v)); }));
    CHECK(is(relu(x), [](double v) { return v > 0 ? v : 0; }));
    CHECK(is(silu(x), [](double v) { return v / (1 + std::exp(-v)); }));
    CHECK(is(gelu(x), [](double v) { return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0))); }));
    CHECK(is(gelu_tanh(x), [](double v) { return 0.5 * v * (1 + std::tanh(0.79788456080286536 * (v + 0.044715 * v * v * v))); }));
    CHECK(is(gelu_slope(x), [](double v) { return 0.5 * (1 + std::erf(v / std::sqrt(2.0))) + v * std::exp(-v * v / 2) * 0.39894228040143268; }));
    CHECK(is(gelu_tanh_slope(x), [](double v) {
        const double t = std::tanh(0.79788456080286536 * (v + 0.044715 * v * v * v));
        return 0.5 * (1 + t) + 0.5 * v * (1 - t * t) * 0.79788456080286536 * (1 + 0.134145 * v * v);
    }));
    CHECK(is(-abs(x), [](double v) { return -std::abs(v); }));
    CHECK(is(min(x, 1.0) + max(-1, x), [](double v) { return std::min(v, 1.0) + std::max(-1.0, v); }));
}

TEST_CASE("where chooses, and its values come before its condition in the order of axes") {
    tensor<float, token, model> x(token{3}, model{4});
    set(x, [](int t, int m) { return number(t, m); });
    const tensor y = where(position<model>() > position<token>(), x, 0.0);
    STATIC_REQUIRE(std::is_same_v<decltype(y)::items, axes<token, model>>);
    CHECK(holds(y, [](int t, int m) { return m > t ? number(t, m) : 0; }));
}

TEST_CASE("numbers are weak, integers take the floating type that they meet") {
    tensor<float, token> x{1, 2, 3};
    tensor<int, token> n{4, 5, 6};
    STATIC_REQUIRE(std::is_same_v<decltype(x * 2.0)::element_type, float>);
    STATIC_REQUIRE(std::is_same_v<decltype(x * n)::element_type, float>);
    STATIC_REQUIRE(std::is_same_v<decltype(n * 2)::element_type, std::int32_t>);
    STATIC_REQUIRE(std::is_same_v<tensor_of<decltype(n * 0.5)>, tensor<float, token>>);
    const tensor<double, token> half = n * 0.5;                        // undecided until it is stored
    CHECK((half(0) == 2 && half(1) == 2.5));
    const tensor<double, token> whole = n;
    CHECK(whole(2) == 6);
    CHECK(eval(as<double>(x) / 3)(0) == 1.0 / 3);
}

TEST_CASE("integers divide toward zero, by zero to zero; as<int> cuts off") {
    tensor<int, token> n{-7, 7, -1, 5}, by{2, -2, 3, 0};
    const auto q = eval(n / by);
    CHECK((q(0) == -3 && q(1) == -3 && q(2) == 0 && q(3) == 0));
    tensor<int, token> least{std::numeric_limits<int>::min(), 0, 0, 0};
    CHECK(eval(least / (by - 3 + 0 * n))(0) == std::numeric_limits<int>::min());       // 2^31 has no int; no trap either
    tensor<float, token> x{-1.9f, 1.9f, 0.5f, -0.5f};
    const auto cut = eval(as<int>(x));
    CHECK((cut(0) == -1 && cut(1) == 1 && cut(2) == 0 && cut(3) == 0));
    CHECK(eval(as<int>(as<double>(x)))(0) == -1);
}

TEST_CASE("masks combine, compare, count and are stored") {
    const tensor<bool, token> a{true, true, false, false}, b{true, false, true, false};
    const tensor<bool, token> both = a && b, either = a || b, no = !a, same = a == b, other = a != b;
    for (int t = 0; t < 4; ++t) {
        CHECK(both(t) == (a(t) && b(t)));
        CHECK(either(t) == (a(t) || b(t)));
        CHECK(no(t) == !a(t));
        CHECK(same(t) == (a(t) == b(t)));
        CHECK(other(t) == (a(t) != b(t)));
    }
    const tensor<int, token> counted = a + b - 2 * b;
    CHECK((counted(0) == 0 && counted(1) == 1 && counted(2) == -1));
    CHECK(int(sum<token>(a || b)) == 3);
    const tensor<bool, token> chosen = where(a, b, true);
    CHECK((chosen(0) && !chosen(1) && chosen(2) && chosen(3)));
}

TEST_CASE("comparisons with NaN are false, but not-equal") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const tensor<float, token> x{nan, 1};
    const auto less = eval(x < 2), equal = eval(x == x), differs = eval(x != x);
    CHECK((!less(0) && less(1) && !equal(0) && equal(1) && differs(0) && !differs(1)));
    const auto r = eval(relu(x));
    CHECK((std::isnan(r(0)) && r(1) == 1));
}

TEST_CASE("bf16 is storage: arithmetic on it is float's") {
    tensor<float, token> x{1.0f, 1.00390625f, -3.14159f};
    const tensor<bf16, token> h = as<bf16>(x);
    CHECK(float(h(0)) == 1);
    CHECK(std::abs(float(h(2)) + 3.14159f) <= 3.14159f / 256);
    const tensor<float, token> twice = as<float>(h) * 2;
    CHECK(twice(0) == 2);
    const tensor<bf16, token> sums = h + h * 0.5;
    CHECK(float(sums(0)) == 1.5f);
}

TEST_CASE("what reads its destination is right in place and elsewhere") {
    tensor<float, token, prime<token>> x(token{3}, prime<token>{3});
    set(x, [](int a, int b) { return number(a, b); });
    x = rename<query, token>(rename<token, prime<token>>(rename<prime<token>, query>(x)));        // its own transpose
    CHECK(holds(x, [](int a, int b) { return number(b, a); }));
    x = x * 2 + x;
    CHECK(holds(x, [](int a, int b) { return 3 * number(b, a); }));
    x += x;
    CHECK(holds(x, [](int a, int b) { return 6 * number(b, a); }));
    tensor<float, token> y(token{3});
    y = 1.0f;
    y = y + x(prime<token>{1});
    CHECK(holds(y, [](int a) { return 1 + 6 * number(1, a); }));
}

TEST_CASE("sizes that differ name the axis and both sizes, and nothing is written") {
    tensor<float, token, model> x(token{3}, model{2}), y(token{3}, model{2});
    x = 1.0f;
    y = 5.0f;
    const tensor<float, token> four(token{4});
    CHECK_THROWS_WITH(y = x + four, "axis token has size 3 in one operand and 4 in another");
    CHECK(y(2, 1) == 5);
    const tensor<float, token> nan_free = x(model{0});
    CHECK_THROWS_WITH(y += x * (four + 1), Catch::Contains("token") && Catch::Contains("3") && Catch::Contains("4"));
}

TEST_CASE("a number fills what is there; other broadcasts are asked for") {
    tensor<float, token, model> x(token{2}, model{3});
    x = 4.0f;
    CHECK(holds(x, [](int, int) { return 4; }));
    tensor<float, model> w{1, 2, 3};
    x = broadcast<token>(w);
    CHECK(holds(x, [](int, int m) { return m + 1; }));
    x += 1;
    CHECK(holds(x, [](int, int m) { return m + 2; }));
}
