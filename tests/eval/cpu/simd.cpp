#include <catch2/catch.hpp>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <heed/eval/cpu/simd.hpp>
#include <heed/expr/operations.hpp>

using namespace heed::cpu;
using heed::bf16;

namespace {

template <class T, class F> std::vector<T> each(const std::vector<T>& x, F f) {
    std::vector<T> y(x.size());
    const int lanes = simd<T>::lanes;
    for (std::size_t i = 0; i < x.size(); i += lanes) {
        const int n = static_cast<int>(std::min<std::size_t>(lanes, x.size() - i));
        f(simd<T>::load(&x[i], n)).store(&y[i], n);
    }
    return y;
}

/// The largest error in units in the last place of the true value.
template <class T, class F, class G> double worst_error(double from, double to, F f, G truth) {
    std::vector<T> x(20000);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(from + (to - from) * static_cast<double>(i) / static_cast<double>(x.size() - 1));
    const std::vector<T> y = each(x, f);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const long double t = truth(static_cast<long double>(x[i]));
        const T near = std::abs(static_cast<T>(t));
        const T unit = std::nextafter(near, std::numeric_limits<T>::infinity()) - near;
        worst = std::max(worst, static_cast<double>(std::abs(static_cast<long double>(y[i]) - t) / static_cast<long double>(unit)));
    }
    return worst;
}

/// The largest error in units in the last place over so many floats of each sign, drawn evenly among the bit patterns between.
template <class F, class G> double worst_of_floats(float least, float greatest, F f, G truth) {
    std::mt19937 random(5);
    std::uniform_int_distribution<std::uint32_t> pattern(std::bit_cast<std::uint32_t>(least), std::bit_cast<std::uint32_t>(greatest));
    std::vector<float> x(400000);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = (i % 2 ? -1.0f : 1.0f) * std::bit_cast<float>(pattern(random));
    const std::vector<float> y = each(x, f);
    long double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const long double t = truth(static_cast<long double>(x[i]));
        int exponent;
        (void)std::frexp(t, &exponent);
        worst = std::max(worst, std::abs(static_cast<long double>(y[i]) - t) / std::ldexp(1.0L, std::max(exponent - 24, -149)));
    }
    return static_cast<double>(worst);
}

template <class T, class F> T at(T x, F f) {
    std::vector<T> y(static_cast<std::size_t>(simd<T>::lanes));
    f(simd<T>(x)).store(y.data());
    for (const T& v : y) CHECK((v == y[0] || (std::isnan(v) && std::isnan(y[0]))));
    return y[0];
}

}  // namespace

TEMPLATE_TEST_CASE("a partial load reads n numbers, the rest is zero, and a partial store writes n", "", float, double, int) {
    using T = TestType;
    const int lanes = simd<T>::lanes;
    for (int n = 0; n <= lanes; ++n) {
        // A vector of exactly n, so that a sanitizer sees whoever reads or writes beyond it.
        std::vector<T> exact(static_cast<std::size_t>(n));
        for (int i = 0; i < n; ++i) exact[static_cast<std::size_t>(i)] = static_cast<T>(i + 1);
        const simd<T> x = simd<T>::load(exact.data(), n);
        std::vector<T> out(static_cast<std::size_t>(lanes), T(-7));
        x.store(out.data());
        for (int i = 0; i < lanes; ++i) CHECK(out[static_cast<std::size_t>(i)] == (i < n ? static_cast<T>(i + 1) : T(0)));
        std::vector<T> some(static_cast<std::size_t>(lanes), T(-7));
        (x + simd<T>(T(1))).store(some.data(), n);
        for (int i = 0; i < lanes; ++i) CHECK(some[static_cast<std::size_t>(i)] == (i < n ? static_cast<T>(i + 2) : T(-7)));
    }
}

