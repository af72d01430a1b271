/// The elementary functions in cache, on one thread: time and error beside those of SLEEF, where it is installed, and of xsimd.
#include "measure.hpp"

#include <heed/eval/cpu/simd.hpp>
#include <heed/expr/operations.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>

#if HEED_SLEEF
#include <sleef.h>
#if defined(__AVX512F__)
#define SLEEF(name, bound) Sleef_##name##f16_##bound##avx512f
#elif defined(__AVX2__) && defined(__FMA__)
#define SLEEF(name, bound) Sleef_##name##f8_##bound##avx2
#elif defined(__SSE2__)
#define SLEEF(name, bound) Sleef_##name##f4_##bound##sse2
#endif
#endif

namespace {

using heed::cpu::simd;
using number = simd<float>;
namespace op = heed::operations;

constexpr int count = 4096, rounds = 400;

/// Floats of either sign between two magnitudes, drawn evenly among the bit patterns.
std::vector<float> drawn(int n, float least, float greatest) {
    std::mt19937 random(1);
    std::uniform_int_distribution<std::uint32_t> pattern(std::bit_cast<std::uint32_t>(least), std::bit_cast<std::uint32_t>(greatest));
    std::vector<float> x(static_cast<std::size_t>(n));
    for (float& e : x) e = (random() & 1 ? -1.0f : 1.0f) * std::bit_cast<float>(pattern(random));
    return x;
}

template <class F> [[gnu::noinline]] void over(const std::vector<float>& x, std::vector<float>& y, F f) {
    for (std::size_t i = 0; i < x.size(); i += number::lanes) f(number::load(&x[i])).store(&y[i]);
    measure::detail::keep(y[0]);
}

/// Nanoseconds an element for arguments around zero, and the worst error in units in the last place up to `greatest`.
template <class F, class G> void report(const char* what, float greatest, F f, G truth) {
    std::vector<float> x(count), y(count);
    for (int i = 0; i < count; ++i) x[static_cast<std::size_t>(i)] = 4 * std::sin(1.3f * static_cast<float>(i));
    const double seconds = measure::median_seconds([&] { for (int r = 0; r < rounds; ++r) over(x, y, f); }, 21);
    const auto wide = drawn(1 << 20, 1e-6f, greatest);
    std::vector<float> z(wide.size());
    over(wide, z, f);
    double worst = 0;
    for (std::size_t i = 0; i < wide.size(); ++i) {
        const double t = truth(static_cast<double>(wide[i]));
        int exponent;
        (void)std::frexp(t, &exponent);
        worst = std::max(worst, std::abs(static_cast<double>(z[i]) - t) / std::ldexp(1.0, std::max(exponent - 24, -149)));
    }
    std::printf("  %-36s %7.3f ns %9.2f ulp\n", what, seconds / rounds / count * 1e9, worst);
}

}  // namespace

int main() {
    std::printf("an element, %d lanes, one thread; the worst error of a million floats\n", number::lanes);
    const auto e = [](double x) { return std::exp(x); };
    const auto e2 = [](double x) { return std::exp2(x); };
    const auto t = [](double x) { return std::tanh(x); };
    const auto r = [](double x) { return std::erf(x); };
    report("exp2", 126, [](number x) { return exp2(x); }, e2);
    report("exp", 87, [](number x) { return exp(x); }, e);
    report("tanh", 10, [](number x) { return tanh(x); }, t);
    report("erf", 5, [](number x) { return erf(x); }, r);
#ifdef SLEEF
    report("exp2, SLEEF", 126, [](number x) { return number(SLEEF(exp2, u10)(x.value)); }, e2);
    report("exp, SLEEF", 87, [](number x) { return number(SLEEF(exp, u10)(x.value)); }, e);
    report("tanh, SLEEF (1.0 ulp)", 10, [](number x) { return number(SLEEF(tanh, u10)(x.value)); }, t);
    report("tanh, SLEEF (3.5 ulp)", 10, [](number x) { return number(SLEEF(tanh, u35)(x.value)); }, t);
    report("erf, SLEEF", 5, [](number x) { return number(SLEEF(erf, u10)(x.value)); }, r);
#else
    std::printf("  SLEEF is not here (Debian: libsleef-dev)\n");
#endif
#if HEED_VECTOR_REGISTERS
    report("exp2, xsimd", 126, [](number x) { return number(xsimd::exp2(x.value)); }, e2);
    report("exp, xsimd", 87, [](number x) { return number(xsimd::exp(x.value)); }, e);
    report("tanh, xsimd", 10, [](number x) { return number(xsimd::tanh(x.value)); }, t);
    report("erf, xsimd", 5, [](number x) { return number(xsimd::erf(x.value)); }, r);
#endif
    std::printf("GELU, its errors up to one half\n");
    const auto of = [](auto operation) { return [](auto x) { return decltype(operation)::apply(x); }; };
    report("gelu", 0.5f, of(op::gauss_weighted()), of(op::gauss_weighted()));
    report("its slope", 0.5f, of(op::gauss_weighted_slope()), of(op::gauss_weighted_slope()));
    report("gelu_tanh", 0.5f, of(op::gauss_weighted_by_tanh()), of(op::gauss_weighted_by_tanh()));
    report("its slope", 0.5f, of(op::gauss_weighted_by_tanh_slope()), of(op::gauss_weighted_by_tanh_slope()));
}
