// The two models behind the interface of learner.hpp, on the CPU: the one place where their layers are compiled for it.
#include <feed/learner_of.hpp>

#include <heed/error.hpp>
#include <heed/files/write_aside.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <utility>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace feed {

using namespace heed;

std::unique_ptr<learner> make_learner(model_kind kind, const model_shape& shape) {
    if (shape.where == device::cpu) return make_learner_of<float>(kind, shape);
#if defined(FEED_CUDA)
    return make_cuda_learner(kind, shape);
#else
    throw heed::device_error("this feed was built without CUDA: no GPU was there then, or no nvcc 12.4 or newer.");
#endif
}

namespace {

/// The least of as many runs as fit into the time, at least one after a first that warms up where that was quick.
double least_milliseconds(double seconds, const auto& work) {
    double least = std::numeric_limits<double>::infinity(), spent = 0;
    for (int run = 0; run < 2 || (spent < 1000 * seconds && run < 200); ++run) {
        const auto start = std::chrono::steady_clock::now();
        work();
        const double took = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
        least = std::min(least, took);
        spent += took;
        if (spent > 4000 * seconds) break;
    }
    return least;
}

}  // namespace

attention_run time_attention(int tokens, double seconds) {
    using namespace network;
    using key = attended<token>;
    tensor<float, token, head, depth> q(token{tokens}), out(token{tokens});
    tensor<float, key, head, depth> k(key{tokens}), v(key{tokens});
    random_stream random(1, static_cast<std::uint64_t>(tokens));
    for (auto* values : {q.data(), k.data(), v.data()})
        for (std::ptrdiff_t i = 0; i < q.size(); ++i) values[i] = static_cast<float>(random.normal());
    const double scale = 1 / std::sqrt(static_cast<double>(depth::extent));

    attention_run result{};
    auto fused = dot<key>(softmax<key>(dot<depth>(q, k) * scale), v);
    result.fused_milliseconds = least_milliseconds(seconds, [&] { out = fused; });
    result.fused_bytes = explain(fused).temporary_bytes();

    tensor<float, head, token, key> scores(token{tokens}, key{tokens}), weights(token{tokens}, key{tokens});
    result.matrix_milliseconds = least_milliseconds(seconds, [&] {
        scores = dot<depth>(q, k) * scale;
        weights = softmax<key>(scores);
        out = dot<key>(weights, v);
    });
    result.matrix_bytes = static_cast<double>(scores.size() + weights.size()) * sizeof(float);
    return result;
}

void use_threads([[maybe_unused]] int count) {
#if defined(_OPENMP)
    if (count > 0) omp_set_num_threads(count);
#endif
}

std::string machine([[maybe_unused]] device where) {
#if defined(FEED_CUDA)
    if (where == device::cuda) return cuda_machine();
#endif
    int threads = 1;
#if defined(_OPENMP)
    threads = omp_get_max_threads();
#endif
    std::string processor = "an unnamed processor", line;
    for (std::ifstream about("/proc/cpuinfo"); std::getline(about, line);)
        if (line.starts_with("model name")) {
            processor = line.substr(std::min(line.find(": ") + 2, line.size()));
            break;
        }
    return fmt::format("{}, {}, {} thread{}", processor, plan::instruction_set(), threads, threads == 1 ? "" : "s");
}

}  // namespace feed