TEMPLATE_TEST_CASE("arithmetic, comparison and selection work lane by lane", "", float, double, int) {
    using T = TestType;
    const int lanes = simd<T>::lanes;
    const simd<T> i = simd<T>::iota();
    const auto check = [&](simd<T> got, auto expected) {
        std::vector<T> out(static_cast<std::size_t>(lanes));
        got.store(out.data());
        for (int k = 0; k < lanes; ++k) CHECK(out[static_cast<std::size_t>(k)] == static_cast<T>(expected(static_cast<T>(k))));
    };
    const T two = 2, three = 3;
    check(i + simd<T>(two), [](T k) { return k + 2; });
    check(i - simd<T>(two), [](T k) { return k - 2; });
    check(i * simd<T>(three), [](T k) { return k * 3; });
    check(-i, [](T k) { return -k; });
    check(abs(i - simd<T>(two)), [](T k) { return k < 2 ? 2 - k : k - 2; });
    check(min(i, simd<T>(two)), [](T k) { return k < 2 ? k : 2; });
    check(max(i, simd<T>(two)), [](T k) { return k > 2 ? k : 2; });
    const auto as_numbers = [](simd_mask<T> m) { return select(m, simd<T>(T(1)), simd<T>(T(0))); };
    check(as_numbers(i < simd<T>(two)), [](T k) { return k < 2; });
    check(as_numbers(i <= simd<T>(two)), [](T k) { return k <= 2; });
    check(as_numbers(i > simd<T>(two)), [](T k) { return k > 2; });
    check(as_numbers(i >= simd<T>(two)), [](T k) { return k >= 2; });
    check(as_numbers(i == simd<T>(two)), [](T k) { return k == 2; });
    check(as_numbers(i != simd<T>(two)), [](T k) { return k != 2; });
    check(as_numbers((i > simd<T>(T(0))) & (i < simd<T>(three))), [](T k) { return k > 0 && k < 3; });
    check(as_numbers((i < simd<T>(T(1))) | (i > simd<T>(two))), [](T k) { return k < 1 || k > 2; });
    check(as_numbers((i < simd<T>(three)) ^ (i < simd<T>(T(1)))), [](T k) { return (k < 3) != (k < 1); });
    check(as_numbers(!(i < simd<T>(two))), [](T k) { return k >= 2; });
    for (int n = 0; n <= lanes; ++n) check(as_numbers(simd_mask<T>::first(n)), [n](T k) { return k < static_cast<T>(n); });
    CHECK(all(i >= simd<T>(T(0))));
    CHECK_FALSE(all(i > simd<T>(T(0))));
    CHECK(any(i == simd<T>(static_cast<T>(lanes - 1))));
    CHECK_FALSE(any(i == simd<T>(static_cast<T>(lanes))));
    CHECK(reduce_add(i) == static_cast<T>(lanes * (lanes - 1) / 2));
    CHECK(reduce_max(i - simd<T>(two)) == static_cast<T>(lanes - 3));
    CHECK(reduce_min(i - simd<T>(two)) == static_cast<T>(-2));
}

TEST_CASE("min and max with the limit first let a NaN through") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    CHECK(std::isnan(at(nan, [](auto x) { return max(simd<float>(-1.0f), x); })));
    CHECK(std::isnan(at(nan, [](auto x) { return min(simd<float>(1.0f), x); })));
    CHECK(at(nan, [](auto x) { return max(x, simd<float>(-1.0f)); }) == -1.0f);
}

TEMPLATE_TEST_CASE("a mask is read from bytes, whole or in part, and written back", "", float, double, int) {
    using T = TestType;
    const int lanes = simd<T>::lanes;
    std::mt19937 random(7);
    for (int n = 0; n <= lanes; ++n) {
        const auto truths = std::make_unique<bool[]>(static_cast<std::size_t>(n));
        for (int i = 0; i < n; ++i) truths[static_cast<std::size_t>(i)] = random() & 1;
        const auto m = n == lanes ? simd_mask<T>::load(truths.get()) : simd_mask<T>::load(truths.get(), n);
        bool out[64];
        m.store(out);
        for (int i = 0; i < lanes; ++i) CHECK(out[i] == (i < n && truths[static_cast<std::size_t>(i)]));
    }
}

TEST_CASE("masks and numbers convert between float and int") {
    const int lanes = simd<float>::lanes;
    REQUIRE(simd<int>::lanes == lanes);
    const simd<int> i = simd<int>::iota() - simd<int>(2);
    std::vector<float> f(static_cast<std::size_t>(lanes));
    convert<float>(i).store(f.data());
    for (int k = 0; k < lanes; ++k) CHECK(f[static_cast<std::size_t>(k)] == static_cast<float>(k - 2));
    std::vector<int> back(f.size());
    convert<int>(convert<float>(i) * simd<float>(1.75f)).store(back.data());
    for (int k = 0; k < lanes; ++k) CHECK(back[static_cast<std::size_t>(k)] == static_cast<int>(static_cast<float>(k - 2) * 1.75f));
    select(mask_cast<float>(i < simd<int>(0)), simd<float>(1.0f), simd<float>(0.0f)).store(f.data());
    for (int k = 0; k < lanes; ++k) CHECK(f[static_cast<std::size_t>(k)] == (k < 2 ? 1.0f : 0.0f));
    select(mask_cast<int>(convert<float>(i) < simd<float>(0.0f)), simd<int>(1), simd<int>(0)).store(back.data());
    for (int k = 0; k < lanes; ++k) CHECK(back[static_cast<std::size_t>(k)] == (k < 2 ? 1 : 0));
}

