#include "oracle.hpp"

#include <algorithm>
#include <array>

using namespace oracle;

namespace {

const float infinite = std::numeric_limits<float>::infinity();

tensor<float, batch, token, model> some(int b, int t, int m) {
    tensor<float, batch, token, model> x(batch{b}, token{t}, model{m});
    set(x, [](int i, int j, int k) { return number(i, j, k); });
    return x;
}
double summed(int first, auto f) {
    double s = 0;
    for (int i = 0; i < first; ++i) s += f(i);
    return s;
}

}  // namespace

TEST_CASE("sums over any of the axes are sums over those places") {
    for (const auto [b, t, m] : {std::array{2, 3, 5}, std::array{3, 17, 33}}) {
        const auto x = some(b, t, m);
        CHECK(holds(eval(sum<model>(x)), [m = m](int i, int j) { return summed(m, [&](int k) { return number(i, j, k); }); }));
        CHECK(holds(eval(sum<token>(x)), [t = t](int i, int k) { return summed(t, [&](int j) { return number(i, j, k); }); }));
        CHECK(holds(eval(sum<batch, model>(x)), [b = b, m = m](int j) { return summed(b, [&](int i) { return summed(m, [&](int k) { return number(i, j, k); }); }); }));
        const double all = summed(b, [&](int i) { return summed(t, [&](int j) { return summed(m, [&](int k) { return number(i, j, k); }); }); });
        CHECK(double(sum<token, batch, model>(x)) == Approx(all).margin(1e-4));
        CHECK(float(mean<token, batch, model>(x)) == Approx(all / (b * t * m)).margin(1e-5));
        CHECK(holds(eval(max<token>(x)), [t = t](int i, int k) {
            double most = -9;
            for (int j = 0; j < t; ++j) most = std::max(most, number(i, j, k));
            return most;
        }));
        CHECK(holds(eval(logsumexp<model>(10 * x)), [m = m](int i, int j) { return std::log(summed(m, [&](int k) { return std::exp(10 * number(i, j, k)); })); }));
    }
}

TEST_CASE("over nothing a sum and a mean are 0, a maximum -infinity, a minimum infinity") {
    const auto x = some(2, 0, 3);
    CHECK(holds(eval(sum<token>(x)), [](int, int) { return 0; }));
    CHECK(holds(eval(mean<token>(x)), [](int, int) { return 0; }));
    CHECK(holds(eval(max<token>(x)), [](int, int) { return -INFINITY; }));
    CHECK(holds(eval(min<token>(x)), [](int, int) { return INFINITY; }));
    CHECK(holds(eval(logsumexp<token>(x)), [](int, int) { return -INFINITY; }));
    CHECK(float(sum<batch, token, model>(x)) == 0);
    CHECK(eval(sum<model>(x)).size() == 0);
    CHECK(int(max<token>(tensor<int, token>())) == std::numeric_limits<int>::min());
}

TEST_CASE("a long row sums as exactly as double would round it, in float's own accuracy") {
    tensor<float, token> x(token{1000003});
    x = 0.1f;
    CHECK(float(sum<token>(x)) == Approx(100000.3).epsilon(1e-5));
    CHECK(float(mean<token>(x)) == Approx(0.1).epsilon(1e-5));
    tensor<int, token> ones(token{1000003});
    ones = 3;
    CHECK(int(sum<token>(ones)) == 3000009);
}

TEST_CASE("logsumexp is stable where exp is not") {
    const tensor<float, token> large{1000, 1001, 999}, hidden{-infinite, -infinite}, half{-infinite, 5};
    CHECK(float(logsumexp<token>(large)) == Approx(1001.4076));
    CHECK(float(logsumexp<token>(hidden)) == -infinite);
    CHECK(float(logsumexp<token>(half)) == 5);
}

