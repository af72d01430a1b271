/// Loops shared among the threads of OpenMP, where the including program turns it on; else one thread.
///
/// A loop's body writes what belongs to its own index, so that no result depends on how many threads there are.
#pragma once

#include <cstddef>
#include <exception>
#include <utility>

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

/// f(i) for each i of 0 to count, in any order, on all threads; indices are handed out one by one, as threads get free.
/// If calls throw, no further index is started, and one of the exceptions is thrown again here.
template <class F> void parallel_for(std::ptrdiff_t count, F&& f) {
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

/// The same, on one thread where count times cost (floating-point operations of one call, roughly) is not worth more.
template <class F> void parallel_for(std::ptrdiff_t count, double cost, F&& f) {
    if (static_cast<double>(count) * cost < parallel_threshold) {
        for (std::ptrdiff_t i = 0; i < count; ++i) f(i);
    } else {
        parallel_for(count, std::forward<F>(f));
    }
}

}  // namespace heed::inline HEED_TARGET::cpu
