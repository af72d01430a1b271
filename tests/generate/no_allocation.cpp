#include <heed/generate/sampler.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

namespace {
std::atomic<long> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
    ++allocations;
    void* const memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
}  // namespace

// Every allocation of this test program is counted. (The C library's own, in printf and threads, are not.)
[[gnu::noinline]] void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) { return counted(size, static_cast<std::size_t>(alignment)); }
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return ++allocations, std::malloc(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

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
    const long before = allocations;
    for (int i = 0; i < 20; ++i) sample.rows<vocabulary>(logits, tokens);
    CHECK(allocations == before);
}
