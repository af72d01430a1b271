#include <heed/eval/cpu/backend.hpp>
#include <heed/eval/explain.hpp>
#include <heed/eval/reference/backend.hpp>
#include <heed/language.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <functional>
#include <limits>

#include "../expr/oracle.hpp"

using namespace oracle;

namespace {

struct group : axis<2> {};
struct wide  : axis<5> {};       // the values' own axis

const float nan_f = std::numeric_limits<float>::quiet_NaN();

/// softmax over the keys of scores, times values, by loops: score(i, j) of -infinity is hidden.
std::vector<double> attend(int keys, int values, const std::function<double(int)>& score, const std::function<double(int, int)>& value) {
    double top = -INFINITY, total = 0;
    for (int j = 0; j < keys; ++j) top = std::max(top, score(j));
    std::vector<double> out(static_cast<std::size_t>(values), 0.0);
    for (int j = 0; j < keys; ++j) {
        if (score(j) == -INFINITY) continue;
        const double p = std::exp(score(j) - top);
        total += p;
        for (int c = 0; c < values; ++c) out[static_cast<std::size_t>(c)] += p * value(j, c);
    }
    for (double& o : out) o = total > 0 ? o / total : 0;
    return out;
}

/// One head: queries, keys and values as numbers of their place.
struct one_head {
    int queries, keys;
    tensor<float, query, depth> q{query{queries}};
    tensor<float, key, depth> k{key{keys}};
    tensor<float, key, wide> v{key{keys}};
    one_head(int n, int m) : queries(n), keys(m) {
        set(q, [](int i, int d) { return number(i, d); });
        set(k, [](int j, int d) { return number(j, d, 1); });
        set(v, [](int j, int c) { return number(j, c, 2); });
    }
    static double product(int i, int j) {
        double s = 0;
        for (int d = 0; d < 3; ++d) s += number(i, d) * number(j, d, 1);
        return s;
    }
    /// Whether out is attention with these scores.
    bool is(const tensor<float, query, wide>& out, const std::function<double(int, int)>& score) const {
        for (int i = 0; i < queries; ++i) {
            const auto right = attend(keys, 5, [&](int j) { return score(i, j); }, [](int j, int c) { return number(j, c, 2); });
            for (int c = 0; c < 5; ++c)
                if (!(std::abs(out(i, c) - right[static_cast<std::size_t>(c)]) <= 2e-5)) {
                    UNSCOPED_INFO("row " << i << ", value " << c << ": " << out(i, c) << ", not " << right[static_cast<std::size_t>(c)]);
                    return false;
                }
        }
        return extent_of<query>(out) == queries;
    }
};

}  // namespace

TEST_CASE("attention is what its equation says, of any size") {
    for (const auto& [n, m] : {std::pair{1, 1}, std::pair{3, 7}, std::pair{65, 33}, std::pair{5, 0}, std::pair{0, 4}, std::pair{130, 257}}) {
        INFO(n << " queries, " << m << " keys");
        const one_head o(n, m);
        const tensor<float, query, wide> out = dot<key>(softmax<key>(dot<depth>(o.q, o.k) / std::sqrt(3.0)), o.v);
        CHECK(o.is(out, [&](int i, int j) { return o.product(i, j) / std::sqrt(3.0); }));
        const tensor<float, query, wide> by_name = attention<key>(dot<depth>(o.k, o.q) * (1 / std::sqrt(3.0)), o.v);
        CHECK(o.is(by_name, [&](int i, int j) { return o.product(i, j) / std::sqrt(3.0); }));
    }
}

TEST_CASE("masks are expressions: causal, window, padding, tensors, and both ways round") {
    const one_head o(70, 90);
    const auto i = position<query>();
    const auto j = position<key>();
    const auto scores = dot<depth>(o.q, o.k) * 0.5f;
    tensor<bool, query, key> may(query{70}, key{90});
    set(may, [](int a, int b) { return number(a, b) > 0.5; });
    const auto masked = [&](auto mask) { return tensor<float, query, wide>(dot<key>(softmax<key>(where(mask, scores, -infinity)), o.v)); };
    const auto right = [&](auto mask) { return [&o, mask](int a, int b) { return mask(a, b) ? o.product(a, b) * 0.5 : -INFINITY; }; };
    CHECK(o.is(masked(j <= i), right([](int a, int b) { return b <= a; })));
    CHECK(o.is(masked(abs(i - j) < 5), right([](int a, int b) { return std::abs(a - b) < 5; })));
    CHECK(o.is(masked(j < 37), right([](int, int b) { return b < 37; })));
    CHECK(o.is(masked(may && !(j == 3)), right([&](int a, int b) { return may(a, b) && b != 3; })));
    CHECK(o.is(masked(j / 8 == i / 8), right([](int a, int b) { return a / 8 == b / 8; })));
    CHECK(o.is(masked(j > 1000), right([](int, int) { return false; })));
    const tensor<float, query, wide> turned = dot<key>(softmax<key>(where(j > i, -infinity, scores)), o.v);
    CHECK(o.is(turned, right([](int a, int b) { return b <= a; })));
}

