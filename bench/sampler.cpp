// One token out of a row of logits, beside one vectorised pass that finds the greatest of them, on one thread.
#include "measure.hpp"

#include <heed/generate/sampler.hpp>
#include <heed/random.hpp>

#include <array>
#include <cstdio>
#include <limits>
#include <span>
#include <vector>

using namespace heed;

namespace {

/// The pass that the others are measured by: the maximum, four registers at a time.
[[gnu::noinline]] float greatest(std::span<const float> row) {
    using cpu::simd;
    constexpr std::size_t width = simd<float>::lanes;
    simd<float> most[4];
    for (auto& m : most) m = -std::numeric_limits<float>::infinity();
    std::size_t i = 0;
    for (; i + 4 * width <= row.size(); i += 4 * width) {
#pragma GCC unroll 4
        for (std::size_t j = 0; j < 4; ++j) most[j] = max(most[j], simd<float>::load(row.data() + i + j * width));
    }
    float top = reduce_max(max(max(most[0], most[1]), max(most[2], most[3])));
    for (; i < row.size(); ++i) top = std::max(top, row[i]);
    return top;
}

struct way {
    const char* name;
    generate::sampler_options options;
    double goal;        // in passes; 0 where none was set
};

void compare(std::size_t vocabulary, float deviation) {
    const std::array ways = {
        way{"greedy", {.temperature = 0}, 3},
        way{"temperature .8", {.temperature = .8}, 3},
        way{"temperature .8, top-k 50, top-p .95", {.temperature = .8, .top_k = 50, .top_p = .95}, 8},
        way{"temperature .8, min-p .05", {.temperature = .8, .min_p = .05}, 0},
        way{"temperature .8, top-k 1000", {.temperature = .8, .top_k = 1000}, 0},
        way{"temperature .8, top-p .95", {.temperature = .8, .top_p = .95}, 0},
        way{"the same, a bias and a repetition penalty", {.logit_bias = {{7, -1}}, .repetition_penalty = 1.1, .temperature = .8, .top_p = .95}, 0},
    };
    std::vector<float> logits(vocabulary);
    random_stream random(7);
    for (float& x : logits) x = deviation * static_cast<float>(random.normal());
    const std::vector<int> text(500, 11);

    std::printf("%zu logits, normal with deviation %g\n", vocabulary, static_cast<double>(deviation));
    for (const way& w : ways) {
        generate::sampler sample(w.options);
        float top = 0;
        int token = 0;
        constexpr int calls = 20;
        const auto seconds = measure::interleaved(301,
            [&] { for (int i = 0; i < calls; ++i) measure::detail::keep(top = greatest(logits)); },
            [&] { for (int i = 0; i < calls; ++i) measure::detail::keep(token = sample(logits, text)); });
        std::printf("  %-44s %8.2f us   %5.2f passes", w.name, seconds[1] / calls * 1e6, seconds[1] / seconds[0]);
        if (w.goal > 0) std::printf("   (goal: at most %g)", w.goal);
        std::printf("\n");
    }
}

}  // namespace

int main() {
    compare(50'000, 3);
    compare(50'000, 1);
}
