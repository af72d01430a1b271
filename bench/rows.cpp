/// Elementwise trees and row programs beside a plain copy of as many bytes, on one thread and on two.
#include "measure.hpp"

#include <heed/heed.hpp>

#include <cmath>
#include <cstdio>
#include <omp.h>

using namespace heed;

namespace {

struct token : axis<> {};
struct model : axis<256> {};

using matrix = tensor<float, token, model>;

/// The copy is timed again beside each program: what else the machine does changes it. Bytes in units of the array's.
template <class Copy, class F>
void report(const char* what, double arrays, double bytes, const Copy& copy, F&& f) {
    const std::vector<double> seconds = measure::interleaved(15, copy, f);
    std::printf("  %-44s %8.2f GB/s   %5.2f of copy\n", what, arrays * bytes / seconds[1] * 1e-9, arrays / 2 * seconds[0] / seconds[1]);
}

void compare(int rows, int threads) {
    omp_set_num_threads(threads);
    matrix x(token{rows}), y(token{rows}), z(token{rows});
    tensor<float, model> gain, shift;
    for (int i = 0; auto& e : x) e = std::sin(static_cast<float>(i++));
    y = x * 0.5f;
    gain = 1.0f, shift = 0.1f;
    const double one = static_cast<double>(x.size()) * sizeof(float);
    // The copy is of the same arrays, and shared out among the threads in the same way.
    const auto copy = [&] {
#pragma omp parallel for schedule(static)
        for (int t = 0; t < threads; ++t) {
            const auto first = x.size() / threads * t, last = t + 1 == threads ? x.size() : x.size() / threads * (t + 1);
            std::copy(x.data() + first, x.data() + last, z.data() + first);
        }
    };
    std::printf("%d x 256 floats (%.0f MiB), %d thread%s: copy %.2f GB/s\n", rows, one / (1 << 20), threads, threads == 1 ? "" : "s",
                2 * one / measure::median_seconds(copy, 15) * 1e-9);
    report("z = 2 x + 1", 2, one, copy, [&] { z = x * 2.0f + 1.0f; });
    report("z = x y + x", 3, one, copy, [&] { z = x * y + x; });
    report("z = (x + bias) > 0 ? x : 0", 2, one, copy, [&] { z = where(x + shift > 0.0f, x, 0.0f); });
    report("z = gelu(x)", 2, one, copy, [&] { z = gelu(x); });
    report("LayerNorm", 2, one, copy, [&] {
        auto centred = x - mean<model>(x);
        z = centred / sqrt(mean<model>(centred * centred) + 1e-5f) * gain + shift;
    });
    report("softmax", 2, one, copy, [&] { z = softmax<model>(x); });
    tensor<float, model> sums;
    report("sum over the rows", 1, one, copy, [&] { sums = sum<token>(x); });
    tensor<float, token> totals(token{rows});
    report("sum over the columns", 1, one, copy, [&] { totals = sum<model>(x); });
}

}  // namespace

int main() {
    for (int rows : {1024, 8192, 131072})
        for (int threads : {1, 2}) compare(rows, threads);
}
