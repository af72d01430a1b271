#include <heed/nn/decoder.hpp>

#include <catch2/catch.hpp>

#include "layers.hpp"

using namespace layers;

namespace {

struct vocabulary : axis<7> {};
struct place      : axis<5> {};
using sizes = of_the_type;

template <class T, nn::norm_place Norm = nn::norm_place::before, template <class...> class Positions = nn::learned_positions,
          nn::output_table Output = nn::output_table::tied, nn::biases Biases = nn::biases::learnt>
using decoder_of = nn::decoder<T, vocabulary, place, token, sizes::model, sizes::head, sizes::depth, sizes::hidden, nn::gelu_by_tanh, Norm, Biases,
                               Positions<T, token, place, sizes::model>, Output>;

const tensor<int, batch, token> ids{{1, 4, 4, 0, 6}, {2, 2, 5, 3, 1}}, targets{{4, 4, 0, 6, -1}, {2, 5, 3, -1, -1}};

/// The largest relative error of all gradients, of parameters drawn anew.
double worst_of(auto model, const auto& tokens, const auto& next, std::optional<nn::random_key> random = {}) {
    unsigned seed = 20;
    nn::visit(model, [&](std::string_view, auto& parameter) { auto values = parameter.values(); fill(values, seed++); });
    auto trace = nn::trace_for(model, tokens);
    return train::gradient_check(model, [&] {
        const auto& h = model.forward(tokens, trace, random);
        const double loss = model.learn(h, next, trace).sum;
        model.backward(tokens, trace, random);
        return loss;
    }, {.print = nullptr}).largest();
}

}  // namespace

TEST_CASE("the gradients of a language model are the slopes of its loss: as GPT-2, of sinusoids with norms after, of tables apart") {
    CHECK(worst_of(decoder_of<double>(2), ids, targets) < 1e-6);
    CHECK(worst_of(decoder_of<double, nn::norm_place::after, nn::sinusoidal_positions>(1), ids, targets) < 1e-6);
    CHECK(worst_of(decoder_of<double, nn::norm_place::before, nn::learned_positions, nn::output_table::own, nn::biases::none>(1), ids, targets) < 1e-6);
}

TEST_CASE("and under a window, with dropout, with smoothed labels, and over ragged texts") {
    auto model = decoder_of<double>(2);
    model.window = 2;
    model.blocks.drop = nn::dropout(0.2);
    model.blocks.drop_weights = nn::dropout(0.3);
    model.cross_entropy = nn::projected_cross_entropy<vocabulary, sizes::model>(0.1);
    CHECK(worst_of(model, ids, targets, nn::random_key{1, 2}) < 1e-6);
    tensor<int, texts> packed_ids(texts{3, 0, 4}), next(texts{3, 0, 4});
    packed_ids = position<token>() + position<batch>();
    next = position<token>() + position<batch>() + 1;
    CHECK(worst_of(model, packed_ids, next) < 1e-6);
}

TEST_CASE("what comes later does not change what a position says") {
    auto model = decoder_of<float>(2);
    nn::initialise(model, 1);
    decltype(model)::scratch_of<tensor<int, batch, token>> kept;
    const auto before = model.forward(ids, kept);
    auto changed = ids;
    changed(0, 3) = 5;
    const auto& after = model.forward(changed, kept);
    for (int t = 0; t < 5; ++t)
        for (int m = 0; m < 6; ++m) CHECK((before(0, t, m) == after(0, t, m)) == (t < 3));
}

TEST_CASE("the pass without gradients gives the same loss") {
    auto model = decoder_of<float>(2);
    nn::initialise(model, 1);
    decltype(model)::scratch_of<tensor<int, batch, token>> kept;
    auto trace = nn::trace_for(model, ids);
    const auto loss = model.loss(model.forward(ids, kept), targets, kept);
    const auto learnt = model.learn(model.forward(ids, trace), targets, trace);
    CHECK(loss.count == 7);
    CHECK(learnt.count == 7);
    CHECK(loss.sum == learnt.sum);
    CHECK(loss.mean() == Approx(std::log(7.0)).epsilon(0.05));           // it starts without an opinion
}

TEST_CASE("a text longer than the positions, and a token outside the vocabulary, are errors") {
    auto model = decoder_of<float>(1);
    decltype(model)::scratch_of<tensor<int, token>> kept;
    CHECK_THROWS_WITH(model.forward(tensor<int, token>{0, 1, 2, 3, 4, 5}, kept), Catch::Contains("place"));
    CHECK_THROWS_WITH(model.forward(tensor<int, token>{0, 7}, kept), Catch::Contains("vocabulary"));
}

TEST_CASE("a tied table is one parameter, and a table apart another") {
    std::vector<std::string> names;
    const auto list = [&](const auto& model) {
        names.clear();
        nn::visit(model, [&](std::string_view name, const auto&) { names.emplace_back(name); });
    };
    list(decoder_of<float>(1));
    CHECK(names.front() == "tokens");
    CHECK(names[1] == "positions.table");
    CHECK(std::ranges::count(names, "outputs") == 0);
    CHECK(std::ranges::count(names, "blocks.block0.attention.bq") == 1);
    list(decoder_of<float, nn::norm_place::before, nn::learned_positions, nn::output_table::own, nn::biases::none>(1));
    CHECK(names.back() == "outputs");
    CHECK(std::ranges::count(names, "blocks.block0.attention.bq") == 0);
}
