/// The registers of this build and what they can do: xsimd where it knows the machine, plain scalars elsewhere.
///
/// Only this header and simd_memory.hpp name xsimd or an intrinsic. They hold one spelling of every primitive for xsimd from
/// 8.1 (Debian 12) to the newest, and fill the holes of 8.1 on AVX-512 (its fma rounds twice, it has no masked load).
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "../../bf16.hpp"
#include "../../target.hpp"

#if defined(__SSE2__) || (defined(__aarch64__) && defined(__ARM_NEON))
#define HEED_VECTOR_REGISTERS 1
#include <xsimd/xsimd.hpp>
#else
#define HEED_VECTOR_REGISTERS 0
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define HEED_AVX512 1
#else
#define HEED_AVX512 0
#endif

/// Whether one instruction adds two products of bf16 to a float. The optimizer of clang 16 crashes on kernels of it.
#if HEED_AVX512 && defined(__AVX512BF16__) && (!defined(__clang__) || __clang_major__ >= 19)
#define HEED_BF16_PAIRS 1
#else
#define HEED_BF16_PAIRS 0
#endif

#define HEED_INLINE [[gnu::always_inline]] inline

namespace heed::inline HEED_TARGET::cpu::native {

template <class T> struct integer_of;
template <> struct integer_of<float> { using type = std::int32_t; };
template <> struct integer_of<std::int32_t> { using type = std::int32_t; };
template <> struct integer_of<double> { using type = std::int64_t; };

#if HEED_VECTOR_REGISTERS

template <class T> using vector = xsimd::batch<T>;
template <class T> using predicate = xsimd::batch_bool<T>;
template <class T> inline constexpr int lanes = static_cast<int>(xsimd::batch<T>::size);

#else

template <class T> using vector = T;
template <class T> using predicate = bool;
template <class T> inline constexpr int lanes = 1;

#endif

/// The bits of one register read as another type of the same size.
template <class To, class From> HEED_INLINE To cast_bits(From x) { return std::bit_cast<To>(x); }

#if HEED_AVX512

/// All lanes. The plain forms of several instructions make g++ 12 warn of an undefined register that they never use; the
/// zeroing forms under this mask do not, and compile to the same instruction.
template <class Mask> inline constexpr Mask every = static_cast<Mask>(~Mask(0));

/// x - round(x), and 0 for an infinity. The instruction's form that reads memory is twice as slow on a Zen 5, so x is held in
/// a register.
template <class T> HEED_INLINE vector<T> fraction(vector<T> x) {
    typename vector<T>::register_type held = x;
    asm("" : "+v"(held));
    if constexpr (sizeof(T) == 4) return _mm512_maskz_reduce_ps(every<__mmask16>, held, _MM_FROUND_TO_NEAREST_INT);
    else return _mm512_maskz_reduce_pd(every<__mmask8>, held, _MM_FROUND_TO_NEAREST_INT);
}

/// x * 2^n for a whole number n.
template <class T> HEED_INLINE vector<T> scaled(vector<T> x, vector<T> n) {
    if constexpr (sizeof(T) == 4) return _mm512_maskz_scalef_ps(every<__mmask16>, x, n);
    else return _mm512_maskz_scalef_pd(every<__mmask8>, x, n);
}

#endif

#if HEED_BF16_PAIRS

/// In each lane, the sum and the products of both halves of a and b.
HEED_INLINE vector<float> add_pair_products(vector<float> sum, vector<std::int32_t> a, vector<std::int32_t> b) {
    return _mm512_dpbf16_ps(sum, cast_bits<__m512bh>(static_cast<__m512i>(a)), cast_bits<__m512bh>(static_cast<__m512i>(b)));
}
/// Both registers rounded to bf16, their neighbours side by side.
HEED_INLINE vector<std::int32_t> rounded_pairs(vector<float> low, vector<float> high) {
    return cast_bits<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

#endif

template <class T> HEED_INLINE vector<T> fma(vector<T> a, vector<T> b, vector<T> c) {
#if HEED_AVX512
    if constexpr (sizeof(T) == 4) return _mm512_fmadd_ps(a, b, c);
    else return _mm512_fmadd_pd(a, b, c);
#elif HEED_VECTOR_REGISTERS
    return xsimd::fma(a, b, c);
#else
    return a * b + c;
#endif
}

/// a where the predicate holds, b elsewhere.
template <class T> HEED_INLINE vector<T> select(predicate<T> where, vector<T> a, vector<T> b) {
#if HEED_AVX512
    if constexpr (std::is_same_v<T, std::int32_t>) return _mm512_mask_blend_epi32(where, b, a);  // does not compile in xsimd 8.1
    else return xsimd::select(where, a, b);
#elif HEED_VECTOR_REGISTERS
    return xsimd::select(where, a, b);
#else
    return where ? a : b;
#endif
}

// xsimd 8.1 and 14 take the operands of min and max in opposite orders, and give opposite answers to a NaN.
#if defined(__AVX__)
#define HEED_X86(name) _mm256_##name
#else
#define HEED_X86(name) _mm_##name
#endif

/// a where a is smaller, b elsewhere, so also where either is NaN.
template <class T> HEED_INLINE vector<T> min(vector<T> a, vector<T> b) {
#if HEED_AVX512
    if constexpr (std::is_same_v<T, float>) return _mm512_maskz_min_ps(every<__mmask16>, a, b);
    else if constexpr (std::is_same_v<T, double>) return _mm512_maskz_min_pd(every<__mmask8>, a, b);
    else return _mm512_maskz_min_epi32(every<__mmask16>, a, b);
#elif defined(__SSE2__)
    if constexpr (std::is_same_v<T, float>) return HEED_X86(min_ps)(a, b);
    else if constexpr (std::is_same_v<T, double>) return HEED_X86(min_pd)(a, b);
    else return xsimd::min(a, b);
#else
    return select<T>(a < b, a, b);
#endif
}

/// a where a is greater, b elsewhere, so also where either is NaN.
template <class T> HEED_INLINE vector<T> max(vector<T> a, vector<T> b) {
#if HEED_AVX512
    if constexpr (std::is_same_v<T, float>) return _mm512_maskz_max_ps(every<__mmask16>, a, b);
    else if constexpr (std::is_same_v<T, double>) return _mm512_maskz_max_pd(every<__mmask8>, a, b);
    else return _mm512_maskz_max_epi32(every<__mmask16>, a, b);
#elif defined(__SSE2__)
    if constexpr (std::is_same_v<T, float>) return HEED_X86(max_ps)(a, b);
    else if constexpr (std::is_same_v<T, double>) return HEED_X86(max_pd)(a, b);
    else return xsimd::max(a, b);
#else
    return select<T>(a > b, a, b);
#endif
}

#undef HEED_X86

template <class T> HEED_INLINE vector<T> sqrt(vector<T> x) {
#if HEED_AVX512
    if constexpr (sizeof(T) == 4) return _mm512_maskz_sqrt_ps(every<__mmask16>, x);
    else return _mm512_maskz_sqrt_pd(every<__mmask8>, x);
#elif HEED_VECTOR_REGISTERS
    return xsimd::sqrt(x);
#else
    return std::sqrt(x);
#endif
}

template <class T> HEED_INLINE vector<T> floor(vector<T> x) {
#if HEED_AVX512
    if constexpr (sizeof(T) == 4) return _mm512_maskz_roundscale_ps(every<__mmask16>, x, _MM_FROUND_TO_NEG_INF);
    else return _mm512_maskz_roundscale_pd(every<__mmask8>, x, _MM_FROUND_TO_NEG_INF);
#elif HEED_VECTOR_REGISTERS
    return xsimd::floor(x);
#else
    return std::floor(x);
#endif
}

/// The nearest whole number, ties to even.
template <class T> HEED_INLINE vector<T> round(vector<T> x) {
#if HEED_AVX512
    if constexpr (sizeof(T) == 4) return _mm512_maskz_roundscale_ps(every<__mmask16>, x, _MM_FROUND_TO_NEAREST_INT);
    else return _mm512_maskz_roundscale_pd(every<__mmask8>, x, _MM_FROUND_TO_NEAREST_INT);
#elif HEED_VECTOR_REGISTERS
    return xsimd::nearbyint(x);
#else
    return std::nearbyint(x);
#endif
}

HEED_INLINE vector<float> to_float(vector<std::int32_t> x) {
#if HEED_AVX512
    return _mm512_maskz_cvtepi32_ps(every<__mmask16>, x);
#elif HEED_VECTOR_REGISTERS
    return xsimd::to_float(x);
#else
    return static_cast<float>(x);
#endif
}

/// Cut toward zero; undefined outside the range of int.
HEED_INLINE vector<std::int32_t> to_int(vector<float> x) {
#if HEED_AVX512
    return _mm512_maskz_cvttps_epi32(every<__mmask16>, x);
#elif HEED_VECTOR_REGISTERS
    return xsimd::to_int(x);
#else
    return static_cast<std::int32_t>(x);
#endif
}

/// x / 2^n for integers that are not negative.
template <class T> HEED_INLINE vector<T> shifted_right(vector<T> x, int n) {
#if HEED_AVX512
    if constexpr (sizeof(T) == 4) return _mm512_maskz_srli_epi32(every<__mmask16>, x, static_cast<unsigned>(n));
    else return _mm512_maskz_srli_epi64(every<__mmask8>, x, static_cast<unsigned>(n));
#else
    return x >> n;
#endif
}

#if HEED_VECTOR_REGISTERS
/// a0 b0 a1 b1 ..., its first half in low and its second in high.
template <class T, class Raw, int... I>
HEED_INLINE void interleave(Raw a, Raw b, Raw& low, Raw& high, std::integer_sequence<int, I...>) {
    constexpr int n = lanes<T>;
    low = __builtin_shufflevector(a, b, (I / 2 + (I % 2) * n)...);
    high = __builtin_shufflevector(a, b, (n / 2 + I / 2 + (I % 2) * n)...);
}
#endif

/// Exchanges rows and columns of a square of lanes x lanes numbers, one register a row. To interleave row i with row
/// i + lanes / 2, for all i, is a rotation of the bits of (row, column) by one place; as many of them as a lane's number
/// has bits exchange the two.
template <class T> HEED_INLINE void transpose(vector<T> (&rows)[lanes<T>]) {
#if HEED_VECTOR_REGISTERS
    constexpr int n = lanes<T>;
    typedef T raw __attribute__((vector_size(n * sizeof(T))));
    raw a[n], b[n];
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) a[i] = cast_bits<raw>(rows[i]);
#pragma GCC unroll 4
    for (int bit = 1; bit < n; bit *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < n / 2; ++i) {
            interleave<T>(a[i], a[i + n / 2], b[2 * i], b[2 * i + 1], std::make_integer_sequence<int, n>());
        }
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) a[i] = b[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) rows[i] = cast_bits<vector<T>>(a[i]);
#else
    (void)rows;
#endif
}

