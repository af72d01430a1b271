#include <heed/generate/sampler.hpp>

#include <catch2/catch.hpp>

#include <vector>

#include "../counted_allocations.hpp"

using namespace heed;

namespace {
struct batch : axis<> {};
struct vocabulary : axis<> {};
}  // namespace

TEST_CASE("after its first token a sampler allocates nothing, whatever its options") {
    std::vector<float> logits(50000);
    random_stream random(1);
    for (float& x : logits) x = static_cast<float>(random.normal());
    const std::vector<int> text{1, 2, 3};
    for (const generate::sampler_options& options : std::vector<generate::sampler_options>{
             {.temperature = 0}, {}, {.top_k = 50, .top_p = 0.95}, {.top_p = 0.9, .min_p = 1e-4}, {.top_k = 2000}, {.logit_bias = {{3, 1}}, .repetition_penalty = 1.2}}) {
        generate::sampler sample(options);
        sample(logits, text);
        give_every_thread_its_stack();
        const long before = allocations;
        for (int i = 0; i < 20; ++i) sample(logits, text);
        CHECK(allocations == before);
    }
}

TEST_CASE("and none for a batch of rows") {
    tensor<float, batch, vocabulary> logits(batch{4}, vocabulary{300});
    tensor<int, batch> tokens;
    generate::sampler sample({.top_k = 5});
    sample.rows<vocabulary>(logits, tokens);
    give_every_thread_its_stack();
    const long before = allocations;
    for (int i = 0; i < 20; ++i) sample.rows<vocabulary>(logits, tokens);
    CHECK(allocations == before);
}
