#include <heed/heed.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <vector>

using namespace heed;

namespace {

struct batch : axis<2> {};
struct query : axis<150> {};
struct key   : axis<700> {};         // several tiles, forward and backward
struct depth : axis<8> {};

/// Every weight, score and gradient written out, with what is left of each weight.
struct by_hand {
    tensor<double, batch, query, depth> q, out, d_out, dq;
    tensor<double, batch, key, depth> k, v, dk, dv;
    double kept = 0;

    explicit by_hand(const weight_dropout& drop) {
        random_stream random(3);
        for (auto* t : {&q, &d_out}) for (double& x : *t) x = random.normal();
        for (auto* t : {&k, &v}) for (double& x : *t) x = random.normal();
        std::vector<double> p(key::extent), m(key::extent), dp(key::extent);
        for (int b = 0; b < batch::extent; ++b)
            for (int i = 0; i < query::extent; ++i) {
                double total = 0, mean = 0;
                for (int j = 0; j < key::extent; ++j) {
                    double s = 0;
                    for (int d = 0; d < depth::extent; ++d) s += q(b, i, d) * k(b, j, d);
                    total += p[at(j)] = visible(i, j) ? std::exp(s) : 0;
                }
                if (drop.rate > 0) drop.factors(b, i, 0, m.data(), key::extent);
                else m.assign(key::extent, 1.0);
                for (int j = 0; j < key::extent; ++j) {
                    p[at(j)] /= total;
                    kept += m[at(j)] > 0 && visible(i, j);
                    dp[at(j)] = 0;
                    for (int d = 0; d < depth::extent; ++d) {
                        out(b, i, d) += m[at(j)] * p[at(j)] * v(b, j, d);
                        dv(b, j, d) += m[at(j)] * p[at(j)] * d_out(b, i, d);
                        dp[at(j)] += m[at(j)] * d_out(b, i, d) * v(b, j, d);
                    }
                    mean += p[at(j)] * dp[at(j)];
                }
                for (int j = 0; j < key::extent; ++j)
                    for (int d = 0; d < depth::extent; ++d) {
                        const double ds = p[at(j)] * (dp[at(j)] - mean);
                        dq(b, i, d) += ds * k(b, j, d);
                        dk(b, j, d) += ds * q(b, i, d);
                    }
            }
    }
    static bool visible(int i, int j) { return j <= i + 500; }
    static std::size_t at(int j) { return static_cast<std::size_t>(j); }
};

double off(const auto& a, const auto& b) {
    double worst = 0;
    for (int i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
    return worst;
}

/// The kernel's forward and backward against what is written out.
template <class T>
double worst_of(const by_hand& hand, const weight_dropout& drop) {
    const tensor<T, batch, query, depth> q = as<T>(hand.q), d_out = as<T>(hand.d_out);
    const tensor<T, batch, key, depth> k = as<T>(hand.k), v = as<T>(hand.v);
    tensor<T, batch, query, depth> out, dq;
    tensor<T, batch, key, depth> dk, dv;
    tensor<T, batch, query> log_sum;
    const auto mask = position<key>() <= position<query>() + 500;
    attention_forward<key>(where(mask, dot<depth>(q, k), -infinity), v, out, log_sum, drop);
    attention_backward<key>(where(mask, dot<depth>(q, k), -infinity), v, out, log_sum, d_out, dq, dk, dv, drop);
    return std::max({off(out, hand.out), off(dq, hand.dq), off(dk, hand.dk), off(dv, hand.dv)});
}

}  // namespace

TEST_CASE("dropped weights count in the softmax and nowhere else, forward and backward, in every tile") {
    const weight_dropout drop{0.3, 5, 6};
    const by_hand hand(drop);
    CHECK(hand.kept / (batch::extent * (query::extent * 501 + 150 * 149 / 2.0)) == Approx(0.7).margin(0.01));
    CHECK(worst_of<double>(hand, drop) < 1e-11);
    CHECK(worst_of<float>(hand, drop) < 2e-4);
    CHECK(worst_of<double>(hand, {0.3, 5, 7}) > 0.1);           // another step drops others
}

TEST_CASE("without dropout nothing is dropped") {
    const by_hand hand({});
    CHECK(worst_of<double>(hand, {}) < 1e-11);
}
