/// Registers to and from memory: whole and in part, truths as bytes, floats as bf16.
#pragma once

#include "simd_native.hpp"

namespace heed::inline HEED_TARGET::cpu::native {

template <class T> struct alignas(64) array { T at[lanes<T>]; };

template <class T> HEED_INLINE vector<T> load(const T* p) {
#if HEED_VECTOR_REGISTERS
    return vector<T>::load_unaligned(p);
#else
    return *p;
#endif
}

template <class T> HEED_INLINE void store(T* p, vector<T> x) {
#if HEED_VECTOR_REGISTERS
    x.store_unaligned(p);
#else
    *p = x;
#endif
}

template <class T> HEED_INLINE array<T> spilled(vector<T> x) {
    array<T> a;
    store(a.at, x);
    return a;
}

template <class T> HEED_INLINE vector<T> iota() {
    array<T> a;
    for (int i = 0; i < lanes<T>; ++i) a.at[i] = static_cast<T>(i);
    return load(a.at);
}

#if HEED_AVX512

/// The lowest n bits set, for n of 0 to the number of lanes.
template <class Mask> HEED_INLINE Mask first(int n) { return static_cast<Mask>((1u << n) - 1u); }

HEED_INLINE vector<float> load(const float* p, int n) { return _mm512_maskz_loadu_ps(first<__mmask16>(n), p); }
HEED_INLINE vector<double> load(const double* p, int n) { return _mm512_maskz_loadu_pd(first<__mmask8>(n), p); }
HEED_INLINE vector<std::int32_t> load(const std::int32_t* p, int n) { return _mm512_maskz_loadu_epi32(first<__mmask16>(n), p); }
HEED_INLINE void store(float* p, vector<float> x, int n) { _mm512_mask_storeu_ps(p, first<__mmask16>(n), x); }
HEED_INLINE void store(double* p, vector<double> x, int n) { _mm512_mask_storeu_pd(p, first<__mmask8>(n), x); }
HEED_INLINE void store(std::int32_t* p, vector<std::int32_t> x, int n) { _mm512_mask_storeu_epi32(p, first<__mmask16>(n), x); }

#elif defined(__AVX2__)

template <class T> HEED_INLINE __m256i first(int n) {
    if constexpr (sizeof(T) == 4) return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    else return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}

HEED_INLINE vector<float> load(const float* p, int n) { return _mm256_maskload_ps(p, first<float>(n)); }
HEED_INLINE vector<double> load(const double* p, int n) { return _mm256_maskload_pd(p, first<double>(n)); }
HEED_INLINE vector<std::int32_t> load(const std::int32_t* p, int n) { return _mm256_maskload_epi32(p, first<float>(n)); }
HEED_INLINE void store(float* p, vector<float> x, int n) { _mm256_maskstore_ps(p, first<float>(n), x); }
HEED_INLINE void store(double* p, vector<double> x, int n) { _mm256_maskstore_pd(p, first<double>(n), x); }
HEED_INLINE void store(std::int32_t* p, vector<std::int32_t> x, int n) { _mm256_maskstore_epi32(p, first<float>(n), x); }

#else

template <class T> HEED_INLINE vector<T> load(const T* p, int n) {
    array<T> a{};
    for (int i = 0; i < n; ++i) a.at[i] = p[i];
    return load(a.at);
}

template <class T> HEED_INLINE void store(T* p, std::type_identity_t<vector<T>> x, int n) {
    const array<T> a = spilled<T>(x);
    for (int i = 0; i < n; ++i) p[i] = a.at[i];
}

#endif

/// The predicate that holds in the first n lanes.
template <class T> HEED_INLINE predicate<T> first_lanes(int n) {
#if HEED_AVX512
    return predicate<T>(first<typename predicate<T>::register_type>(n));
#else
    using integer = typename integer_of<T>::type;
    return cast_bits<predicate<T>>(iota<integer>() < vector<integer>(static_cast<integer>(n)));
#endif
}

/// Bytes of 0 or 1 as a predicate.
template <class T> HEED_INLINE predicate<T> load_bool(const bool* p) {
#if HEED_AVX512
    __m128i bytes;
    if constexpr (lanes<T> == 16) bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    else bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return predicate<T>(static_cast<typename predicate<T>::register_type>(_mm_test_epi8_mask(bytes, bytes)));
#elif HEED_VECTOR_REGISTERS
    array<T> a;
    for (int i = 0; i < lanes<T>; ++i) a.at[i] = static_cast<T>(p[i]);
    return load(a.at) != vector<T>(T(0));
#else
    return *p;
#endif
}

template <class T> HEED_INLINE predicate<T> load_bool(const bool* p, int n) {
    bool padded[lanes<T>] = {};
    for (int i = 0; i < n; ++i) padded[i] = p[i];
    return load_bool<T>(padded);
}

template <class T> HEED_INLINE void store_bool(bool* p, predicate<T> m, int n) {
    const array<T> a = spilled<T>(select<T>(m, vector<T>(T(1)), vector<T>(T(0))));
    for (int i = 0; i < n; ++i) p[i] = a.at[i] != T(0);
}

HEED_INLINE vector<float> load_bf16(const bf16* p) {
#if HEED_AVX512
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
#else
    array<float> a;
    for (int i = 0; i < lanes<float>; ++i) a.at[i] = p[i];
    return load(a.at);
#endif
}

HEED_INLINE vector<float> load_bf16(const bf16* p, int n) {
    array<float> a{};
    for (int i = 0; i < n; ++i) a.at[i] = p[i];
    return load(a.at);
}

HEED_INLINE void store_bf16(bf16* p, vector<float> x) {
#if HEED_AVX512
    // As bf16(float): the carry of the added half rounds, a NaN keeps its upper half and is made quiet.
    const __m512i bits = _mm512_castps_si512(x), one = _mm512_set1_epi32(1);
    const __m512i upper = _mm512_srli_epi32(bits, 16);
    const __m512i half = _mm512_add_epi32(_mm512_set1_epi32(0x7fff), _mm512_and_si512(upper, one));
    const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
    const __m512i quiet = _mm512_or_si512(upper, _mm512_set1_epi32(0x40));
    const __m512i kept = _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), rounded, quiet);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(kept));
#else
    const array<float> a = spilled<float>(x);
    for (int i = 0; i < lanes<float>; ++i) p[i] = bf16(a.at[i]);
#endif
}

HEED_INLINE void store_bf16(bf16* p, vector<float> x, int n) {
    const array<float> a = spilled<float>(x);
    for (int i = 0; i < n; ++i) p[i] = bf16(a.at[i]);
}

}  // namespace heed::inline HEED_TARGET::cpu::native
