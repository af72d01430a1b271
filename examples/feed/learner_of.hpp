/// A model with its optimizer, behind the interface of learner.hpp: what learners.cpp compiles for the CPU, learners.cu for a GPU.
#pragma once

#include <feed/learner.hpp>
#include <feed/model.hpp>

#include <heed/train/checkpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace feed::inline HEED_TARGET {

using namespace heed;

inline constexpr double longest_gradient = 1.0;

template <class T, template <class> class Kind>
class learner_of final : public learner {
    using Model = Kind<T>;
    using number = value_of<T>;

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
        if constexpr (is_on_host<T>) out.insert(out.end(), z.begin(), z.end());
        else {
            const tensor<number, network::text, network::answer> here = z;
            out.insert(out.end(), here.begin(), here.end());
        }
    }

    void save_checkpoint(const std::filesystem::path& file, const notes& beside) override { train::save_checkpoint(file, model_, optimizer_, beside); }
    notes load_checkpoint(const std::filesystem::path& file) override { return train::load_checkpoint(file, model_, optimizer_); }
    void save_model(const std::filesystem::path& file, const notes& beside) const override { train::save_model(file, model_, beside); }
    notes load_model(const std::filesystem::path& file) override {
        auto read = train::load_model(file, model_);
        nn::pack(model_);
        return read;
    }

    void compute_in_bf16() override {
        if constexpr (is_on_host<T>) nn::pack<bf16>(model_);
        else throw value_error("products in bfloat16 are a choice of the CPU's.");
    }

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
            const view<const T, token, head, depth> q(last.q.data(), token{tokens});
            const view<const T, key, head, depth> k(last.k.data(), key{tokens});
            const tensor<number, head, token, key> weights = softmax<key>(dot<depth>(q, k) * scale);
            return {weights.begin(), weights.end()};
        } else {
            return {};
        }
    }

private:
    std::uint64_t seed_;
    Model model_;
    train::adamw<T> optimizer_{train::adamw_rule{.beta2 = 0.99}};        // a short memory: a rare word's step is not judged by long ago
    typename Model::trace trace_;
    network::inputs<T> inputs_;
};

/// The learner of a kind, of elements T.
template <class T>
std::unique_ptr<learner> make_learner_of(model_kind kind, const model_shape& shape) {
    if (kind == model_kind::baseline) return std::make_unique<learner_of<T, network::baseline>>(shape);
    return std::make_unique<learner_of<T, network::classifier>>(shape);
}

}  // namespace feed::inline HEED_TARGET
