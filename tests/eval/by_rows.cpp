#include <heed/heed.hpp>

#include <catch2/catch.hpp>

#include <random>

using namespace heed;

namespace {

struct batch  : axis<> {};
struct token  : axis<> {};
struct width  : axis<24> {};
struct head   : axis<2> {};
struct depth  : axis<16> {};
struct hidden : axis<40> {};
using texts = ragged<batch, token>;

void fill(auto& tensor, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (auto& element : tensor) element = normal(random);
}

/// The largest difference between a chain of statements in blocks of rows and the same statements one by one.
template <class X, class Heads>
double worst_of(X x, Heads q) {
    tensor<float, width, hidden> w1;
    tensor<float, hidden, width> w2;
    tensor<float, width, head, depth> wq;
    fill(x, 1), fill(w1, 2), fill(w2, 3), fill(wq, 4);
    X h, y;
    take_rows<width>(h, x, 24), take_rows<width>(y, x, 24), take_rows<width>(q, x, 2, 16);
    by_rows<width>(x, [&](auto rows) {
        rows(h) = rows(x) - mean<width>(rows(x));
        rows(y) = rows(x) + dot<hidden>(gelu(dot<width>(rows(h), w1)), w2);
        rows(q) = dot<width>(rows(y), wq);
    });
    X centred = x - mean<width>(x);
    X z = x + dot<hidden>(gelu(dot<width>(centred, w1)), w2);
    Heads r = dot<width>(z, wq);
    double worst = y.size() == z.size() && q.size() == r.size() ? 0 : INFINITY;
    for (std::ptrdiff_t i = 0; i < z.size(); ++i) worst = std::max<double>(worst, std::abs(y.data()[i] - z.data()[i]));
    for (std::ptrdiff_t i = 0; i < r.size(); ++i) worst = std::max<double>(worst, std::abs(q.data()[i] - r.data()[i]));
    return worst;
}

}  // namespace

TEST_CASE("statements in blocks of rows give what they give one by one, to the bit, for few rows and many") {
    for (const int tokens : {1, 7, 16, 33, 70, 300}) {
        CHECK(worst_of(tensor<float, batch, token, width>(batch{2}, token{tokens}), tensor<float, batch, token, head, depth>()) == 0);
        CHECK(worst_of(tensor<float, texts, width>(texts{tokens, 0, 1, tokens}), tensor<float, texts, head, depth>()) == 0);
        CHECK(worst_of(tensor<float, token, width>(token{tokens}), tensor<float, token, head, depth>()) == 0);
    }
}

TEST_CASE("a vector alone is one row, and where there are no rows there is nothing to do") {
    CHECK(worst_of(tensor<float, width>(), tensor<float, head, depth>()) < 1e-4);         // of a vector, sums go in another order
    CHECK(worst_of(tensor<float, texts, width>(texts{0, 0}), tensor<float, texts, head, depth>()) == 0);
}

TEST_CASE("where rows do not lead, everything is one block") {
    CHECK(worst_of(tensor<float, width, token>(token{70}), tensor<float, token, head, depth>()) == 0);
    int calls = 0;
    tensor<float, width, token> x(token{500});
    by_rows<width>(x, [&](auto rows) { calls += &rows(x) == &x; });
    CHECK(calls == 1);
}

TEST_CASE("blocks are every row once") {
    tensor<float, texts, width> x(texts{500, 3, 0, 200});
    by_rows<width>(x, [&](auto rows) { rows(x) += 1.0F; });
    for (const float element : x) CHECK(element == 1);
}

TEST_CASE("a tensor of other rows is an error in words") {
    tensor<float, token, width> x(token{100}), shorter(token{99});
    CHECK_THROWS_WITH(by_rows<width>(x, [&](auto rows) { rows(shorter) = rows(x); }), "axis row has size 100 in one operand and 99 in another");
}
