#include <heed/nn/transformer.hpp>

#include <catch2/catch.hpp>

#include "../golden/layers.hpp"
#include "layers.hpp"

using namespace layers;

namespace {

using key = attended<token>;

template <class T, class Sizes, nn::norm_place Norm>
using encoder_of = nn::transformer_encoder<T, token, typename Sizes::model, typename Sizes::head, typename Sizes::depth, typename Sizes::hidden,
                                           nn::gelu_by_erf, Norm>;

template <class Encoder, class X>
double worst_of(Encoder encoder, const X& shape, const auto& mask, std::optional<nn::random_key> random = {}) {
    auto trace = nn::trace_for(encoder, shape);
    auto dy = shape;
    return worst(encoder, shape, [&](const X& x, auto&& accumulate) {
        const double loss = weigh(encoder.forward(x, mask, trace, random), dy);
        accumulate(encoder.backward(dy, x, mask, trace, random));
        return loss;
    });
}

}  // namespace

TEST_CASE("the gradients of an encoder of two blocks are its slopes, padded behind a mask, norms before") {
    const tensor<int, batch> lengths{3, 4};
    using sizes = of_the_type;
    CHECK(worst_of(make<encoder_of<double, sizes, nn::norm_place::before>, sizes>(2), padded<double, sizes::model>(), position<key>() < lengths) < 1e-6);
}

TEST_CASE("and ragged, with sizes of the run, norms after, with dropout") {
    using sizes = of_the_run;
    auto encoder = make<encoder_of<double, sizes, nn::norm_place::after>, sizes>(2);
    encoder.drop = nn::dropout(0.2);
    encoder.drop_weights = nn::dropout(0.3);
    const auto shape = packed<double, sizes::model>();
    CHECK(worst_of(encoder, shape, position<key>() <= position<token>()) < 1e-6);
    CHECK(worst_of(encoder, shape, position<key>() <= position<token>(), nn::random_key{1, 2}) < 1e-6);
}

TEST_CASE("and ragged, norms before, with dropout") {
    using sizes = of_the_type;
    auto encoder = make<encoder_of<double, sizes, nn::norm_place::before>, sizes>(1);
    encoder.drop = nn::dropout(0.2);
    CHECK(worst_of(encoder, packed<double, sizes::model>(), nn::everything{}, nn::random_key{1, 2}) < 1e-6);
}

namespace {

/// The largest difference between the outputs for inference and for training.
template <nn::norm_place Norm, class X>
double worst_of_inference(X x) {
    using sizes = of_the_type;
    auto encoder = make<encoder_of<float, sizes, Norm>, sizes>(3);
    encoder.drop = nn::dropout(0.5);
    nn::initialise(encoder, 1);
    fill(x);
    auto trace = nn::trace_for(encoder, x);
    typename decltype(encoder)::template scratch_of<X> scratch;
    const auto causal = position<key>() <= position<token>();
    const auto& kept = encoder.forward(x, causal, trace);
    double worst = 0;
    for (int times = 0; times < 2; ++times) {
        const auto& passing = encoder.forward(x, causal, scratch);
        for (int i = 0; i < kept.size(); ++i) worst = std::max<double>(worst, std::abs(passing.data()[i] - kept.data()[i]));
    }
    const auto y = encoder.forward(x, causal);
    for (int i = 0; i < kept.size(); ++i) worst = std::max<double>(worst, std::abs(y.data()[i] - kept.data()[i]));
    return worst;
}

}  // namespace

TEST_CASE("the pass for inference, in scratch, gives what the pass for training gives without dropout") {
    using model = of_the_type::model;
    CHECK(worst_of_inference<nn::norm_place::before>(packed<float, model>()) == 0);
    CHECK(worst_of_inference<nn::norm_place::after>(packed<float, model>()) == 0);
    CHECK(worst_of_inference<nn::norm_place::before>(turned<float, model>()) == 0);
    // So many rows that they go in blocks.
    CHECK(worst_of_inference<nn::norm_place::before>(tensor<float, texts, model>(texts{150, 0, 1, 30})) == 0);
    CHECK(worst_of_inference<nn::norm_place::after>(tensor<float, batch, token, model>(batch{3}, token{61})) == 0);
}

TEST_CASE("a visit names the parameters of an encoder") {
    using sizes = of_the_type;
    const auto encoder = make<encoder_of<float, sizes, nn::norm_place::before>, sizes>(2);
    std::vector<std::string> names;
    nn::visit(encoder, [&](std::string_view name, const auto&) { names.emplace_back(name); });
    CHECK(names.size() == 2 * 12 + 2);
    CHECK(names[2] == "block0.attention.wq");
    CHECK(names[12 + 9] == "block1.network.b1");
    CHECK(names.back() == "norm.bias");
    CHECK(nn::parameter_count(encoder) == 2 * (4 * 6 + 4 * 36 + 2 * 60 + 10 + 6) + 12);
}

namespace {

/// An encoder, its input and the gradient of its output with the waves of tests/golden/layers.py.
template <nn::norm_place Norm>
struct golden_encoder {
    using sizes = of_the_type;
    using vectors = tensor<double, batch, token, sizes::model>;
    encoder_of<double, sizes, Norm> encoder{2};
    vectors x{batch{2}, token{4}}, dy{batch{2}, token{4}};
    typename encoder_of<double, sizes, Norm>::template trace_of<vectors> trace;
    vectors y, dx;

    golden_encoder() {
        int k = 0;
        nn::visit(encoder, [&](std::string_view, auto& parameter) {
            auto values = parameter.values();
            wave(values, k++, parameter.kind == nn::role::gain ? 1 : 0);
        });
        wave(x, 100), wave(dy, 200);
        const tensor<int, batch> lengths{3, 4};
        y = encoder.forward(x, position<key>() < lengths, trace);
        dx = encoder.backward(dy, x, position<key>() < lengths, trace);
    }
};

}  // namespace

TEST_CASE("an encoder has PyTorch's outputs and gradients, norms before and after") {
    const golden_encoder<nn::norm_place::before> before;
    CHECK(off(before.y, golden::layers::encoder_before) < 1e-12);
    CHECK(off(before.dx, golden::layers::encoder_before_dx) < 1e-12);
    CHECK(off(before.encoder.blocks[0].attention.wq.gradient, golden::layers::encoder_before_dwq) < 1e-12);
    CHECK(off(before.encoder.blocks[1].network.b1.gradient, golden::layers::encoder_before_db1) < 1e-12);
    const golden_encoder<nn::norm_place::after> after;
    CHECK(off(after.y, golden::layers::encoder_after) < 1e-12);
    CHECK(off(after.dx, golden::layers::encoder_after_dx) < 1e-12);
    CHECK(off(after.encoder.blocks[0].attention.wq.gradient, golden::layers::encoder_after_dwq) < 1e-12);
    CHECK(off(after.encoder.blocks[1].network.b1.gradient, golden::layers::encoder_after_db1) < 1e-12);
}