TEMPLATE_TEST_CASE("a square of registers is transposed", "", float, double, int) {
    using T = TestType;
    constexpr int lanes = simd<T>::lanes;
    simd<T> square[lanes];
    for (int i = 0; i < lanes; ++i) square[i] = simd<T>::iota() + simd<T>(static_cast<T>(100 * i));
    transpose(square);
    for (int i = 0; i < lanes; ++i) {
        T row[lanes];
        square[i].store(row);
        for (int j = 0; j < lanes; ++j) CHECK(row[j] == static_cast<T>(100 * j + i));
    }
}

TEST_CASE("floor, round and sqrt are those of the standard library, fma rounds once where the machine can") {
    for (const float x : {0.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 2.4999f, 1e7f, -1e10f, 3.7f}) {
        CHECK(at(x, [](auto v) { return floor(v); }) == std::floor(x));
        CHECK(at(x, [](auto v) { return round(v); }) == std::nearbyint(x));
        CHECK(at(std::abs(x), [](auto v) { return sqrt(v); }) == std::sqrt(std::abs(x)));
    }
#if defined(__FMA__)
    const float x = 1.0f + 0x1p-12f;
    CHECK(at(x, [](auto v) { return fma(v, v, -(v * v)); }) != at(x, [](auto v) { return simd<float>(v * 0.0f); }));
#endif
}

TEST_CASE("bf16 rounds to nearest, ties to even, and registers agree with the scalar") {
    CHECK(static_cast<float>(bf16(1.0f)) == 1.0f);
    CHECK(bf16(1.0f + 0x1p-8f).bits == bf16(1.0f).bits);                    // a tie, down to even
    CHECK(static_cast<float>(bf16(1.0f + 3 * 0x1p-8f)) == 1.0f + 0x1p-6f);  // a tie, up to even
    CHECK(std::isinf(static_cast<float>(bf16(std::numeric_limits<float>::max()))));
    CHECK(std::isnan(static_cast<float>(bf16(std::numeric_limits<float>::signaling_NaN()))));

    std::mt19937 random(1);
    const int lanes = simd<float>::lanes;
    for (int trial = 0; trial < 200; ++trial) {
        std::vector<float> x(static_cast<std::size_t>(lanes));
        for (float& v : x) v = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
        if (trial == 0) x[0] = std::numeric_limits<float>::quiet_NaN();
        std::vector<bf16> y(x.size()), z(x.size());
        simd<float>::load(x.data()).store(y.data());
        for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i].bits == bf16(x[i]).bits);
        const int n = trial % (lanes + 1);
        simd<float>::load(x.data()).store(z.data(), n);
        for (int i = 0; i < n; ++i) CHECK(z[static_cast<std::size_t>(i)].bits == y[static_cast<std::size_t>(i)].bits);
        std::vector<float> back(x.size()), part(x.size());
        simd<float>::load(y.data()).store(back.data());
        simd<float>::load(y.data(), n).store(part.data());
        for (std::size_t i = 0; i < x.size(); ++i) {
            CHECK(std::bit_cast<std::uint32_t>(back[i]) == std::uint32_t(y[i].bits) << 16);
            CHECK((static_cast<int>(i) < n ? std::bit_cast<std::uint32_t>(part[i]) == std::bit_cast<std::uint32_t>(back[i]) : part[i] == 0.0f));
        }
    }
}

