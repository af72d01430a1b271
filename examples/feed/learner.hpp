/// A model with its optimizer, as the rest of the program sees it: without the layers, so that only learners.cpp compiles them.
#pragma once

#include <feed/batches.hpp>
#include <feed/post.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace feed {

using notes = std::map<std::string, std::string>;   // what stands beside the tensors in a file

class learner {
public:
    virtual ~learner() = default;

    virtual std::size_t parameters() const = 0;

    /// One update by AdamW with this rate and this dropout of the encoder, where the model has one; the mean loss before it,
    /// in nats. value_error where something is not finite.
    virtual double learn(const batch& b, double rate, double dropout = 0) = 0;
    /// How many updates were made.
    virtual std::int64_t steps() const = 0;

    /// One logit a post, appended. The model does not change.
    virtual void logits(const batch& b, std::vector<double>& out) = 0;

    /// All that a training needs to go on, written aside and renamed.
    virtual void save_checkpoint(const std::filesystem::path& file, const notes& beside) = 0;
    virtual notes load_checkpoint(const std::filesystem::path& file) = 0;

    /// The parameters alone. file_error where the file is not whole, or that of another model.
    virtual void save_model(const std::filesystem::path& file, const notes& beside) const = 0;
    virtual notes load_model(const std::filesystem::path& file) = 0;
    /// Products with weights are of bfloat16 from here on, where the machine is faster at them; until the model learns again.
    virtual void compute_in_bf16() = 0;

    /// The weights of the last layer of attention over the one post of the batch, [head][reader][read]; none where the
    /// model has no attention.
    virtual std::vector<float> attention_weights(const batch& one) = 0;
};

/// Where a model computes.
enum class device { cpu, cuda };

/// What a model is made from: the number of its parameters and where they start, and where it is to compute.
struct model_shape {
    int vocabulary = 0;
    std::vector<int> levels;            // of each field
    std::uint64_t seed = 0;
    device where = device::cpu;
};

enum class model_kind { baseline, classifier };
inline const char* name_of(model_kind kind) { return kind == model_kind::baseline ? "baseline" : "classifier"; }

/// device_error where no GPU is there, or the program was built without CUDA.
std::unique_ptr<learner> make_learner(model_kind kind, const model_shape& shape);
std::unique_ptr<learner> make_cuda_learner(model_kind kind, const model_shape& shape);      // of learners.cu

/// The heads of the classifier's attention.
inline constexpr std::size_t attention_heads = 4;

/// Forward attention alone over T positions, in milliseconds, by the fused kernel and by equations that write the T x T
/// matrices out; and what either needs beside q, k, v and the output. NaN where the matrices would be too large.
struct attention_run {
    double fused_milliseconds, matrix_milliseconds, fused_bytes, matrix_bytes;
};
attention_run time_attention(int tokens, double seconds);

/// Threads of everything that follows; 0 leaves them as OpenMP has them.
void use_threads(int count);

/// Processor, instruction set and threads, or the GPU, in a line.
std::string machine(device where = device::cpu);
std::string cuda_machine();         // of learners.cu

}  // namespace feed
