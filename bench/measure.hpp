/// How the benchmarks measure: medians of repeated runs, and this machine's own limits, found in the same run.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

#include <heed/eval/cpu/parallel.hpp>
#include <heed/eval/cpu/simd.hpp>

namespace measure {

/// Seconds that one call takes.
template <class F> double seconds(F&& f) {
    const auto start = std::chrono::steady_clock::now();
    f();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

inline double median(std::vector<double> v) {
    std::sort(v.begin(), v.end());
    return v.empty() ? 0 : v.size() % 2 ? v[v.size() / 2] : (v[v.size() / 2 - 1] + v[v.size() / 2]) / 2;
}

/// The median of `repeats` calls, after one that is not counted.
template <class F> double median_seconds(F&& f, int repeats) {
    f();
    std::vector<double> t;
    for (int i = 0; i < repeats; ++i) t.push_back(seconds(f));
    return median(t);
}

/// Medians of several functions, called in turn, so that what else the machine does strikes all alike.
template <class... F> std::vector<double> interleaved(int repeats, F&&... f) {
    std::vector<std::vector<double>> t(sizeof...(F));
    for (int i = -1; i < repeats; ++i) {
        std::size_t which = 0;
        ((i < 0 ? f() : t[which].push_back(seconds(f)), ++which), ...);
    }
    std::vector<double> m;
    for (const auto& v : t) m.push_back(median(v));
    return m;
}

namespace detail {

/// A number that the compiler must believe is used.
template <class T> void keep(const T& x) { asm volatile("" : : "g"(&x) : "memory"); }

/// 2 * lanes * chains * steps floating-point operations, in independent chains of multiply-adds: enough of them to hide
/// each one's latency.
template <class T> [[gnu::noinline]] void multiply_add_chains(int steps) {
    using heed::cpu::simd;
    constexpr int chains = 10;
    simd<T> x[chains];
#pragma GCC unroll 16
    for (int i = 0; i < chains; ++i) x[i] = simd<T>(static_cast<T>(i));
    T factor = static_cast<T>(0.999), term = static_cast<T>(0.001);
    asm volatile("" : "+m"(factor), "+m"(term));
    const simd<T> f(factor), t(term);
    for (int s = 0; s < steps; ++s) {
#pragma GCC unroll 16
        for (int i = 0; i < chains; ++i) x[i] = fma(x[i], f, t);
    }
    simd<T> sum = x[0];
#pragma GCC unroll 16
    for (int i = 1; i < chains; ++i) sum += x[i];
    keep(sum);
}

/// f(i) once on each of so many threads, at the same time.
template <class F> void on_threads(int threads, F&& f) {
#if defined(_OPENMP)
#pragma omp parallel for num_threads(threads) schedule(static, 1)
#endif
    for (int i = 0; i < threads; ++i) f(i);
}

}  // namespace detail

/// What this many threads can do at most, in floating-point operations per second (a multiply-add counts two): the best of
/// several tries of independent multiply-adds in registers.
template <class T> double fma_peak(int threads) {
    constexpr int steps = 200000;
    const double operations = 2.0 * heed::cpu::simd<T>::lanes * 10 * steps * threads;
    double best = 0;
    for (int i = 0; i < 15; ++i)
        best = std::max(best, operations / seconds([&] { detail::on_threads(threads, [](int) { detail::multiply_add_chains<T>(steps); }); }));
    return best;
}

/// Bytes per second, read and written, of copying between memories larger than the caches: the best of several tries.
inline double copy_bandwidth(int threads) {
    using heed::cpu::simd;
    constexpr std::ptrdiff_t n = std::ptrdiff_t(1) << 25;  // 128 MiB each
    static std::vector<float> from(n, 1.0f), to(n, 0.0f);
    double best = 0;
    for (int i = 0; i < 7; ++i) {
        best = std::max(best, 2.0 * n * sizeof(float) / seconds([&] {
            detail::on_threads(threads, [&](int t) {
                const std::ptrdiff_t first = n / threads * t / 64 * 64, last = t + 1 == threads ? n : n / threads * (t + 1) / 64 * 64;
                std::copy(from.begin() + first, from.begin() + last, to.begin() + first);
                detail::keep(to[static_cast<std::size_t>(first)]);
            });
        }));
    }
    return best;
}

}  // namespace measure
