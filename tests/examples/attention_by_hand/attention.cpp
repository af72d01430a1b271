#include <attention_by_hand/equations.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <vector>

using namespace by_hand;

namespace {

struct sequence {
    int asking, read, width, heads, depth;
    tensor<double, token, model> q;
    tensor<double, key, model> k, v;
    projection wq, wk, wv;
    merging_projection wo;
    tensor<bool, token, key> mask;

    sequence(int l, int n, int h, int d) : asking(l), read(n), width(h * d), heads(h), depth(d), q(token{l}, model{h * d}), k(key{n}, model{h * d}), v(k),
                                           wq(model{h * d}, head{h}, head_dim{d}), wk(wq), wv(wq), wo(head{h}, head_dim{d}, model{h * d}), mask(token{l}, key{n}) {
        random_stream random(3);
        fill(random, q, k, v, wq, wk, wv, wo);
        mask = position<key>() <= position<token>();
    }

    tensor<double, token, model> output() const { return multi_head_attention(q, k, v, wq, wk, wv, wo, mask); }

    /// The definition, number by number.
    double output(int row, int column) const {
        const auto projected = [&](const auto& x, const projection& w, int at, int a, int c) {
            double sum = 0;
            for (int i = 0; i < width; ++i) sum += x(at, i) * w(i, a, c);
            return sum;
        };
        double out = 0;
        for (int a = 0; a < heads; ++a) {
            std::vector<double> read_by(static_cast<std::size_t>(depth));
            double total = 0;
            for (int j = 0; j < read; ++j) {
                if (!mask(row, j)) continue;
                double score = 0;
                for (int c = 0; c < depth; ++c) score += projected(q, wq, row, a, c) * projected(k, wk, j, a, c);
                const double weight = std::exp(score / std::sqrt(double(depth)));
                total += weight;
                for (int c = 0; c < depth; ++c) read_by[static_cast<std::size_t>(c)] += weight * projected(v, wv, j, a, c);
            }
            if (total == 0) continue;
            for (int c = 0; c < depth; ++c) out += read_by[static_cast<std::size_t>(c)] / total * wo(a, c, column);
        }
        return out;
    }
};

void check(const sequence& s) {
    const auto y = s.output();
    REQUIRE(extent_of<token>(y) == s.asking);
    for (int row = 0; row < s.asking; ++row)
        for (int column = 0; column < s.width; ++column) CHECK(y(row, column) == Approx(s.output(row, column)).margin(1e-12));
}

/// Rows that are the same in each matrix, as the reader would give them.
matrices square(int heads, std::int64_t rows, std::int64_t width, std::vector<double> q, std::vector<double> k, std::vector<double> v) {
    matrices m;
    m.heads = heads, m.rows = rows, m.width = width, m.q = std::move(q), m.k = std::move(k), m.v = std::move(v);
    return m;
}

}  // namespace

TEST_CASE("multi-head attention is its definition: of one head and of several, of itself and of other rows, of one position") {
    check(sequence(5, 5, 1, 4));
    check(sequence(5, 5, 3, 2));
    check(sequence(4, 7, 2, 3));
    check(sequence(1, 1, 2, 3));
}

TEST_CASE("a row that may attend to nothing is zero, and the others do not notice") {
    sequence s(5, 5, 2, 3);
    for (int j = 0; j < 5; ++j) s.mask(2, j) = false;
    check(s);
    for (int column = 0; column < 6; ++column) CHECK(s.output()(2, column) == 0);
}

TEST_CASE("attention of projected matrices: known numbers to six decimals") {
    // 1 + 2 / (1 + e^(1 / sqrt 2)) and its neighbours
    CHECK(attention_of(square(1, 2, 2, {1, 0, 0, 1}, {1, 0, 0, 1}, {1, 2, 3, 4})) == std::vector{1.660477, 2.660477, 2.339523, 3.339523});
    CHECK(attention_of(square(2, 1, 4, {1, 2, 3, 4}, {5, 6, 7, 8}, {0.1234567, -1e-9, 3, 4})) == std::vector{0.123457, 0.0, 3.0, 4.0});
    CHECK_FALSE(std::signbit(attention_of(square(1, 1, 1, {1}, {1}, {-1e-9}))[0]));
}

TEST_CASE("heads of projected matrices lie side by side: with projections that change nothing it is multi-head attention") {
    sequence s(4, 4, 3, 2);
    for (auto* w : {&s.wq, &s.wk, &s.wv})
        for (int i = 0; i < 6; ++i)
            for (int a = 0; a < 3; ++a)
                for (int c = 0; c < 2; ++c) (*w)(i, a, c) = i == 2 * a + c;
    for (int i = 0; i < 6; ++i)
        for (int a = 0; a < 3; ++a)
            for (int c = 0; c < 2; ++c) s.wo(a, c, i) = i == 2 * a + c;
    s.mask = position<key>() >= 0 && position<token>() >= 0;
    const auto together = attention_of(square(3, 4, 6, {s.q.begin(), s.q.end()}, {s.k.begin(), s.k.end()}, {s.v.begin(), s.v.end()}));
    const auto y = s.output();
    REQUIRE(together.size() == 24);
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 6; ++j) CHECK(together[static_cast<std::size_t>(6 * i + j)] == Approx(y(i, j)).margin(6e-7));
}
