// The two models behind the interface of learner.hpp: the one place where their layers are compiled.
#include <feed/learner.hpp>
#include <feed/model.hpp>

#include <heed/files/write_aside.hpp>
#include <heed/train/adam.hpp>
#include <heed/train/checkpoint.hpp>
#include <heed/train/clipping.hpp>

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

namespace {

using namespace heed;

constexpr double longest_gradient = 1.0;

template <class Model>
class learner_of final : public learner {
public:
    explicit learner_of(const model_shape& shape) : seed_(shape.seed), model_(shape.vocabulary, shape.levels) { model_.start(seed_); }

    std::size_t parameters() const override { return nn::parameter_count(model_); }

    double learn(const batch& b, double rate, double dropout) override {
        if constexpr (requires { model_.encoder; }) model_.encoder.drop = nn::dropout(dropout);
        inputs_.take(b);
        nn::clear_gradients(model_);
        const auto loss = model_.learn(inputs_, trace_, nn::random_key{seed_, static_cast<std::uint64_t>(steps())});
        const auto clipped = train::clip_by_global_norm(model_, longest_gradient, 1 / loss.count);
        optimizer_.step(model_, rate, clipped.scale);
        return loss.mean();
    }

    std::int64_t steps() const override { return optimizer_.steps(); }

    void logits(const batch& b, std::vector<double>& out) override {
        inputs_.take(b);
        const auto& z = std::as_const(model_).forward(inputs_, trace_);
        out.insert(out.end(), z.begin(), z.end());
    }

    void save_checkpoint(const std::filesystem::path& file, const notes& beside) override { train::save_checkpoint(file, model_, optimizer_, beside); }
    notes load_checkpoint(const std::filesystem::path& file) override { return train::load_checkpoint(file, model_, optimizer_); }
    void save_model(const std::filesystem::path& file, const notes& beside) const override { train::save_model(file, model_, beside); }
    notes load_model(const std::filesystem::path& file) override {
        auto read = train::load_model(file, model_);
        nn::pack(model_);
        return read;
    }

    void compute_in_bf16() override { nn::pack<bf16>(model_); }

    /// p = softmax(q k / sqrt(depth)), the equation itself.
    std::vector<float> attention_weights(const batch& one) override {
        if constexpr (requires { model_.encoder; }) {
            using namespace network;
            using key = typename Model::encoder_type::key;
            std::vector<double> unused;
            logits(one, unused);
            const auto& last = trace_.encoder.blocks.back().attention.layer;
            const double scale = model_.encoder.blocks.back().attention.scale();
            const std::ptrdiff_t tokens = one.lengths.front();
            const view<const float, token, head, depth> q(last.q.data(), token{tokens});
            const view<const float, key, head, depth> k(last.k.data(), key{tokens});
            const tensor<float, head, token, key> weights = softmax<key>(dot<depth>(q, k) * scale);
            return {weights.begin(), weights.end()};
        } else {
            return {};
        }
    }

private:
    std::uint64_t seed_;
    Model model_;
    train::adamw<float> optimizer_{train::adamw_rule{.beta2 = 0.99}};        // a short memory: a rare word's step is not judged by long ago
    typename Model::trace trace_;
    network::inputs<float> inputs_;
};

}  // namespace

std::unique_ptr<learner> make_learner(model_kind kind, const model_shape& shape) {
    if (kind == model_kind::baseline) return std::make_unique<learner_of<network::baseline<float>>>(shape);
    return std::make_unique<learner_of<network::classifier<float>>>(shape);
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

std::string machine() {
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
