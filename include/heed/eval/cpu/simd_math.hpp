/// exp2, exp, log, tanh and erf of a simd<float> or simd<double>: of floats exp2, exp, tanh and erf within one unit in the last
/// place, the others within two.
///
/// The polynomials are minimax fits (Remez, in 45 digits). Infinities, NaN, zeros and results below the normal range come
/// out as IEEE wants them.
#pragma once

#include <limits>

#include "simd_register.hpp"

namespace heed::inline HEED_TARGET::cpu {

namespace detail {

/// The layout of a floating-point number.
template <class T> struct layout;
template <> struct layout<float> { static constexpr int mantissa_bits = 23, bias = 127; };
template <> struct layout<double> { static constexpr int mantissa_bits = 52, bias = 1023; };

/// highest x^n + ... + lowest, by Horner's rule.
template <class T, class... Lower> HEED_INLINE simd<T> polynomial(simd<T> x, double highest, Lower... lower) {
    simd<T> y(static_cast<T>(highest));
    ((y = fma(y, x, simd<T>(static_cast<T>(lower)))), ...);
    return y;
}

/// 1.5 * 2^mantissa_bits: added to a small whole number k, it leaves k in the lowest bits of the sum.
template <class T> inline constexpr T whole_number_shift = static_cast<T>(1.5) * static_cast<T>(std::int64_t(1) << layout<T>::mantissa_bits);

/// 2^k for a whole number k within the range of normal exponents.
template <class T> HEED_INLINE simd<T> power_of_two(simd<T> k) {
#if HEED_AVX512
    return native::scaled<T>(simd<T>(1).value, k.value);
#else
    using integer = typename native::integer_of<T>::type;
    constexpr integer one = static_cast<integer>(integer(layout<T>::bias) << layout<T>::mantissa_bits);
    const auto bits = bits_of(k + simd<T>(whole_number_shift<T>));
    return from_bits<T>(native::vector<integer>((bits << layout<T>::mantissa_bits) + native::vector<integer>(one)));
#endif
}

/// x * 2^n for a whole number n, correct where the result is subnormal or overflows.
template <class T> HEED_INLINE simd<T> scale(simd<T> x, simd<T> n) {
#if HEED_AVX512
    return native::scaled<T>(x.value, n.value);
#else
    const simd<T> half = round(n * simd<T>(static_cast<T>(0.5)));
    return x * power_of_two(half) * power_of_two(n - half);
#endif
}

/// Whole powers of two beyond which the result is 0 or infinite whatever the fraction.
template <class T> inline constexpr T least_power = sizeof(T) == 4 ? -151 : -1076;
template <class T> inline constexpr T most_power = sizeof(T) == 4 ? 129 : 1025;

/// 2^f for |f| <= 1/2.
template <class T> HEED_INLINE simd<T> power_of_fraction(simd<T> f) {
    if constexpr (sizeof(T) == 4)
        return polynomial(f, 0.0001532646274, 0.001339080627, 0.009618505836, 0.05550359935, 0.2402264774, 0.6931471825, 1.0);
    else
        return polynomial(f, 4.07808494613199078e-10, 7.07257051324385832e-9, 1.01806475788282509e-7, 1.32154426748073136e-6,
                          1.52527273853773497e-5, 0.000154035304415729878, 0.00133335581534397686, 0.00961812910760700202,
                          0.0555041086647903957, 0.24022650695910098, 0.693147180559945697, 1.0);
}

/// 2^n (1 + rest) = e^x, for x whose e^x is neither 0 nor infinite. ln 2 is held in two parts, the first of few bits, so that
/// n times it is exact.
template <class T> struct parted_power { simd<T> n, rest; };
template <class T> HEED_INLINE parted_power<T> power_of_e(simd<T> x) {
    constexpr bool single = sizeof(T) == 4;
    constexpr T ln2_high = static_cast<T>(single ? 0.693359375 : 0x1.62e42feep-1);
    constexpr T ln2_low = static_cast<T>(single ? -0.00021219444005469058 : 1.9082149292705877e-10);
    const simd<T> n = round(x * simd<T>(static_cast<T>(1.4426950408889634)));
    const simd<T> r = fma(n, simd<T>(-ln2_low), fma(n, simd<T>(-ln2_high), x));
    simd<T> q;  // (e^r - 1 - r) / r^2
    if constexpr (single)
        q = polynomial(r, 0.001381461703, 0.008368710101, 0.04166838731, 0.1666652069, 0.4999999345);
    else
        q = polynomial(r, 2.50000674241472922e-8, 2.76302335262973675e-7, 2.75575862809198279e-6, 2.4801493137360147e-5,
                       0.000198412695067667686, 0.00138888889435965233, 0.00833333333349433565, 0.0416666666665302704,
                       0.166666666666664128, 0.500000000000001062);
    return {n, fma(r * r, q, r)};
}

}  // namespace detail

/// 2^x. With n the whole number next to x, 2^x = 2^n 2^f and |f| <= 1/2.
template <class T> HEED_INLINE simd<T> exp2(simd<T> x) {
#if HEED_AVX512
    const simd<T> f = native::fraction<T>(x.value);
    const simd<T> n = x - f;
#else
    const simd<T> inside = max(simd<T>(detail::least_power<T>), min(simd<T>(detail::most_power<T>), x));
    const simd<T> n = round(inside);
    const simd<T> f = inside - n;
#endif
    return detail::scale(detail::power_of_fraction(f), n);
}

/// 2^(x + shift) for a whole number shift, or -infinity; it changes no digit of 2^x.
template <class T> HEED_INLINE simd<T> exp2(simd<T> x, simd<T> shift) {
#if HEED_AVX512
    const simd<T> f = native::fraction<T>(x.value);
    return detail::scale(detail::power_of_fraction(f), x - f + shift);
#else
    const simd<T> above = max(simd<T>(std::numeric_limits<T>::lowest()), x);
    const simd<T> n = round(above);
    const simd<T> power = max(simd<T>(detail::least_power<T>), min(simd<T>(detail::most_power<T>), n + shift));
    return detail::scale(detail::power_of_fraction(above - n), power);
#endif
}

/// exp2(x), bit for bit, where the result is a normal number, and 0 where x is a finite number below -2 max_exponent.
template <class T> HEED_INLINE simd<T> exp2_of_moderate(simd<T> x) {
    const simd<T> n = round(x), fraction = detail::power_of_fraction(x - n);
#if HEED_AVX512
    return detail::scale(fraction, n);
#else
    return fraction * detail::power_of_two(max(simd<T>(static_cast<T>(-detail::layout<T>::bias)), n));
#endif
}

/// e^x. With n the whole number next to x / ln 2, e^x = 2^n e^r and |r| <= ln(2) / 2.
template <class T> HEED_INLINE simd<T> exp(simd<T> x) {
    constexpr T least = sizeof(T) == 4 ? -104 : -746, most = sizeof(T) == 4 ? 89 : 710;
    const auto [n, rest] = detail::power_of_e(max(simd<T>(least), min(simd<T>(most), x)));
    return detail::scale(rest + simd<T>(1), n);
}

/// The natural logarithm of x 2^shift for a whole number shift: -infinity of zero, NaN of what is negative. x = 2^k m with m in [sqrt(1/2), sqrt(2)); with
/// t = m - 1 and s = t / (2 + t), log m = 2 atanh(s) = t - (t^2/2 - s (t^2/2 + R(s^2))).
template <class T> HEED_INLINE simd<T> log(simd<T> x, simd<T> shift = simd<T>(T(0))) {
    using integer = typename native::integer_of<T>::type;
    using vector = native::vector<integer>;
    constexpr bool single = sizeof(T) == 4;
    constexpr int mantissa_bits = detail::layout<T>::mantissa_bits;
    constexpr integer one = static_cast<integer>(integer(detail::layout<T>::bias) << mantissa_bits);
    const vector root_half(std::bit_cast<integer>(static_cast<T>(0.70710678118654752440)));
    const vector mantissa(static_cast<integer>((integer(1) << mantissa_bits) - 1));

    const auto subnormal = x < simd<T>(std::numeric_limits<T>::min());
    const simd<T> normal = select(subnormal, x * simd<T>(static_cast<T>(integer(1) << mantissa_bits)), x);
    const vector above(bits_of(normal) - root_half + vector(one));  // the exponent field is k + bias, never negative
    const simd<T> m = from_bits<T>(vector(vector(above & mantissa) + root_half));
    const vector exponent = native::shifted_right<integer>(above, mantissa_bits);
    const vector aligned(std::bit_cast<integer>(detail::whole_number_shift<T>));
    const simd<T> k = from_bits<T>(vector(exponent + aligned)) - simd<T>(detail::whole_number_shift<T> + static_cast<T>(detail::layout<T>::bias))
                    - select(subnormal, simd<T>(static_cast<T>(mantissa_bits)), simd<T>(0)) + shift;

    const simd<T> t = m - simd<T>(1);
    const simd<T> s = t / (simd<T>(2) + t);
    const simd<T> z = s * s;
    simd<T> r;
    if constexpr (single)
        r = z * detail::polynomial(z, 0.2987186129, 0.3997753702, 0.6666677641);
    else
        r = z * detail::polynomial(z, 0.147961052874599349, 0.15314035898408323, 0.181835648617608019, 0.222221985636436679,
                                   0.285714287424724754, 0.399999999994143372, 0.666666666666673446);
    constexpr T ln2_high = static_cast<T>(single ? 0.693359375 : 0x1.62e42feep-1);
    constexpr T ln2_low = static_cast<T>(single ? -0.00021219444005469058 : 1.9082149292705877e-10);
    const simd<T> half_square = simd<T>(static_cast<T>(0.5)) * t * t;
    const simd<T> correction = half_square - fma(s, half_square + r, k * simd<T>(ln2_low));
    const simd<T> finite = fma(k, simd<T>(ln2_high), t - correction);

    constexpr T infinity = std::numeric_limits<T>::infinity();
    const simd<T> positive = select(x < simd<T>(infinity), finite, x);
    const simd<T> outside = select(x == simd<T>(0), simd<T>(-infinity), simd<T>(std::numeric_limits<T>::quiet_NaN()));
    return select(x > simd<T>(0), positive, outside);
}

/// x + x^3 P(x^2) near zero, 1 - 2 / (e^2|x| + 1) beyond.
template <class T> HEED_INLINE simd<T> tanh(simd<T> x) {
    constexpr T near = sizeof(T) == 4 ? static_cast<T>(0.92) : static_cast<T>(0.625), flat = sizeof(T) == 4 ? 10 : 20;
    const simd<T> a = min(simd<T>(flat), abs(x));  // from here on, tanh is 1 to the last place
    const simd<T> z = x * x;
    simd<T> p;
    if constexpr (sizeof(T) == 4)
        p = detail::polynomial(z, -0.0004353806144, 0.002529449062, -0.00820978079, 0.02163607068, -0.0539224185, 0.133329004, -0.3333331943);
    else
        p = detail::polynomial(z, -1.61075773686364163e-5, 7.72192461693259113e-5, -0.000228633302753740549, 0.000586352516154270684,
                               -0.00145497048649327237, 0.00359199157293438191, -0.00886322131957917179, 0.0218694876019937151,
                               -0.0539682539324838679, 0.133333333332649199, -0.333333333333328781);
    // e^2a + 1 rounded once: 2^n + 1 is exact.
    const auto [n, rest] = detail::power_of_e(a + a);
    const simd<T> power = detail::power_of_two(n);
    const simd<T> beyond = simd<T>(1) - simd<T>(2) / fma(rest, power, power + simd<T>(1));
    return select(a < simd<T>(near), fma(x * z, p, x), copysign(beyond, x));
}

/// The error function: x + x P(x^2) up to 1, 1 - e^Q(|x| - 1) beyond.
template <class T> HEED_INLINE simd<T> erf(simd<T> x) {
    constexpr T flat = sizeof(T) == 4 ? 4 : 6;  // from here on, erf is 1 to the last place
    const simd<T> a = min(simd<T>(flat), abs(x));
    const simd<T> z = x * x;
    const simd<T> t = a - simd<T>(1);
    simd<T> p, q;
    if constexpr (sizeof(T) == 4) {
        p = detail::polynomial(z, 7.853860632e-5, -0.0008010193659, 0.005188327729, -0.02685381199, 0.1128358515, -0.3761262582, 0.128379166);
        q = detail::polynomial(t, 0.000185573223, -0.00182616076, 0.00989088919, -0.04150068706, -0.8431183365, -2.638966816, -1.849605516);
    } else {
        p = detail::polynomial(z, 5.94526264075119055e-11, -1.1365666624565965e-9, 1.46578800519931793e-8, -1.63500252600550193e-7,
                               1.64609728211846647e-6, -1.49255935071906616e-5, 0.000120553310369137944, -0.000854832697874263246,
                               0.00522397762478087459, -0.0268661706450728957, 0.112837916709548575, -0.376126389031837476, 0.12837916709551257);
        q = detail::polynomial(t, -4.8644598018039105e-12, 1.19314452080653135e-10, -1.31899954783333976e-9, 8.51822458114821875e-9,
                               -3.33893699087692943e-8, 5.80071296682637967e-8, 2.04819352368127552e-7, -2.13194859801957232e-6,
                               9.67138437137942675e-6, -2.71989771488492347e-5, 2.62963288700125674e-5, 0.000237316434172197252,
                               -0.00197790121568274835, 0.0100338251791091467, -0.0415610980250798065, -0.843107256359412603,
                               -2.63896751423477578, -1.84960550993324829);
    }
    return select(a < simd<T>(1), fma(x, p, x), copysign(simd<T>(1) - exp(q), x));
}

namespace detail {

/// phi(a) and the ratio of Mills m(a) = (1 - Phi(a)) / phi(a), for 0 <= a <= farthest; Phi is the normal distribution, phi its
/// density. m is a rational function of positive terms, within 2e-8 of it.
struct normal_tail {
    static constexpr float farthest = 15;       // phi is 0 there
    simd<float> density, ratio;
    HEED_INLINE explicit normal_tail(simd<float> a)
        : density(simd<float>(0.39894228f) * exp(simd<float>(-0.5f) * a * a)),
          ratio(polynomial(a, 0.01022107, 0.10119907, 0.45736417, 1.09602568, 1.25331414) /
                polynomial(a, 0.01022094, 0.10120588, 0.46742931, 1.199291, 1.67238692, 1.0)) {}
};

}  // namespace detail

/// x Phi(x). Of floats it is max(x, 0) - |x| (1 - Phi(|x|)), which keeps its digits where it is small.
template <class T> HEED_INLINE simd<T> normal_weighted(simd<T> x) {
    if constexpr (sizeof(T) == 4) {
        const simd<T> a = min(simd<T>(detail::normal_tail::farthest), abs(x));
        const detail::normal_tail tail(a);
        return max(simd<T>(0), x) - a * tail.density * tail.ratio;
    } else return simd<T>(T(0.5)) * x * (simd<T>(1) + erf(x * simd<T>(T(0.70710678118654752))));
}

/// Its slope, Phi(x) + x phi(x): phi(x) (m(|x|) - |x|) below zero, and what that lacks of 1 above.
template <class T> HEED_INLINE simd<T> normal_weighted_slope(simd<T> x) {
    if constexpr (sizeof(T) == 4) {
        const simd<T> a = min(simd<T>(detail::normal_tail::farthest), abs(x));
        const detail::normal_tail tail(a);
        const simd<T> below = tail.density * (tail.ratio - a);
        return select(x > simd<T>(0), simd<T>(1) - below, below);
    } else return simd<T>(T(0.5)) * (simd<T>(1) + erf(x * simd<T>(T(0.70710678118654752)))) + simd<T>(T(0.39894228040143268)) * x * exp(simd<T>(T(-0.5)) * x * x);
}

}  // namespace heed::inline HEED_TARGET::cpu