TEST_CASE("biases, a soft cap and a table of relative positions are part of the score") {
    const one_head o(40, 50);
    tensor<float, query, key> bias(query{40}, key{50});
    set(bias, [](int i, int j) { return number(i, j, 5); });
    tensor<float, row> table(row{16});
    set(table, [](int r) { return number(r); });
    const auto scores = dot<depth>(o.q, o.k);
    const tensor<float, query, wide> biased = dot<key>(softmax<key>(scores + bias), o.v);
    CHECK(o.is(biased, [&](int i, int j) { return o.product(i, j) + number(i, j, 5); }));
    const tensor<float, query, wide> held = dot<key>(softmax<key>(scores + eval(2 * bias)), o.v);              // a temporary, held by the equation
    CHECK(o.is(held, [&](int i, int j) { return o.product(i, j) + 2 * number(i, j, 5); }));
    const tensor<float, query, wide> capped = dot<key>(softmax<key>(4 * tanh(scores / 4) - 0.25f * (position<query>() - position<key>())), o.v);
    CHECK(o.is(capped, [&](int i, int j) { return 4 * std::tanh(o.product(i, j) / 4) - 0.25 * (i - j); }));
    const auto far = min(max(position<query>() - position<key>() + 8, 0), 15);
    const tensor<float, query, wide> relative = dot<key>(softmax<key>(where(position<key>() <= position<query>(), scores + gather<row>(table, far), -infinity)), o.v);
    CHECK(o.is(relative, [&](int i, int j) { return j <= i ? o.product(i, j) + number(std::min(std::max(i - j + 8, 0), 15)) : -INFINITY; }));
}

TEST_CASE("what no row may see does not show, NaN included; a row that sees nothing is zero") {
    one_head o(20, 40);
    for (int d = 0; d < 3; ++d) o.k(7, d) = nan_f;
    for (int c = 0; c < 5; ++c) o.v(7, c) = nan_f, o.v(30, c) = std::numeric_limits<float>::infinity();
    const auto seen = position<key>() != 7 && position<key>() != 30 && position<query>() != 4;
    const tensor<float, query, wide> out = dot<key>(softmax<key>(where(seen, dot<depth>(o.q, o.k), -infinity)), o.v);
    CHECK(o.is(out, [&](int i, int j) { return j != 7 && j != 30 && i != 4 ? o.product(i, j) : -INFINITY; }));
    for (int c = 0; c < 5; ++c) CHECK(out(4, c) == 0);
    const tensor<float, query, wide> all = dot<key>(softmax<key>(dot<depth>(o.q, o.k)), o.v);
    CHECK(std::isnan(all(0, 0)));
}

TEST_CASE("heads, batches and grouped queries follow from the names, in any order of memory") {
    tensor<float, batch, query, group, head, depth> q(batch{2}, query{9});
    tensor<float, key, batch, head, depth> k(batch{2}, key{11});
    tensor<float, batch, head, key, wide> v(batch{2}, key{11});
    tensor<int, batch> lengths_of{11, 4};
    set(q, [](int b, int i, int g, int h, int d) { return number(10 * b + i, g, h, d); });
    set(k, [](int j, int b, int h, int d) { return number(j, b, h, d); });
    set(v, [](int b, int h, int j, int c) { return number(b, h, j, c); });
    tensor<float, batch, group, head, query, wide> out;
    out = dot<key>(softmax<key>(where(position<key>() < lengths_of, dot<depth>(q, k) / 2.0f, -infinity)), v);
    CHECK(explain(dot<key>(softmax<key>(where(position<key>() < lengths_of, dot<depth>(q, k) / 2.0f, -infinity)), v)).temporaries() == 0);
    for (int b = 0; b < 2; ++b)
        for (int g = 0; g < 2; ++g)
            for (int h = 0; h < 2; ++h)
                for (int i = 0; i < 9; ++i) {
                    const auto right = attend(lengths_of(b), 5, [&](int j) {
                        double s = 0;
                        for (int d = 0; d < 3; ++d) s += number(10 * b + i, g, h, d) * number(j, b, h, d) / 2;
                        return s;
                    }, [&](int j, int c) { return number(b, h, j, c); });
                    for (int c = 0; c < 5; ++c) CHECK(std::abs(out(b, g, h, i, c) - right[static_cast<std::size_t>(c)]) <= 2e-5);
                }
}

