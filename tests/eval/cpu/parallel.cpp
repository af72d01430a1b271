#include <catch2/catch.hpp>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <heed/eval/cpu/parallel.hpp>

using namespace heed::cpu;

namespace {

/// Sets the number of threads for one test, where there are threads at all.
struct with_threads {
#if defined(_OPENMP)
    int before = omp_get_max_threads();
    explicit with_threads(int n) { omp_set_num_threads(n); }
    ~with_threads() { omp_set_num_threads(before); }
#else
    explicit with_threads(int) {}
    ~with_threads() {}
#endif
};

}  // namespace

TEST_CASE("a parallel loop calls its body once for each index") {
    for (const int threads : {1, 2}) {
        const with_threads set(threads);
        for (const std::ptrdiff_t n : {0, 1, 2, 1000}) {
            std::vector<int> calls(static_cast<std::size_t>(n));
            parallel_for(n, [&](std::ptrdiff_t i) { ++calls[static_cast<std::size_t>(i)]; });
            parallel_for(n, 1.0, [&](std::ptrdiff_t i) { ++calls[static_cast<std::size_t>(i)]; });
            parallel_for(n, parallel_threshold, [&](std::ptrdiff_t i) { ++calls[static_cast<std::size_t>(i)]; });
            CHECK(calls == std::vector<int>(static_cast<std::size_t>(n), 3));
        }
    }
}

TEST_CASE("an exception from the body of a parallel loop arrives where the loop was called") {
    for (const int threads : {1, 2}) {
        const with_threads set(threads);
        std::atomic<int> calls = 0;
        CHECK_THROWS_WITH(parallel_for(100, [&](std::ptrdiff_t i) {
            ++calls;
            if (i >= 7) throw std::runtime_error("no index from seven on");
        }), "no index from seven on");
        CHECK(calls >= 8 - 1);
        CHECK(calls <= 100);
    }
}

TEST_CASE("a parallel loop inside another runs on the thread that it is on") {
    const with_threads set(2);
    std::vector<int> inner(8), sums(8);
    parallel_for(8, [&](std::ptrdiff_t i) {
        inner[static_cast<std::size_t>(i)] = thread_count();
        int sum = 0;  // no other thread may touch it
        parallel_for(100, [&](std::ptrdiff_t j) { sum += static_cast<int>(j); });
        sums[static_cast<std::size_t>(i)] = sum;
    });
    CHECK(inner == std::vector<int>(8, 1));
    CHECK(sums == std::vector<int>(8, 4950));
}

TEST_CASE("a loop with little work stays on the calling thread") {
    const with_threads set(2);
    int sum = 0;  // no other thread may touch it
    parallel_for(100, 10.0, [&](std::ptrdiff_t i) { sum += static_cast<int>(i); });
    CHECK(sum == 4950);
#if defined(_OPENMP)
    bool inside = true;
    parallel_for(2, 10.0, [&](std::ptrdiff_t) { inside = omp_in_parallel() != 0; });
    CHECK_FALSE(inside);
#endif
}