TEMPLATE_TEST_CASE("the elementary functions are within two units in the last place", "", float, double) {
    using T = TestType;
    const double range = sizeof(T) == 4 ? 86 : 705;
    CHECK(worst_error<T>(-range * 1.44, range * 1.44, [](auto x) { return exp2(x); }, [](long double x) { return std::exp2(x); }) < 1.5);
    CHECK(worst_error<T>(-2, 2, [](auto x) { return exp2(x); }, [](long double x) { return std::exp2(x); }) < 1.5);
    CHECK(worst_error<T>(-range, range, [](auto x) { return exp(x); }, [](long double x) { return std::exp(x); }) < 1.5);
    CHECK(worst_error<T>(-2, 2, [](auto x) { return exp(x); }, [](long double x) { return std::exp(x); }) < 1.5);
    CHECK(worst_error<T>(1e-3, 4, [](auto x) { return log(x); }, [](long double x) { return std::log(x); }) < 2);
    CHECK(worst_error<T>(1, 1e30, [](auto x) { return log(x); }, [](long double x) { return std::log(x); }) < 2);
    CHECK(worst_error<T>(1e-41, 1e-37, [](auto x) { return log(x); }, [](long double x) { return std::log(x); }) < 2);
    CHECK(worst_error<T>(-10, 10, [](auto x) { return tanh(x); }, [](long double x) { return std::tanh(x); }) < 2);
    CHECK(worst_error<T>(-1e-3, 1e-3, [](auto x) { return tanh(x); }, [](long double x) { return std::tanh(x); }) < 2);
    CHECK(worst_error<T>(-7, 7, [](auto x) { return erf(x); }, [](long double x) { return std::erf(x); }) < 2);
    CHECK(worst_error<T>(-1e-3, 1e-3, [](auto x) { return erf(x); }, [](long double x) { return std::erf(x); }) < 2);
}

TEST_CASE("exp2, exp, tanh and erf of floats are within one unit in the last place, where the machine can multiply and add at once") {
#if defined(__FMA__)
    const double bound = 1;
#else
    const double bound = 1.25;
#endif
    CHECK(worst_of_floats(1e-8f, 127.9f, [](auto x) { return exp2(x); }, [](long double x) { return std::exp2(x); }) <= bound);
    CHECK(worst_of_floats(1e-8f, 88.7f, [](auto x) { return exp(x); }, [](long double x) { return std::exp(x); }) <= bound);
    CHECK(worst_of_floats(1e-8f, 12, [](auto x) { return tanh(x); }, [](long double x) { return std::tanh(x); }) <= bound);
    CHECK(worst_of_floats(1e-8f, 6, [](auto x) { return erf(x); }, [](long double x) { return std::erf(x); }) <= bound);
}

TEMPLATE_TEST_CASE("GELU and its slope keep their digits, below zero too", "", float, double) {
    using T = TestType;
    namespace op = heed::operations;
    const auto density = [](double x) { return std::exp(-x * x / 2) * 0.39894228040143268; };
    const auto below = [](double x) { return std::erfc(-x * std::sqrt(0.5)) / 2; };       // Phi
    const auto bend = [](double x) { return 0.79788456080286536 * (x + 0.044715 * x * x * x); };
    const auto share = [&](double x) { return 1 / (1 + std::exp(-2 * bend(x))); };
    const double digits = sizeof(T) == 4 ? 1 : 1e-8;
    std::vector<T> x(16001);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(static_cast<double>(i) / 1000 - 8);
    const auto value = each(x, [](auto v) { return op::gauss_weighted::apply(v); }), slope = each(x, [](auto v) { return op::gauss_weighted_slope::apply(v); });
    const auto by_tanh = each(x, [](auto v) { return op::gauss_weighted_by_tanh::apply(v); });
    const auto by_tanh_slope = each(x, [](auto v) { return op::gauss_weighted_by_tanh_slope::apply(v); });
    double worst[4] = {}, relative = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double v = static_cast<double>(x[i]), unit = std::max(1e-3, std::abs(v)), s = share(v);
        const auto note = [&](double& w, T got, double truth, double size) { w = std::max(w, std::abs(static_cast<double>(got) - truth) / size); };
        note(worst[0], value[i], v * below(v), unit);
        note(worst[1], slope[i], below(v) + v * density(v), 1);
        note(worst[2], by_tanh[i], v * s, unit);
        note(worst[3], by_tanh_slope[i], s + v * s * share(-v) * 2 * 0.79788456080286536 * (1 + 0.134145 * v * v), 1);
        if (sizeof(T) == 4 && v < -1) note(relative, value[i], v * below(v), std::abs(v * below(v)));
        if (v < -1) note(relative, by_tanh[i], v * s, std::abs(v * s));
    }
    CHECK(worst[0] < 1.5e-7 * digits);
    CHECK(worst[1] < 3e-7 * digits);
    CHECK(worst[2] < 1.5e-7 * digits);
    CHECK(worst[3] < 4e-7 * digits);
    CHECK(relative < 2e-5 * digits);

    const T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    const auto ends = [&](auto operation, T at_infinity) {
        const auto f = [](auto v) { return decltype(operation)::apply(v); };
        CHECK(at(infinity, f) == at_infinity);
        CHECK(std::isnan(at(nan, f)));
    };
    ends(op::gauss_weighted_by_tanh(), infinity);
    ends(op::gauss_weighted_by_tanh_slope(), T(1));
    CHECK(at(-infinity, [](auto v) { return op::gauss_weighted_by_tanh::apply(v); }) == T(0));
    CHECK(std::abs(at(-infinity, [](auto v) { return op::gauss_weighted_by_tanh_slope::apply(v); })) < T(1e-30));
    if constexpr (sizeof(T) == 4) {
        ends(op::gauss_weighted(), infinity);
        ends(op::gauss_weighted_slope(), T(1));
        CHECK(at(-infinity, [](auto v) { return op::gauss_weighted::apply(v); }) == T(0));
        CHECK(at(-infinity, [](auto v) { return op::gauss_weighted_slope::apply(v); }) == T(0));
    }
}