TEST_CASE("a ragged batch attends within its texts, whatever the order of the query's axes") {
    const std::vector<int> n{3, 0, 17, 1};
    tensor<float, texts, head, depth> q(texts{3, 0, 17, 1}), k(texts{3, 0, 17, 1}), v(texts{3, 0, 17, 1});
    tensor<float, group, texts, depth> grouped(texts{3, 0, 17, 1});
    tensor<float, texts, depth> shared(texts{3, 0, 17, 1});
    for (int b = 0; b < 4; ++b)
        for (int i = 0; i < n[static_cast<std::size_t>(b)]; ++i)
            for (int d = 0; d < 3; ++d) {
                for (int h = 0; h < 2; ++h) q(b, i, h, d) = float(number(b, i, h, d)), k(b, i, h, d) = float(number(i, b, h, d)), v(b, i, h, d) = float(number(b, h, i, d));
                for (int g = 0; g < 2; ++g) grouped(g, b, i, d) = float(number(g, b, i, d));
                shared(b, i, d) = float(number(b, i, 8, d));
            }
    const auto keys = rename<token, key>(k);
    const auto values = rename<token, key>(v);
    const tensor<float, texts, head, depth> out = dot<key>(softmax<key>(where(position<key>() <= position<token>(), dot<depth>(q, keys), -infinity)), values);
    const auto shared_keys = rename<token, key>(shared);
    const tensor<float, group, texts, depth> by_group = dot<key>(softmax<key>(dot<depth>(grouped, shared_keys)), shared_keys);
    for (int b = 0; b < 4; ++b)
        for (int i = 0; i < n[static_cast<std::size_t>(b)]; ++i)
            for (int h = 0; h < 2; ++h) {
                const auto right = attend(i + 1, 3, [&](int j) {
                    double s = 0;
                    for (int d = 0; d < 3; ++d) s += number(b, i, h, d) * number(j, b, h, d);
                    return s;
                }, [&](int j, int c) { return number(b, h, j, c); });
                const auto right_by_group = attend(n[static_cast<std::size_t>(b)], 3, [&](int j) {
                    double s = 0;
                    for (int d = 0; d < 3; ++d) s += number(h, b, i, d) * number(b, j, 8, d);
                    return s;
                }, [&](int j, int c) { return number(b, j, 8, c); });
                for (int c = 0; c < 3; ++c) {
                    CHECK(std::abs(out(b, i, h, c) - right[static_cast<std::size_t>(c)]) <= 2e-5);
                    CHECK(std::abs(by_group(h, b, i, c) - right_by_group[static_cast<std::size_t>(c)]) <= 2e-5);
                }
            }
    const tensor<float, key, depth> plain(key{4});
    CHECK_THROWS_AS(eval(dot<key>(softmax<key>(dot<depth>(shared, plain)), plain)), shape_error);
}

TEST_CASE("attention may be added to, and to what it reads") {
    one_head o(6, 6);
    tensor<float, query, wide> out(query{6});
    out = 1.0f;
    out += dot<key>(softmax<key>(dot<depth>(o.q, o.k)), o.v);
    const tensor<float, query, wide> alone = dot<key>(softmax<key>(dot<depth>(o.q, o.k)), o.v);
    for (int i = 0; i < 6; ++i) CHECK(out(i, 2) == Approx(1 + alone(i, 2)));
    tensor<float, query, depth> x = o.q;
    const auto self = rename<query, key>(x);
    const tensor<float, query, depth> right = x + dot<key>(softmax<key>(dot<depth>(x, self)), self);
    x = x + dot<key>(softmax<key>(dot<depth>(x, self)), self);
    for (int i = 0; i < 6; ++i) CHECK(x(i, 1) == Approx(right(i, 1)));
}

