#include "oracle.hpp"

#include <array>

using namespace oracle;

namespace {

double summed(int n, auto f) {
    double s = 0;
    for (int i = 0; i < n; ++i) s += f(i);
    return s;
}
double weight(int m, int i) { return number(m, i, 3, 1); }

struct products {
    int b, t, m, n;
    tensor<float, batch, token, model> x{batch{b}, token{t}, model{m}};
    tensor<float, model, inner> w{model{m}, inner{n}};
    products(int batches, int tokens, int models, int inners) : b(batches), t(tokens), m(models), n(inners) {
        set(x, [](int i, int j, int k) { return number(i, j, k); });
        set(w, weight);
    }
    double product(int i, int j, int c) const { return summed(m, [&](int k) { return number(i, j, k) * weight(k, c); }); }
};

}  // namespace

TEST_CASE("a projection, whatever the order of the axes in memory") {
    for (const auto [b, t, m, n] : {std::array{1, 1, 1, 1}, std::array{2, 3, 5, 7}, std::array{3, 7, 67, 33}, std::array{2, 3, 0, 4}}) {
        const products o(b, t, m, n);
        const auto right = [&](int i, int j, int c) { return o.product(i, j, c); };
        const tensor<float, batch, token, inner> y = dot<model>(o.x, o.w);
        CHECK(holds(y, right));
        const tensor<float, inner, batch, token> first = dot<model>(o.w, o.x);
        CHECK(holds(first, [&](int c, int i, int j) { return o.product(i, j, c); }));
        const tensor<float, token, model, batch> turned = o.x;
        const tensor<float, inner, model> w = o.w;
        const tensor<float, batch, token, inner> same = dot<model>(turned, w);
        CHECK(holds(same, right));
    }
}

TEST_CASE("axes that both have stay unless they are summed; an axis of one is an outer product") {
    const products o(3, 4, 5, 6);
    const auto gram = eval(dot<model>(o.x, rename<token, query>(o.x)));
    STATIC_REQUIRE(std::is_same_v<decltype(gram)::items, axes<batch, token, query>>);
    CHECK(holds(gram, [&](int i, int j, int l) { return summed(5, [&](int k) { return number(i, j, k) * number(i, l, k); }); }));
    tensor<float, token> u(token{4});
    set(u, [](int j) { return number(j); });
    CHECK(holds(eval(dot<token>(o.x, u)), [&](int i, int k) { return summed(4, [&](int j) { return number(i, j, k) * number(j); }); }));
    const float all = dot<batch, token, model>(o.x, o.x);
    CHECK(all == Approx(summed(3, [&](int i) { return summed(4, [&](int j) { return summed(5, [&](int k) { return number(i, j, k) * number(i, j, k); }); }); })));
}

TEST_CASE("a split into heads and their sum are one product each") {
    tensor<float, token, model> x(token{5}, model{7});
    tensor<float, model, head, depth> w(model{7});
    tensor<float, head, depth, model> back(model{7});
    set(x, [](int t, int m) { return number(t, m); });
    set(w, [](int m, int h, int d) { return number(m, h, d); });
    set(back, [](int h, int d, int m) { return number(m, h, d, 9); });
    const auto split = [](int t, int h, int d) { return summed(7, [&](int m) { return number(t, m) * number(m, h, d); }); };
    const tensor<float, head, token, depth> q = dot<model>(x, w);
    CHECK(holds(q, [&](int h, int t, int d) { return split(t, h, d); }));
    const tensor<float, token, model> y = dot<head, depth>(q, back);
    CHECK(holds(y, [&](int t, int m) { return summed(2, [&](int h) { return summed(3, [&](int d) { return split(t, h, d) * number(m, h, d, 9); }); }); }));
}

TEST_CASE("a bias, an activation, a residual and a second product go with the product") {
    const products o(2, 5, 37, 19);
    tensor<float, inner> bias(inner{19});
    tensor<float, batch, token, inner> residual(batch{2}, token{5}, inner{19});
    set(bias, [](int c) { return number(c); });
    set(residual, [](int i, int j, int c) { return number(c, j, i); });
    tensor<float, batch, token, inner> y = residual + relu(dot<model>(o.x, o.w) + bias);
    CHECK(holds(y, [&](int i, int j, int c) { return number(c, j, i) + std::max(0.0, o.product(i, j, c) + number(c)); }));
    y = residual;
    y += dot<model>(o.x, o.w);
    CHECK(holds(y, [&](int i, int j, int c) { return number(c, j, i) + o.product(i, j, c); }));
    y += 2 * dot<model>(o.x, o.w) - bias;
    CHECK(holds(y, [&](int i, int j, int c) { return number(c, j, i) + 3 * o.product(i, j, c) - number(c); }));
    y = dot<model>(o.x, o.w) + dot<model>(2 * o.x, o.w) + dot<model>(o.x, o.w * o.w) + bias;
    CHECK(holds(y, [&](int i, int j, int c) {
        return 3 * o.product(i, j, c) + summed(37, [&](int k) { return number(i, j, k) * weight(k, c) * weight(k, c); }) + number(c);
    }, 1e-4));
}

