/// Matrix products against this machine's multiply-add peak, found in the same run.
///
///     gemm [repeats] [double]     one line a product: fractions of the peak, and each family's median
///
/// "ready" has its right-hand side packed before (not where there is a batch, or a gradient of a weight), "plain" packs it
/// in every call where that pays, "bias + relu" is the first with both in its epilogue. Beside oneDNN and Eigen: gemm_peers.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "measure.hpp"
#include "products.hpp"

namespace {

using namespace heed::cpu;

template <class T> void relu(const void*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t, int rows, int columns, T* tile, std::ptrdiff_t stride) {
    constexpr int lanes = simd<T>::lanes;
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; j += lanes) {
            const int n = std::min(lanes, columns - j);
            max(simd<T>::load(tile + i * stride + j, n), simd<T>(T(0))).store(tile + i * stride + j, n);
        }
}

/// Fractions of the peak: ready, plain, bias + relu.
template <class T> std::vector<double> measure_product(const measure::product& p, int threads, int repeats) {
    measure::operands<T> o(p);
    const std::vector<T> bias(static_cast<std::size_t>(p.columns), T(1));
    const contraction<T> ready = o.packed();
    contraction<T> fused = ready;
    fused.bias = bias.data();
    fused.epilogue.run = relu<T>;
    const double peak = measure::fma_peak<T>(threads);  // before each: what else runs on the machine changes it
    std::vector<double> t = measure::interleaved(
        measure::repeats_of(p, repeats), [&] { several(p, [&] { contract(ready); }); }, [&] { several(p, [&] { contract(o.x); }); }, [&] { several(p, [&] { contract(fused); }); });
    for (double& x : t) x = p.operations() / measure::seconds_per_call(p, x) / peak;
    return t;
}

template <class T> void measure_all(int repeats) {
    std::printf("%s, %d lanes; peak of one thread %.0f GFLOP/s\n", HEED_TEXT(HEED_INSTRUCTIONS), simd<T>::lanes, measure::fma_peak<T>(1) / 1e9);
    const int most = std::min(2, thread_count());
    for (int threads = 1; threads <= most; ++threads) {
#if defined(_OPENMP)
        omp_set_num_threads(threads);
#endif
        for (const measure::family& f : measure::families()) {
            std::printf("\n%s\nbatch, rows x cols x depth  threads   ready   plain  bias + relu\n", f.name);
            std::vector<double> all[3];
            for (const measure::product& p : f.products) {
                const std::vector<double> r = measure_product<T>(p, threads, repeats);
                for (std::size_t i = 0; i < 3; ++i) all[i].push_back(r[i]);
                std::printf("%3td x %5td x %4td x %5td %8d %7.2f %7.2f %12.2f\n", p.batch, p.rows, p.columns, p.depth, threads, r[0], r[1], r[2]);
                std::fflush(stdout);
            }
            std::printf("median %28d %7.2f %7.2f %12.2f\n", threads, measure::median(all[0]), measure::median(all[1]), measure::median(all[2]));
        }
    }
}

}  // namespace

int main(int arguments, char** values) {
    const int repeats = arguments > 1 ? std::max(1, std::atoi(values[1])) : 5;
    if (arguments > 2 && std::string(values[2]) == "double") measure_all<double>(repeats);
    else measure_all<float>(repeats);
}