TEMPLATE_TEST_CASE("the elementary functions know infinities, NaN, zero and the ends of the range", "", float, double) {
    using T = TestType;
    const T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    const auto e2 = [](auto x) { return exp2(x); };
    const auto e = [](auto x) { return exp(x); };
    const auto l = [](auto x) { return log(x); };
    const auto th = [](auto x) { return tanh(x); };
    const auto ef = [](auto x) { return erf(x); };
    const T far = sizeof(T) == 4 ? T(200) : T(2000);
    CHECK(at(T(0), e2) == T(1));
    CHECK(at(T(3), e2) == T(8));
    CHECK(at(-infinity, e2) == T(0));
    CHECK(at(infinity, e2) == infinity);
    CHECK(std::isnan(at(nan, e2)));
    CHECK(at(-far, e2) == T(0));
    CHECK(at(far, e2) == infinity);
    CHECK(at(std::numeric_limits<T>::lowest(), e2) == T(0));
    CHECK(at(std::numeric_limits<T>::max(), e2) == infinity);
    const int deep = sizeof(T) == 4 ? -140 : -1060;
    CHECK(at(T(deep), e2) == std::ldexp(T(1), deep));
    // A whole shift changes no digit, and knows the same ends.
    const auto shifted = [](T x, T shift) { return at(x, [shift](auto v) { return exp2(v, decltype(v)(shift)); }); };
    for (T x : {T(0.3), T(-7.7), T(100.1), T(-60.4)})
        for (int shift : {0, 1, -24, 17}) CHECK(shifted(x, static_cast<T>(shift)) == std::ldexp(at(x, e2), shift));
    CHECK(shifted(T(far), T(-far)) == T(1));
    CHECK(shifted(-infinity, T(5)) == T(0));
    CHECK(shifted(T(1), -infinity) == T(0));
    CHECK(std::isnan(shifted(infinity, -infinity)));
    CHECK(std::isnan(shifted(nan, T(1))));
    CHECK(at(T(3), [](auto v) { return log(v, decltype(v)(T(-2))); }) == at(T(0.75), l));
    CHECK(at(T(0), [](auto v) { return log(v, decltype(v)(T(24))); }) == -infinity);
    CHECK(at(T(0), e) == T(1));
    CHECK(at(-infinity, e) == T(0));
    CHECK(at(infinity, e) == infinity);
    CHECK(std::isnan(at(nan, e)));
    CHECK(at(-far, e) == T(0));
    CHECK(at(far, e) == infinity);
    CHECK(at(T(1), l) == T(0));
    CHECK(at(T(0), l) == -infinity);
    CHECK(at(infinity, l) == infinity);
    CHECK(std::isnan(at(T(-1), l)));
    CHECK(std::isnan(at(nan, l)));
    CHECK(at(T(0), th) == T(0));
    CHECK(at(infinity, th) == T(1));
    CHECK(at(-infinity, th) == T(-1));
    CHECK(std::isnan(at(nan, th)));
    CHECK(at(T(0), ef) == T(0));
    CHECK(at(infinity, ef) == T(1));
    CHECK(at(-infinity, ef) == T(-1));
    CHECK(std::isnan(at(nan, ef)));
}
