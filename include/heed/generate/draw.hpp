/// One token, with a probability in proportion to e^(logit / temperature), in little more time than it takes to read the logits.
///
/// No exponential is taken of most logits. In their place stands the float whose bits are a straight line in t = x log2(e):
///
///     bits = (t + 127) 2^23    is the float    2^n (1 + f)    where n = floor(t), f = t - n    and    2^t <= 2^n (1 + f) <= 1.062 2^t
///
/// A token is drawn in proportion to these, and kept with the probability e^x / (2^n (1 + f)), which is .94 and more; else
/// another one is drawn. So the exponentials that decide are few, and of doubles. (This is rejection sampling: J. von Neumann,
/// "Various techniques used in connection with random digits", 1951; the bits are N. Schraudolph's, "A fast, compact
/// approximation of the exponential function", 1999.)
#pragma once

#include <heed/eval/cpu/select.hpp>
#include <heed/generate/kept.hpp>
#include <heed/random.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <type_traits>

namespace heed::inline HEED_TARGET::generate {

/// The line of bits for the weights of logits against a reference.
class weight_bound {
public:
    explicit weight_bound(const token_weight& weight)
        : reference_(weight.reference),
          scale_(static_cast<float>(std::min(std::numbers::log2e / weight.temperature * unit, double{std::numeric_limits<float>::max()}))) {}

    /// The bound, as an integer of the same bits: 0 for a logit of -infinity, negative for NaN and for what lies 2^129 above
    /// the reference or more.
    HEED_INLINE cpu::simd<std::int32_t> operator()(cpu::simd<float> x) const {
        const auto line = fma(x - cpu::simd<float>(reference_), cpu::simd<float>(scale_), cpu::simd<float>(127 * unit));
        return cpu::convert<std::int32_t>(max(cpu::simd<float>(0), line));
    }

private:
    static constexpr float unit = 0x1p23f;      // of the exponent, among the bits of a float
    float reference_, scale_;
};

/// For `draw`: no token is left out.
struct every_token {
    static constexpr bool has(float, std::ptrdiff_t) { return true; }
};

/// The token that `random` draws among the kept ones (kept_tokens, or every_token), in proportion to their weights.
/// `reads(block)`: whether a block has any of them.
///
/// Its place is looked for in the order of the row, in sums of doubles. Nothing where a logit is NaN, or so far above the
/// reference that the sums could overflow; with the greatest logit as reference nothing is.
template <class Kept>
[[gnu::flatten]] std::optional<std::ptrdiff_t> draw(const cpu::row_blocks& logits, const token_weight& weight, const Kept& kept, auto&& reads, random_stream& random) {
    using cpu::simd;
    constexpr bool every = std::is_same_v<Kept, every_token>;
    constexpr std::ptrdiff_t block = cpu::row_blocks::block;
    const weight_bound bound(weight);
    simd<std::int32_t> all_bits(0);
    // f(place, bounds, i) for the registers of a block, zero where a token is not kept.
    const auto bounds = [&](std::ptrdiff_t b, auto&& f) {
        simd<float> least(0);
        // Past the last token that may equal it, only greater logits are kept.
        if constexpr (!every) least = kept.last < b * block ? std::nextafter(kept.logit, std::numeric_limits<float>::infinity()) : kept.logit;
        logits.visit(b, [&](std::ptrdiff_t place, simd<float> x, int i) {
            const auto bits = bound(x);
            all_bits = cpu::native::vector<std::int32_t>(all_bits.value | bits.value);
            const auto w = cpu::from_bits<float>(bits.value);
            if constexpr (every) f(place, w, i);
            else f(place, select(x >= least, w, simd<float>(0)), i);
        });
    };

    cpu::scratch<double> sums(static_cast<std::size_t>(logits.blocks()));   // of all blocks up to this one
    double total = 0;
    for (std::ptrdiff_t b = 0; b < logits.blocks(); ++b) {
        if (reads(b)) {
            simd<float> sum[4] = {0, 0, 0, 0};
            bounds(b, [&](std::ptrdiff_t, simd<float> w, int i) { sum[i] += w; });
            total += static_cast<double>(reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3])));
        }
        sums[static_cast<std::size_t>(b)] = total;
    }
    if (any(all_bits < simd<std::int32_t>(0)) || !std::isfinite(total)) return std::nullopt;

    constexpr double rounding = 1 + 1e-4;       // a bound falls short of its weight by what float rounds of t at most
    for (;;) {
        const double at = random.uniform_double() * total, keep = random.uniform_double();
        const std::ptrdiff_t b = std::upper_bound(sums.begin(), sums.end(), at) - sums.begin();
        if (b == logits.blocks()) continue;     // the product was rounded up to the total
        float of_block[block + simd<float>::lanes];
        bounds(b, [&](std::ptrdiff_t place, simd<float> w, int) { w.store(of_block + (place - b * block)); });
        double sum = b > 0 ? sums[static_cast<std::size_t>(b - 1)] : 0;
        for (std::ptrdiff_t token = b * block; token < logits.end_of(b); ++token) {
            const double most = static_cast<double>(of_block[token - b * block]);
            sum += most;
            if (sum <= at) continue;
            if (kept.has(logits[token], token) && keep * most * rounding < weight(logits[token])) return token;
            break;
        }
    }
}

}  // namespace heed::inline HEED_TARGET::generate
