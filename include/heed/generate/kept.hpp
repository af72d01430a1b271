/// Which tokens may be drawn: top-k, top-p and min-p, each as a least logit.
#pragma once

#include <heed/eval/cpu/select.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace heed::inline HEED_TARGET::generate {

/// A token is kept whose logit is above `logit`, or equal to it and whose number is `last` at most. What is -infinity never is.
struct kept_tokens {
    float logit = std::numeric_limits<float>::lowest();
    std::ptrdiff_t last = std::numeric_limits<std::ptrdiff_t>::max();

    bool has(float x, std::ptrdiff_t token) const { return x > logit || (x == logit && token <= last); }

    /// What both keep.
    friend kept_tokens operator&(const kept_tokens& a, const kept_tokens& b) {
        if (a.logit != b.logit) return a.logit > b.logit ? a : b;
        return {a.logit, std::min(a.last, b.last)};
    }
};

/// What a logit weighs against another one, at a temperature: e^((x - reference) / temperature), in double.
struct token_weight {
    float reference;
    double temperature;
    double operator()(float x) const { return std::exp((static_cast<double>(x) - static_cast<double>(reference)) / temperature); }
};

/// The k greatest logits, and all that are equal to the k-th.
inline kept_tokens kept_by_top_k(const cpu::surveyed_row& logits, std::ptrdiff_t k) { return {.logit = logits.kth_greatest(k)}; }

/// The fewest tokens, the greatest logits first and of equal ones the lowest numbers first, that have a share of p of what
/// was kept so far: the one that crosses p is among them. 0 < p < 1; all of `so_far`'s tokens that equal its logit are kept.
inline kept_tokens kept_by_top_p(const cpu::surveyed_row& logits, const token_weight& weight, double p, const kept_tokens& so_far) {
    using cpu::simd;
    using row = cpu::surveyed_row;
    row::interval found{so_far.logit, logits.above_top(), {0, 0}, static_cast<std::ptrdiff_t>(logits.count(so_far.logit))};
    double total = 0;
    if (found.inside > row::few) {      // many: their weights are summed in registers, and only those near the edge are put in order
        cpu::scratch<float> weights(static_cast<std::size_t>(logits.blocks() * row::block));
        const simd<float> reference(weight.reference);
        const simd<float> scale(static_cast<float>(std::min(1.0 / weight.temperature, static_cast<double>(std::numeric_limits<float>::max()))));
        total = logits.sums<1>(so_far.logit, [&](std::ptrdiff_t place, simd<float> x, auto& sum) {
            const auto w = select(x >= simd<float>(so_far.logit), exp((x - reference) * scale), simd<float>(0));
            w.store(weights.data() + place);
            sum[0] += w;
        })[0];
        // Tokens that weigh less than this have together less than what may be left out.
        const double least = 0.5 * (1 - p) * total / static_cast<double>(found.inside);
        const float low = static_cast<float>(static_cast<double>(weight.reference) + weight.temperature * std::log(least));
        found = logits.search(std::max(low, so_far.logit), found.high, p * total, [&](float limit) {
            const auto [mass, count] = logits.sums<2>(limit, [&](std::ptrdiff_t place, simd<float> x, auto& sum) {
                const auto reaches = x >= simd<float>(limit);
                sum[0] += select(reaches, simd<float>::load(weights.data() + place), simd<float>(0));
                sum[1] += select(reaches, simd<float>(1), simd<float>(0));
            });
            return row::reach{mass, count};
        });
    }
    cpu::scratch<row::entry> inside(static_cast<std::size_t>(found.inside));
    logits.gather(found, inside.data());
    if (!std::is_sorted(inside.begin(), inside.end())) std::sort(inside.begin(), inside.end());
    if (total == 0) {
        for (const row::entry& e : inside) total += weight(e.value);
    }
    double mass = found.above.amount;
    for (const row::entry& e : inside) {
        mass += weight(e.value);
        if (mass >= p * total) return {e.value, e.place};
    }
    return so_far;      // the sums' rounding kept the last token from crossing p
}

/// The tokens that are at least p times as likely as the most likely one, whose logit is the weight's reference. 0 < p <= 1.
inline kept_tokens kept_by_min_p(const token_weight& weight, double p) {
    const double edge = static_cast<double>(weight.reference) + weight.temperature * std::log(p);
    float least = static_cast<float>(edge);
    if (static_cast<double>(least) < edge) least = std::nextafter(least, std::numeric_limits<float>::infinity());
    return {.logit = least};
}

}  // namespace heed::inline HEED_TARGET::generate
