/// Loops shared among the threads of OpenMP, where the including program turns it on; else one thread.
///
/// A loop's body writes what belongs to its own index, so that no result depends on how many threads there are.
#pragma once

#include <cstddef>
#include <exception>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include "../../target.hpp"

namespace heed::inline HEED_TARGET::cpu {

/// How many threads a parallel_for that starts here would use: 1 without OpenMP and inside a parallel region.
inline int thread_count() {
#if defined(_OPENMP)
    return omp_in_parallel() ? 1 : omp_get_max_threads();
#else
    return 1;
#endif
}

/// Work below this, in floating-point operations or the same time in something else (some ten microseconds), stays on
/// one thread: waking another costs more.
inline constexpr double parallel_threshold = 1e6;

/// A loop's body without its type, so that the loops below are compiled once and not for every body.
struct loop_body {
    void (*run)(const void* body, std::ptrdiff_t i);
    const void* body;
    template <class F>
    explicit loop_body(const F& f) : run([](const void* it, std::ptrdiff_t i) { (*static_cast<const F*>(it))(i); }), body(&f) {}
    void operator()(std::ptrdiff_t i) const { run(body, i); }
};

/// f(i) for each i of 0 to count, in any order, on all threads; indices are handed out one by one, as threads get free.
/// If calls throw, no further index is started, and one of the exceptions is thrown again here.
inline void run_in_parallel(std::ptrdiff_t count, loop_body f) {
#if defined(_OPENMP)
    if (count > 1 && thread_count() > 1) {
        std::exception_ptr failure;
        bool failed = false;
#pragma omp parallel for schedule(dynamic, 1)
        for (std::ptrdiff_t i = 0; i < count; ++i) {
            bool skip;
#pragma omp atomic read
            skip = failed;
            if (skip) continue;
            try {
                f(i);
            } catch (...) {
#pragma omp critical(heed_parallel_for)
                if (!failure) failure = std::current_exception();
#pragma omp atomic write
                failed = true;
            }
        }
        if (failure) std::rethrow_exception(failure);
        return;
    }
#endif
    for (std::ptrdiff_t i = 0; i < count; ++i) f(i);
}

template <class F> void parallel_for(std::ptrdiff_t count, const F& f) { run_in_parallel(count, loop_body(f)); }

/// The same, on one thread where count times cost (floating-point operations of one call, roughly) is not worth more.
template <class F> void parallel_for(std::ptrdiff_t count, double cost, const F& f) {
    const loop_body body(f);
    if (static_cast<double>(count) * cost < parallel_threshold) {
        for (std::ptrdiff_t i = 0; i < count; ++i) body(i);
    } else {
        run_in_parallel(count, body);
    }
}

}  // namespace heed::inline HEED_TARGET::cpu
