/// The products of matrices that a Transformer is made of, as the benchmarks measure them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <heed/eval/cpu/gemm.hpp>

namespace measure {

/// How the operands lie in memory; c is [row, column].
enum class layout {
    forward,     // a[row, depth], b[depth, column]: x W
    transposed,  // a[row, depth], b[column, depth]: dy W^T, and the scores q k^T
    gradient,    // a[depth, row], b[depth, column]: x^T dy
};

struct product {
    std::ptrdiff_t rows, columns, depth;
    std::ptrdiff_t batch = 1;
    layout lies = layout::forward;

    double operations() const { return 2.0 * static_cast<double>(batch) * static_cast<double>(rows) * static_cast<double>(columns) * static_cast<double>(depth); }
};

struct family {
    const char* name;
    std::vector<product> products;
};

/// The first family holds the 24 projections whose median is quoted.
inline std::vector<family> families() {
    const layout t = layout::transposed, g = layout::gradient;
    return {
        {"projections: queries, keys and values at once, output, feed-forward up and down, of d 256, 512, 768 and 1024",
         {{8192, 768, 256}, {8192, 256, 256}, {8192, 1024, 256}, {8192, 256, 1024}, {1536, 768, 256},  {1536, 256, 1024}, {256, 768, 256},  {256, 1024, 256},
          {256, 256, 1024}, {40, 768, 256},   {40, 1024, 256},   {32, 256, 256},    {32, 256, 1024},   {2048, 1536, 512}, {2048, 512, 512}, {2048, 2048, 512},
          {2048, 512, 2048}, {512, 2304, 768}, {512, 768, 768},  {512, 3072, 768},  {512, 768, 3072},  {128, 4096, 1024}, {32, 4096, 1024}, {32, 1024, 4096}}},
        {"few rows", {{1, 768, 256}, {1, 1024, 256}, {1, 256, 1024}, {1, 3072, 768}, {1, 768, 3072}, {1, 8192, 256}, {2, 1024, 256}, {4, 1024, 256},
                      {8, 1024, 256}, {8, 256, 1024}, {16, 512, 512}, {16, 3072, 768}, {24, 768, 256}, {32, 768, 256}}},
        {"small", {{8, 64, 64}, {16, 64, 64}, {40, 64, 64}, {64, 64, 64}, {40, 128, 64}, {100, 32, 32}, {256, 32, 32}, {48, 96, 96}, {256, 1, 256}}},
        {"gradients of activations", {{8192, 256, 768, 1, t}, {8192, 256, 1024, 1, t}, {8192, 1024, 256, 1, t}, {2048, 512, 2048, 1, t}, {512, 768, 3072, 1, t}, {40, 256, 1024, 1, t}}},
        {"gradients of weights", {{256, 768, 8192, 1, g}, {256, 1024, 8192, 1, g}, {1024, 256, 8192, 1, g}, {256, 256, 8192, 1, g}, {256, 1024, 1536, 1, g}, {512, 2048, 2048, 1, g},
                                  {768, 3072, 512, 1, g}, {128, 512, 20000, 1, g}, {64, 256, 1024, 1, g}}},
        {"heads: scores, then weights times values", {{256, 256, 32, 256, t}, {256, 32, 256, 256}, {512, 512, 64, 24, t}, {512, 64, 512, 24}, {40, 40, 32, 64, t}, {40, 32, 40, 64}}},
    };
}

/// Matrices of one product, and the product as heed's kernels take it.
template <class T> struct operands {
    std::vector<T> a, b, c;
    heed::cpu::contraction<T> x;
    heed::cpu::packed_matrix<T> ready;  // where there is no batch

    explicit operands(const product& p) {
        unsigned bits = 3;
        const auto fill = [&](std::vector<T>& v, std::ptrdiff_t n) {
            v.resize(static_cast<std::size_t>(p.batch * n));
            for (T& y : v) y = static_cast<T>(static_cast<int>(bits = bits * 1664525u + 1013904223u)) / T(1u << 31);  // -1 to 1
        };
        const auto [m, n, k, batch, lies] = p;
        fill(a, m * k);
        fill(b, k * n);
        fill(c, m * n);
        x.a = a.data();
        x.b = b.data();
        x.c = c.data();
        if (batch > 1) x.batch.add(batch, m * k, k * n, m * n);
        x.rows.add(m, lies == layout::gradient ? 1 : k, 0, n);
        x.columns.add(n, 0, lies == layout::transposed ? k : 1, 1);
        x.depth.add(k, lies == layout::gradient ? m : 1, lies == layout::transposed ? 1 : n, 0);
        if (batch == 1 && lies != layout::gradient) ready.pack(b.data(), x.columns, x.depth);
    }

    heed::cpu::contraction<T> packed() const {
        heed::cpu::contraction<T> y = x;
        if (!ready.empty()) y.packed = &ready;
        return y;
    }
};

/// f as often as it takes to be long enough for the clock.
template <class F> void several(const product& p, F&& f) {
    const int calls = std::clamp(static_cast<int>(1e7 / p.operations()), 1, 200);
    for (int i = 0; i < calls; ++i) f();
}
inline double seconds_per_call(const product& p, double seconds) { return seconds / std::clamp(static_cast<int>(1e7 / p.operations()), 1, 200); }
inline int repeats_of(const product& p, int repeats) { return std::clamp(static_cast<int>(repeats * 2e9 / std::max(1e7, p.operations())), 5, 20 * repeats); }

}  // namespace measure