TEST_CASE("sums in one statement with what they are summed from") {
    auto x = some(2, 3, 4);
    const auto total = [](int i, int k) { return number(i, 0, k) + number(i, 1, k) + number(i, 2, k); };
    x = x - mean<token>(x);
    CHECK(holds(x, [&](int i, int j, int k) { return number(i, j, k) - total(i, k) / 3; }));
    auto y = some(2, 3, 4);
    y += sum<token>(y) * y;
    CHECK(holds(y, [&](int i, int j, int k) { return number(i, j, k) * (1 + total(i, k)); }));
    tensor<float, batch> acc{1, 2};
    acc += sum<token, model>(some(2, 3, 4));
    CHECK(holds(acc, [&](int i) { return i + 1 + summed(4, [&](int k) { return total(i, k); }); }));
}

TEST_CASE("a reduction of a smaller operand is one number for all rows") {
    const auto x = some(2, 3, 4);
    tensor<float, token, model> small(token{3}, model{4});
    set(small, [](int t, int m) { return number(t, m); });
    const double all = summed(3, [](int t) { return summed(4, [&](int m) { return number(t, m); }); });
    tensor<float, model, batch, token> y;
    y = x * sum<token, model>(small);
    CHECK(holds(y, [&](int k, int i, int j) { return number(i, j, k) * all; }));
}

TEST_CASE("numbers beside double are double, in a temporary too") {
    const tensor<double, token> x(token{2});
    const auto y = eval(x + sum<depth>(0.1 * position<depth>() + 0.2));          // the sum is a temporary: no row of x
    CHECK(std::abs(y(0) - 0.9) < 1e-15);
    CHECK(y(1) == y(0));
}

TEST_CASE("sum_to keeps the named axes, and converts to a number when none is left") {
    const auto x = some(2, 3, 4);
    STATIC_REQUIRE(std::is_same_v<decltype(sum_to<axes<model>>(x))::names, axes<model>>);
    CHECK(holds(eval(sum_to<axes<model>>(x)), [](int k) { return summed(2, [&](int i) { return summed(3, [&](int j) { return number(i, j, k); }); }); }));
    const int positive = sum_to<axes<>>(where(x > 0, 1, 0));
    CHECK(positive == std::count_if(x.begin(), x.end(), [](float e) { return e > 0; }));
}

TEST_CASE("a ragged batch reduces within its sequences, as its padded twin under a mask") {
    tensor<float, texts, model> x(texts{3, 0, 1, 5}, model{7});
    tensor<float, batch, token, model> padded(batch{4}, token{5}, model{7});
    set(padded, [](int i, int j, int k) { return number(i, j, k); });
    const int lengths_of[] = {3, 0, 1, 5};
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < lengths_of[i]; ++j)
            for (int k = 0; k < 7; ++k) x(i, j, k) = padded(i, j, k);
    const tensor<int, batch> n{3, 0, 1, 5};
    const auto there = position<token>() < n;
    const auto same = [](const auto& a, const auto& b) {
        for (std::ptrdiff_t i = 0; i < a.size(); ++i)
            if (!(a.data()[i] == Approx(b.data()[i]).margin(1e-5))) return false;
        return a.size() == b.size();
    };
    CHECK(same(eval(sum<token>(x)), eval(sum<token>(where(there, padded, 0)))));
    CHECK(same(eval(mean<token>(x)), eval(sum<token>(where(there, padded, 0)) / max(n, 1))));
    CHECK(same(eval(max<token>(x)), eval(max<token>(where(there, padded, -infinity)))));
    CHECK(same(eval(sum<batch, token>(x)), eval(sum<batch, token>(where(there, padded, 0)))));
    CHECK(same(eval(sum<token, model>(x)), eval(sum<token, model>(where(there, padded, 0)))));
    CHECK(same(eval(logsumexp<token>(x)), eval(logsumexp<token>(where(there, padded, -infinity)))));
    const auto centred = eval(x - mean<token>(x));
    const auto twin = eval(padded - sum<token>(where(there, padded, 0)) / max(n, 1));
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < lengths_of[i]; ++j) CHECK(centred(i, j, 6) == Approx(twin(i, j, 6)).margin(1e-5));
    const tensor<float, model, batch> turned = sum<token>(x);
    CHECK(turned(6, 3) == Approx(summed(5, [](int j) { return number(3, j, 6); })).margin(1e-5));
}
