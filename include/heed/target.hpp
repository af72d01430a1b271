/// What this translation unit is built for, as the name of an inline namespace.
///
/// Every kernel, and every type and template that leads to one, lives in `heed::inline HEED_TARGET`. So units that
/// are built for different instruction sets, or with and without OpenMP, link together and each runs its own code.
#pragma once

#if defined(__FAST_MATH__)
#error "heed: -ffast-math drops infinities and NaN, which masks and softmax are made of; build without it (-fno-math-errno is harmless)"
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#if defined(__AVX512BF16__)
#define HEED_INSTRUCTIONS avx512_bf16
#else
#define HEED_INSTRUCTIONS avx512
#endif
#elif defined(__AVX2__) && defined(__FMA__)
#define HEED_INSTRUCTIONS avx2
#elif defined(__AVX__)
#define HEED_INSTRUCTIONS avx
#elif defined(__SSE2__)
#define HEED_INSTRUCTIONS sse2
#else
#define HEED_INSTRUCTIONS generic
#endif

#define HEED_JOIN_(a, b) a##_##b
#define HEED_JOIN(a, b) HEED_JOIN_(a, b)
#define HEED_TEXT_(a) #a
#define HEED_TEXT(a) HEED_TEXT_(a)

/// Before what kernels for a GPU share with the host: element functions, index logic. Of these, a template that calls what it is
/// given serves functions of either side.
#if defined(__CUDACC__)
#define HEED_HOST_DEVICE __host__ __device__
#define HEED_CALLS_EITHER _Pragma("nv_exec_check_disable")
#else
#define HEED_HOST_DEVICE
#define HEED_CALLS_EITHER
#endif

#if defined(__CUDACC__)
#define HEED_TARGET HEED_JOIN(target_cuda, HEED_INSTRUCTIONS)
#elif defined(HEED_REFERENCE_ALONE)
#define HEED_TARGET HEED_JOIN(target_reference, HEED_INSTRUCTIONS)
#elif defined(_OPENMP)
#define HEED_TARGET HEED_JOIN(target_openmp, HEED_INSTRUCTIONS)
#else
#define HEED_TARGET HEED_JOIN(target, HEED_INSTRUCTIONS)
#endif
