// Why softmax subtracts the maximum, and why a loss works on logits through log-sum-exp.
#include "checks.hpp"

#include <heed/eval/cpu/backend.hpp>
#include <heed/nn/loss.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace gradients {

namespace {

struct logit : axis<3> {};
using logits = tensor<float, logit>;

/// One line of the table, both columns as they come out in float; whether the second is near what it should be.
bool line(const std::string& what, float naive, float stable, double exact, double tolerance) {
    fmt::print("    {:<22} {:>16} {:>16.8g} {:>16.8g}\n", what, std::isnan(naive) ? "nan" : fmt::format("{:g}", naive), stable, exact);
    return std::abs(stable - exact) <= tolerance;
}

bool show(const logits& z, int label) {
    const logits powers = exp(z), p = softmax<logit>(z), naive = powers / sum<logit>(powers);
    const tensor<float> total = sum<logit>(powers), stable = logsumexp<logit>(z);
    const double a = z(0), b = z(1), c = z(2), most = std::max({a, b, c});
    const double exact = most + std::log(std::exp(a - most) + std::exp(b - most) + std::exp(c - most));
    tensor<int> target;
    target = label;
    const double loss = nn::categorical_cross_entropy<logit>().forward(z, target).sum;

    // A float near 10,000 is a multiple of 1/1024: so fine, and no finer, is what is computed from such logits.
    const double rounding = 0x1p-23 * std::max({std::abs(a), std::abs(b), std::abs(c), std::abs(exact - z(label))});
    fmt::print("logits {:g}, {:g}, {:g}\n", a, b, c);
    bool right = line("log-sum-exp", std::log(total()), stable(), exact, rounding);
    right &= line(fmt::format("loss where {} is true", label), -std::log(naive(label)), static_cast<float>(loss), exact - z(label), rounding);
    for (int i = 0; i < 3; ++i) {
        const double share = std::exp(z(i) - exact);
        right &= line(fmt::format("softmax, logit {}", i), naive(i), p(i), share, 1e-6 * share);
    }
    return right;
}

}  // namespace

bool show_stability() {
    fmt::print("In float                        exp and log      log-sum-exp            exact\n");
    bool right = show({10000, 9999, -10000}, 2);
    right &= show({-10000, -10000, -9999}, 0);
    fmt::print("softmax within 1e-6 of what is exact, the others within the rounding of their logits: {}\n", right ? "yes" : "NO");
    return right;
}

}  // namespace gradients
