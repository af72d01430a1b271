// Why attention divides its scores by sqrt(d): what dot products of d random numbers do to a softmax.
//
// q and k hold independent normal numbers of mean 0 and variance 1, so q.k is a sum of d products, each of mean 0 and
// variance 1, and has the variance d. Printed for each d, with 128 keys:
//
//     variance       of q.k, over all pairs, and in units of d
//     entropy        of the weights p = softmax(q.k), in bits: the mean over the queries; 7 = all keys alike, 0 = one key
//     gradient       |dp/ds|, the Frobenius norm of the softmax's Jacobian diag(p) - p p^T: the median over the queries
//     dead           the share of queries where that norm is below 0.001: to them, next to no gradient comes back
//
// the last three once for the scores as they are, and once divided by sqrt(d).
#include <heed/heed.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

struct query : heed::axis<>    {};
struct key   : heed::axis<128> {};
struct depth : heed::axis<>    {};

using namespace heed;

/// Normal numbers, the same in every run.
void fill(auto& x, std::uint64_t seed) {
    random_stream random(seed);
    for (double& number : x) number = random.normal();
}

struct softness { double entropy, gradient, dead; };

/// What is left of the choice among the keys, and of the gradient, with these scores.
softness measure(const tensor<double, query, key>& scores) {
    const tensor<double, query, key> p = softmax<key>(scores);
    const tensor<double, query> bits = -sum<key>(where(p > 0, p * log(max(p, 1e-300)), 0.0)) / std::log(2.0);

    // sum_ij (p_i [i = j] - p_i p_j)^2 = sum p^2 - 2 sum p^3 + (sum p^2)^2, written without the difference of near numbers
    const tensor<double, query> squares = sum<key>(p * p);
    const tensor<double, query> jacobian = sqrt(sum<key>(p * p * ((1 - p) * (1 - p) + squares - p * p)));

    softness result{};
    for (double b : bits) result.entropy += b / static_cast<double>(bits.size());
    std::vector<double> norms(jacobian.begin(), jacobian.end());
    std::sort(norms.begin(), norms.end());
    result.gradient = norms[norms.size() / 2];
    result.dead = static_cast<double>(std::lower_bound(norms.begin(), norms.end(), 1e-3) - norms.begin()) / static_cast<double>(norms.size());
    return result;
}

int main() {
    const int queries = 1024;
    std::printf("                              scores q.k                  scores q.k / sqrt(d)\n");
    std::printf("    d   variance    /d    entropy  gradient   dead     entropy  gradient   dead\n");
    bool holds = true;
    for (int d = 4; d <= 1024; d *= 2) {
        tensor<double, query, depth> q(query{queries}, depth{d});
        tensor<double, key, depth> k(depth{d});
        double variance = 0;
        softness plain{}, scaled{};
        const int rounds = 16;                                      // 16 sets of keys, of 128 each
        for (int round = 0; round < rounds; ++round) {
            fill(q, static_cast<std::uint64_t>(4 * d + round * 8192));
            fill(k, static_cast<std::uint64_t>(4 * d + round * 8192 + 1));
            const tensor<double, query, key> scores = dot<depth>(q, k);
            const double average = mean<query, key>(scores);
            variance += double(mean<query, key>((scores - average) * (scores - average))) / rounds;
            const auto add = [&](softness& to, const softness& s) {
                to.entropy += s.entropy / rounds, to.gradient += s.gradient / rounds, to.dead += s.dead / rounds;
            };
            add(plain, measure(scores));
            const tensor<double, query, key> divided = scores / std::sqrt(double(d));
            add(scaled, measure(divided));
        }
        std::printf("%5d %10.2f %6.3f %9.2f %9.4f %5.0f %% %9.2f %9.4f %5.0f %%\n", d, variance, variance / d, plain.entropy, plain.gradient,
                    100 * plain.dead, scaled.entropy, scaled.gradient, 100 * scaled.dead);
        holds = holds && std::abs(variance / d - 1) < 0.05;
    }
    std::printf("the variance of q.k is d, within 5 %%: %s\n", holds ? "yes" : "NO");
    return holds ? 0 : 1;
}
