#include <heed/train/optimizer.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <vector>

#include <heed/generate/cache.hpp>
#include <heed/train/adam.hpp>
#include <heed/train/clipping.hpp>

#include "../counted_allocations.hpp"
#include "small_classifier.hpp"

using namespace small;

TEST_CASE("after one batch at the budget, 100 uneven training steps allocate nothing") {
    classifier<float> model;
    nn::initialise(model, 1);
    model.encoder.drop = nn::dropout(0.1);
    train::adamw<float> optimizer;
    classifier<float>::trace trace;

    // The budget: 16 texts of 40 tokens. The others are drawn beforehand.
    std::vector<batch_of<float>> batches;
    batches.emplace_back(0, 16, 40);
    batches[0].ids = tensor<int, texts>(texts(std::vector<int>(16, 40)));
    for (int i = 0; i < batches[0].ids.size(); ++i) batches[0].ids.data()[i] = i % 50;
    for (std::uint64_t i = 1; i <= 100; ++i) batches.emplace_back(i, 1 + static_cast<int>(i % 16), 40);

    const auto step = [&](const batch_of<float>& batch) {
        nn::clear_gradients(model);
        const auto loss = model.learn(batch.ids, batch.labels, trace, nn::random_key{3, static_cast<std::uint64_t>(optimizer.steps())});
        optimizer.step(model, 1e-3, train::clip_by_global_norm(model, 1.0, 1 / loss.count).scale);
    };
    step(batches[0]);
    give_every_thread_its_stack();
    const long before = allocations;
    for (int i = 1; i <= 100; ++i) step(batches[static_cast<std::size_t>(i)]);
    CHECK(allocations == before);
}

TEST_CASE("and so do 100 uneven passes of inference") {
    classifier<float> model;
    nn::initialise(model, 1);
    classifier<float>::trace trace;
    std::vector<batch_of<float>> batches;
    batches.emplace_back(0, 16, 40);
    batches[0].ids = tensor<int, texts>(texts(std::vector<int>(16, 40)));
    for (std::uint64_t i = 1; i <= 100; ++i) batches.emplace_back(i, 1 + static_cast<int>(i % 16), 40);
    model.forward(batches[0].ids, trace);
    give_every_thread_its_stack();
    const long before = allocations;
    for (int i = 1; i <= 100; ++i) model.forward(batches[static_cast<std::size_t>(i)].ids, trace);
    CHECK(allocations == before);
}

TEST_CASE("and so does decoding, a token at a time") {
    struct eleven : axis<11> {};
    struct eighty : axis<80> {};
    using language_model = nn::decoder<float, eleven, eighty, token, small::model, head, depth, hidden>;
    const language_model decoder(2);
    generate::cache<language_model, text> cache(decoder, text{3});
    cache.read(std::vector<std::vector<int>>{{1, 2, 3}, {4}, {5, 6}});
    cache.read(std::array{7, 8, 9});
    give_every_thread_its_stack();
    const long before = allocations;
    for (int i = 0; i < 60; ++i) cache.read(std::array{i % 11, 3, 10 - i % 11});
    CHECK(allocations == before);
}
