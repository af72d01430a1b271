#include <heed/generate/cache.hpp>

#include <catch2/catch.hpp>

#include "../nn/layers.hpp"

#include <array>

using namespace layers;

namespace {

struct vocabulary : axis<11> {};
struct place      : axis<20> {};
using sizes = of_the_type;

template <nn::norm_place Norm = nn::norm_place::before, template <class...> class Positions = nn::learned_positions>
using decoder_of = nn::decoder<float, vocabulary, place, token, sizes::model, sizes::head, sizes::depth, sizes::hidden, nn::gelu_by_tanh, Norm,
                               nn::biases::learnt, Positions<float, token, place, sizes::model>>;

template <class Model>
Model drawn(std::size_t blocks) {
    Model model(blocks);
    unsigned seed = 3;
    nn::visit(model, [&](std::string_view, auto& parameter) { auto values = parameter.values(); fill(values, seed++); });
    return model;
}

/// What the model says comes after a text, read as a whole.
template <class Model>
std::vector<float> whole(const Model& model, const std::vector<int>& text) {
    tensor<int, token> ids(token{static_cast<int>(text.size())});
    std::copy(text.begin(), text.end(), ids.begin());
    typename Model::template scratch_of<tensor<int, token>> kept;
    const tensor<float, token, vocabulary> logits = model.logits(model.forward(ids, kept));
    return {logits.end() - vocabulary::extent, logits.end()};
}

/// The largest difference between a cache's logits and those of whole texts.
double off(const auto& model, const auto& logits, const std::vector<std::vector<int>>& texts) {
    double worst = 0;
    for (std::size_t s = 0; s < texts.size(); ++s) {
        const auto expected = whole(model, texts[s]);
        for (int v = 0; v < vocabulary::extent; ++v)
            worst = std::max(worst, double(std::abs(expected[static_cast<std::size_t>(v)] - logits(static_cast<int>(s), v))));
    }
    return worst;
}

/// Prompts of several lengths, then more tokens, some at a time and one at a time.
double worst_while_reading(const auto& model) {
    std::vector<std::vector<int>> texts{{1, 2, 3, 4, 5}, {6}, {7, 8, 9}};
    generate::cache<std::remove_cvref_t<decltype(model)>, batch> cache(model, batch{3});
    double worst = off(model, cache.read(texts), texts);
    const std::vector<std::vector<int>> more{{1}, {2, 3, 4}, {10, 0}};
    for (std::size_t s = 0; s < 3; ++s) texts[s].insert(texts[s].end(), more[s].begin(), more[s].end());
    worst = std::max(worst, off(model, cache.read(more), texts));
    for (int step = 0; step < 14; ++step) {
        const std::array next{step % 11, (step + 3) % 11, (7 * step) % 11};
        for (std::size_t s = 0; s < 3; ++s) texts[s].push_back(next[s]);
        worst = std::max(worst, off(model, cache.read(next), texts));
    }
    CHECK(cache.lengths()[0] == 20);
    return worst;
}

}  // namespace

TEST_CASE("a cache says what the model says of the whole text") {
    CHECK(worst_while_reading(drawn<decoder_of<>>(2)) < 1e-5);
    CHECK(worst_while_reading(drawn<decoder_of<nn::norm_place::after, nn::sinusoidal_positions>>(1)) < 1e-5);
}

TEST_CASE("under a window a token reads the last so many") {
    auto model = drawn<decoder_of<>>(2);
    const std::vector<int> text{1, 2, 3, 4, 5, 6, 7};
    const auto far = whole(model, text);
    model.window = 3;
    CHECK(whole(model, text) != far);
    CHECK(worst_while_reading(model) < 1e-5);
}

TEST_CASE("a full cache, no token, and a token outside the vocabulary are errors, and change nothing") {
    const auto model = drawn<decoder_of<>>(1);
    generate::cache<decoder_of<>, batch> cache(model, batch{2}, 4);
    using texts = std::vector<std::vector<int>>;
    CHECK_THROWS_WITH(cache.read(texts{{1}, {}}), "generate::cache: sequence 1 is to read 0 of 1 tokens; it takes at least one, and no more than there are.");
    cache.read(texts{{1, 2}, {3, 4, 5}});
    CHECK_THROWS_WITH(cache.read(texts{{1}, {2, 3}}), "generate::cache: sequence 1 has 3 tokens, and 2 more do not fit into its 4 places.");
    CHECK_THROWS_WITH(cache.read(texts{{1}, {11}}), Catch::Contains("vocabulary"));
    CHECK_THROWS_WITH(cache.read(texts{{1}}), "generate::cache: tokens for 1 sequences are given to a cache of 2.");
    const texts all{{1, 2, 9}, {3, 4, 5, 10}};
    CHECK(off(model, cache.read(std::array{9, 10}), all) < 1e-5);
    cache.clear();
    CHECK(off(model, cache.read(texts{{8}, {9}}), texts{{8}, {9}}) < 1e-5);
    CHECK_THROWS_WITH((generate::cache<decoder_of<>, batch>(model, batch{1}, 21)), "generate::cache: a capacity of 21 tokens; the model has positions for 1 to 20.");
}