TEST_CASE("a product that reads its destination is the product of what was there") {
    tensor<float, token, model> x(token{6}, model{4});
    tensor<float, model, prime<model>> w(model{4}, prime<model>{4});
    const auto value = [](int t, int m) { return number(t, m); };
    set(x, value);
    set(w, [](int m, int p) { return weight(m, p); });
    const auto through = [&](int t, int p) { return summed(4, [&](int m) { return number(t, m) * weight(m, p); }); };
    const auto projected = rename<prime<model>, model>(dot<model>(x, w));
    x = x + projected;
    CHECK(holds(x, [&](int t, int m) { return number(t, m) + through(t, m); }));
    set(x, value);
    x += projected;
    CHECK(holds(x, [&](int t, int m) { return number(t, m) + through(t, m); }));
    set(x, value);
    tensor<float, token, inner> a(token{6}, inner{3});
    tensor<float, inner, model> b(inner{3}, model{4});
    set(a, [](int t, int c) { return number(t, c, 5); });
    set(b, [](int c, int m) { return number(c, m, 7); });
    const auto ab = [](int t, int m) { return summed(3, [&](int c) { return number(t, c, 5) * number(c, m, 7); }); };
    x = dot<inner>(a, b) + (dot<inner>(2 * a, b) + x);                 // the first product must not be read as x
    CHECK(holds(x, [&](int t, int m) { return 3 * ab(t, m) + number(t, m); }));
}

TEST_CASE("gradients of weights sum over a ragged batch as over a padded one") {
    tensor<float, texts, model> x(texts{2, 0, 3}, model{5});
    tensor<float, texts, inner> dy(texts{2, 0, 3}, inner{4});
    const int n[] = {2, 0, 3};
    for (int i = 0; i < 3; ++i)
        for (int j = 0; j < n[i]; ++j) {
            for (int k = 0; k < 5; ++k) x(i, j, k) = static_cast<float>(number(i, j, k));
            for (int c = 0; c < 4; ++c) dy(i, j, c) = static_cast<float>(number(i, j, c, 1));
        }
    tensor<float, model, inner> dw(model{5}, inner{4});
    dw = 1.0f;
    dw += dot<batch, token>(x, dy);
    CHECK(holds(dw, [&](int k, int c) { return 1 + summed(3, [&](int i) { return summed(n[i], [&](int j) { return number(i, j, k) * number(i, j, c, 1); }); }); }));
    const auto by_text = eval(dot<token>(x, dy));
    STATIC_REQUIRE(std::is_same_v<decltype(by_text)::items, axes<batch, model, inner>>);
    CHECK(holds(by_text, [&](int i, int k, int c) { return summed(n[i], [&](int j) { return number(i, j, k) * number(i, j, c, 1); }); }));
}

TEST_CASE("integers and masks as products of a product; sizes that differ are named") {
    const tensor<int, token> n{1, 2, 3};
    const tensor<bool, token> m{true, false, true};
    const tensor<float, token, model> x{{1, 2}, {3, 4}, {5, 6}};
    const auto by_number = eval(dot<token>(n, x));
    CHECK((by_number(0) == 1 + 6 + 15 && by_number(1) == 2 + 8 + 18));
    const auto by_mask = eval(dot<token>(m, x));
    CHECK((by_mask(0) == 6 && by_mask(1) == 8));
    CHECK(int(dot<token>(n, n)) == 14);
    const tensor<float, model, inner> w(model{3}, inner{2});
    CHECK_THROWS_WITH(eval(dot<model>(x, w)), "axis model has size 2 in one operand and 3 in another");
}

TEST_CASE("products of bf16 tensors are summed in float and rounded once") {
    tensor<bf16, token, model> x(token{3}, model{40});
    tensor<bf16, model, inner> w(model{40}, inner{5});
    set(x, [](int i, int k) { return bf16(static_cast<float>(number(i, k))); });
    set(w, [](int k, int c) { return bf16(static_cast<float>(number(k, c, 1))); });
    const auto of = [&](int i, int k) { return static_cast<double>(static_cast<float>(x(i, k))); };
    const auto product = [&](int i, int c) { return summed(40, [&](int k) { return of(i, k) * static_cast<double>(static_cast<float>(w(k, c))); }); };
    const double half_a_step = 1.0 / 256;                        // of bf16's eight bits
    tensor<bf16, token, inner> y = dot<model>(x, w);
    CHECK(holds(eval(as<float>(y)), product, half_a_step));
    y = relu(dot<model>(x, w)) + 1.0f;
    CHECK(holds(eval(as<float>(y)), [&](int i, int c) { return std::max(0.0, product(i, c)) + 1; }, half_a_step));
    CHECK(holds(eval(as<float>(dot<model>(x, w))), product, half_a_step));
}
