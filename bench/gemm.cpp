/// Matrix products against this machine's multiply-add peak, found in the same run.
///
///     gemm [repeats]      one line a shape (rows x columns x depth): fractions of the peak
///
/// "packed" has its right-hand side packed before, "with packing" packs it in every call, "bias + relu" is the packed one
/// with both in its epilogue, "transposed" has its right-hand side the other way round in memory and packs it, "gradient"
/// sums over the rows of two matrices, as the gradient of a weight does (its depth is the last number).

#include <cstdio>
#include <cstdlib>
#include <random>

#include <heed/eval/cpu/gemm.hpp>

#include "measure.hpp"

namespace {

using namespace heed::cpu;

struct shape { std::ptrdiff_t rows, columns, depth; };

template <class T> std::vector<T> random_numbers(std::ptrdiff_t n) {
    std::mt19937 random(3);
    std::uniform_real_distribution<T> number(-1, 1);
    std::vector<T> v(static_cast<std::size_t>(n));
    for (T& x : v) x = number(random);
    return v;
}

template <class T> void relu(const void*, std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t, int rows, int columns, T* tile, std::ptrdiff_t stride) {
    constexpr int lanes = simd<T>::lanes;
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; j += lanes) {
            const int n = std::min(lanes, columns - j);
            max(simd<T>::load(tile + i * stride + j, n), simd<T>(T(0))).store(tile + i * stride + j, n);
        }
}

template <class T> void measure_shape(const shape& s, int threads, double peak, int repeats) {
    const auto [m, n, k] = s;
    const std::vector<T> a = random_numbers<T>(m * k), b = random_numbers<T>(k * n), bias = random_numbers<T>(n);
    std::vector<T> c(static_cast<std::size_t>(m * n));

    contraction<T> plain;
    plain.a = a.data();
    plain.b = b.data();
    plain.c = c.data();
    plain.rows.add(m, k, 0, n);
    plain.columns.add(n, 0, 1, 1);
    plain.depth.add(k, 1, n, 0);

    packed_matrix<T> ready;
    ready.pack(b.data(), plain.columns, plain.depth);
    contraction<T> packed = plain;
    packed.packed = &ready;

    contraction<T> fused = packed;
    fused.bias = bias.data();
    fused.epilogue.run = relu<T>;

    contraction<T> transposed = plain;
    transposed.columns.stride_b[0] = k;
    transposed.depth.stride_b[0] = 1;

    contraction<T> gradient = plain;
    gradient.rows.stride_a[0] = 1;
    gradient.depth.stride_a[0] = m;

    const std::vector<double> t = measure::interleaved(
        repeats, [&] { contract(packed); }, [&] { contract(plain); }, [&] { contract(fused); }, [&] { contract(transposed); }, [&] { contract(gradient); });
    const double operations = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
    std::printf("%-7s %5td x %4td x %5td  %7d %8.2f %13.2f %12.2f %11.2f %9.2f\n", sizeof(T) == 4 ? "float" : "double", m, n, k, threads, operations / t[0] / peak,
                operations / t[1] / peak, operations / t[2] / peak, operations / t[3] / peak, operations / t[4] / peak);
    std::fflush(stdout);
}

template <class T> void measure_all(int threads, int repeats) {
#if defined(_OPENMP)
    omp_set_num_threads(threads);
#endif
    const shape shapes[] = {
        {8192, 1024, 256}, {4096, 768, 768}, {512, 512, 512}, {8192, 256, 256}, {8192, 256, 1024}, {2048, 128, 128}, {32, 256, 256},
        {1, 1024, 256},    {8, 1024, 256},   {16, 512, 512},  {64, 64, 64},     {128, 512, 20000}, {256, 256, 8192}, {8192, 1, 256},
    };
    for (const shape& s : shapes) {
        const double work = 2.0 * static_cast<double>(s.rows) * static_cast<double>(s.columns) * static_cast<double>(s.depth);
        const double peak = measure::fma_peak<T>(threads);  // before each: what else runs on the machine changes it
        measure_shape<T>(s, threads, peak, std::max(5, std::min(repeats * 20, static_cast<int>(static_cast<double>(repeats) * 4e9 / work))));
    }
}

}  // namespace

int main(int arguments, char** values) {
    const int repeats = arguments > 1 ? std::max(1, std::atoi(values[1])) : 10;
    std::printf("peak of one thread: float %.0f, double %.0f GFLOP/s\n", measure::fma_peak<float>(1) / 1e9, measure::fma_peak<double>(1) / 1e9);
    std::printf("type     rows x cols x depth  threads   packed  with packing  bias + relu  transposed  gradient\n");
    const int most = thread_count();
    for (const int threads : {1, 2}) {
        if (threads > most) break;
        measure_all<float>(threads, repeats);
        measure_all<double>(threads, repeats);
    }
}