namespace {

/// The largest error of attention_backward's gradients against central differences of sum(out * d_out).
template <class Scores>
double worst_gradient(Scores scores_of, int n, int m) {
    tensor<double, query, head, depth> q(query{n}), dq;
    tensor<double, key, head, depth> k(key{m}), dk;
    tensor<double, key, head, wide> v(key{m}), dv;
    tensor<double, query, head, wide> d_out(query{n}), out;
    tensor<double, query, head> lse;
    set(q, [](int i, int h, int d) { return number(i, h, d); });
    set(k, [](int j, int h, int d) { return number(j, h, d, 1); });
    set(v, [](int j, int h, int c) { return number(j, h, c, 2); });
    set(d_out, [](int i, int h, int c) { return number(i, h, c, 3); });
    const auto loss = [&] { return double(dot<query, head, wide>(eval(dot<key>(softmax<key>(scores_of(q, k)), v)), d_out)); };
    attention_forward<key>(scores_of(q, k), v, out, lse);
    attention_backward<key>(scores_of(q, k), v, out, lse, d_out, dq, dk, dv);
    double worst = 0;
    const auto compare = [&](auto& x, const auto& dx) {
        double most = 1e-8, error = 0;
        for (std::ptrdiff_t e = 0; e < x.size(); ++e) {
            const double kept = x.data()[e], h = 1e-5 * std::max(1.0, std::abs(kept));
            x.data()[e] = kept + h;
            const double above = loss();
            x.data()[e] = kept - h;
            const double below = loss();
            x.data()[e] = kept;
            const double numeric = (above - below) / (2 * h), analytic = dx.data()[e];
            most = std::max({most, std::abs(numeric), std::abs(analytic)});
            error = std::max(error, std::isfinite(analytic) ? std::abs(numeric - analytic) : INFINITY);
        }
        worst = std::max(worst, error / most);
    };
    compare(q, dq);
    compare(k, dk);
    compare(v, dv);
    return worst;
}

}  // namespace

TEST_CASE("the gradients of attention are its slopes: scaled, masked, biased, capped") {
    tensor<double, head> slope{0.5, 0.25};
    const auto i = position<query>();
    const auto j = position<key>();
    CHECK(worst_gradient([](auto& q, auto& k) { return dot<depth>(q, k) / std::sqrt(3.0); }, 4, 6) < 1e-6);
    CHECK(worst_gradient([&](auto& q, auto& k) { return where(j <= i && i != 2, dot<depth>(q, k) * 0.7, -infinity); }, 5, 5) < 1e-6);
    CHECK(worst_gradient([&](auto& q, auto& k) { return 3 * tanh(dot<depth>(q, k) / 3) - slope * abs(i - j); }, 4, 5) < 1e-6);
}

TEST_CASE("a row that sees nothing has zero gradients and a log-sum-exp of -infinity") {
    tensor<float, query, depth> q(query{3}), dq;
    tensor<float, key, depth> k(key{4}), v(key{4}), dk, dv;
    tensor<float, query, depth> out, d_out(query{3});
    tensor<float, query> lse;
    set(q, [](int a, int b) { return number(a, b); });
    set(k, [](int a, int b) { return number(b, a); });
    set(v, [](int a, int b) { return number(b, a, 4); });
    d_out = 1.0f;
    const auto scores = where(position<query>() != 1 && position<key>() != 2, dot<depth>(q, k) * 0.5, -infinity);
    attention_forward<key>(scores, v, out, lse);
    attention_backward<key>(scores, v, out, lse, d_out, dq, dk, dv);
    CHECK(lse(1) == -INFINITY);
    double lse_0 = 0;
    for (int j : {0, 1, 3}) {
        double s = 0;
        for (int d = 0; d < 3; ++d) s += 0.5 * number(0, d) * number(d, j);
        lse_0 += std::exp(s);
    }
    CHECK(lse(0) == Approx(std::log(lse_0)));
    for (int d = 0; d < 3; ++d) {
        CHECK((out(1, d) == 0 && dq(1, d) == 0));
        CHECK((dk(2, d) == 0 && dv(2, d) == 0));
        CHECK(dv(0, d) != 0);
    }
}