#if HEED_VECTOR_REGISTERS
/// Lane i takes lane (i + by) modulo the number of lanes.
template <class T, int By, int... I> HEED_INLINE vector<T> rotated(vector<T> x, std::integer_sequence<int, I...>) {
    typedef T raw __attribute__((vector_size(lanes<T> * sizeof(T))));
    const raw r = cast_bits<raw>(x);
    return cast_bits<vector<T>>(__builtin_shufflevector(r, r, ((I + By) % lanes<T>)...));
}
#endif

/// f over all lanes, by halves: always the same tree.
template <class T, int Half, class F> HEED_INLINE T folded(vector<T> x, F f) {
#if HEED_VECTOR_REGISTERS
    if constexpr (Half > 0) {
        return folded<T, Half / 2>(f(x, rotated<T, Half>(x, std::make_integer_sequence<int, lanes<T>>())), f);
    } else {
        return x.get(0);
    }
#else
    (void)f;
    return x;
#endif
}

struct plus { template <class V> HEED_INLINE V operator()(V a, V b) const { return a + b; } };
template <class T> struct greater { HEED_INLINE vector<T> operator()(vector<T> a, vector<T> b) const { return max<T>(a, b); } };
template <class T> struct lesser { HEED_INLINE vector<T> operator()(vector<T> a, vector<T> b) const { return min<T>(a, b); } };

template <class T> HEED_INLINE T reduce_add(vector<T> x) { return folded<T, lanes<T> / 2>(x, plus()); }
template <class T> HEED_INLINE T reduce_max(vector<T> x) { return folded<T, lanes<T> / 2>(x, greater<T>()); }
template <class T> HEED_INLINE T reduce_min(vector<T> x) { return folded<T, lanes<T> / 2>(x, lesser<T>()); }

template <class T> HEED_INLINE bool any(predicate<T> m) {
#if HEED_VECTOR_REGISTERS
    return xsimd::any(m);
#else
    return m;
#endif
}

template <class T> HEED_INLINE bool all(predicate<T> m) {
#if HEED_VECTOR_REGISTERS
    return xsimd::all(m);
#else
    return m;
#endif
}

}  // namespace heed::inline HEED_TARGET::cpu::native
