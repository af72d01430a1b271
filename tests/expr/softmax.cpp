#include "oracle.hpp"

using namespace oracle;

TEST_CASE("softmax is exp over the sum of exp, log_softmax its logarithm, along any axis") {
    tensor<double, batch, token> x(batch{3}, token{19});
    set(x, [](int b, int t) { return 5 * number(b, t); });
    const auto total_of_row = [](int b) {
        double s = 0;
        for (int t = 0; t < 19; ++t) s += std::exp(5 * number(b, t));
        return s;
    };
    const auto total_of_column = [](int t) {
        double s = 0;
        for (int b = 0; b < 3; ++b) s += std::exp(5 * number(b, t));
        return s;
    };
    CHECK(holds(eval(softmax<token>(x)), [&](int b, int t) { return std::exp(5 * number(b, t)) / total_of_row(b); }, 1e-13));
    CHECK(holds(eval(softmax<batch>(x)), [&](int b, int t) { return std::exp(5 * number(b, t)) / total_of_column(t); }, 1e-13));
    CHECK(holds(eval(log_softmax<token>(x)), [&](int b, int t) { return 5 * number(b, t) - std::log(total_of_row(b)); }, 1e-13));
}

TEST_CASE("the rows of a softmax sum to one, whatever the size of the scores") {
    tensor<float, batch, token> x(batch{5}, token{33});
    set(x, [](int b, int t) { return std::pow(10.0, b) * number(b, t); });
    CHECK(holds(eval(sum<token>(softmax<token>(x))), [](int) { return 1; }, 1e-6));
}

TEST_CASE("a softmax over nothing that can be seen is zeros, its logarithm -infinity") {
    tensor<float, batch, token> x(batch{2}, token{20});
    x = where(position<batch>() == 0, -infinity, 1.0f * position<token>());
    const auto p = eval(softmax<token>(x));
    const auto l = eval(log_softmax<token>(x));
    for (int t = 0; t < 20; ++t) {
        CHECK(p(0, t) == 0);
        CHECK(l(0, t) == -INFINITY);
        CHECK(p(1, t) > 0);
    }
    CHECK(eval(softmax<token>(tensor<float, batch, token>(batch{2}, token{0}))).size() == 0);
    const auto one = eval(softmax<token>(tensor<float, batch, token>(batch{2}, token{1})));
    CHECK((one(0, 0) == 1 && one(1, 0) == 1));
}

TEST_CASE("what is hidden weighs nothing, NaN shows") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const tensor<float, token> x{1, nan, 3};
    const tensor<bool, token> seen{true, false, true};
    const auto p = eval(softmax<token>(where(seen, x, -infinity)));
    CHECK(p(1) == 0);
    CHECK(p(0) + p(2) == Approx(1));
    CHECK(std::isnan(eval(softmax<token>(x))(0)));
}

TEST_CASE("a softmax may be assigned to what it reads") {
    tensor<float, batch, token> x(batch{3}, token{5});
    set(x, [](int b, int t) { return number(b, t); });
    const auto rows = eval(softmax<token>(x));
    const auto columns = eval(softmax<batch>(x));
    auto y = x;
    y = softmax<token>(y);
    CHECK(std::equal(y.begin(), y.end(), rows.begin()));
    x = softmax<batch>(x);
    CHECK(std::equal(x.begin(), x.end(), columns.begin()));
}
