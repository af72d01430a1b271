#include <heed/nn/attention.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "layers.hpp"

using namespace layers;

namespace {

using key = attended<token>;

/// Finite differences of self-attention under a mask.
template <class Sizes, class X>
double worst_of_self(const X& shape, const auto& mask) {
    using attention = nn::self_attention<double, token, typename Sizes::model, typename Sizes::head, typename Sizes::depth>;
    auto layer = make<attention, Sizes>();
    auto trace = nn::trace_for(layer, shape);
    auto dy = trace.y;
    return worst(layer, shape, [&](const X& x, auto&& accumulate) {
        const double loss = weigh(layer.forward(x, mask, trace), dy);
        accumulate(layer.backward(dy, x, mask, trace));
        return loss;
    });
}

}  // namespace

TEMPLATE_TEST_CASE("the gradients of self-attention are its slopes, in every shape", "", of_the_type, of_the_run) {
    using model = typename TestType::model;
    CHECK(worst_of_self<TestType>(padded<double, model>(), nn::everything{}) < 1e-6);
    CHECK(worst_of_self<TestType>(packed<double, model>(), nn::everything{}) < 1e-6);
}

TEST_CASE("and under masks: causal, lengths of which one is 0, and a window in ragged texts") {
    using model = of_the_type::model;
    const tensor<int, batch> lengths{3, 0};
    CHECK(worst_of_self<of_the_type>(padded<double, model>(), position<key>() <= position<token>()) < 1e-6);
    CHECK(worst_of_self<of_the_type>(turned<double, model>(), position<key>() < lengths) < 1e-6);
    CHECK(worst_of_self<of_the_type>(packed<double, model>(), position<token>() - position<key>() < 2) < 1e-6);
}

TEST_CASE("attention by its definition: one head of the identity, in plain loops") {
    struct model : axis<3> {};
    struct head : axis<1> {};
    struct depth : axis<3> {};
    nn::self_attention<double, token, model, head, depth> layer;
    for (int i = 0; i < 3; ++i) {
        layer.wq.value(i, 0, i) = layer.wk.value(i, 0, i) = layer.wv.value(i, 0, i) = 1;
        layer.wo.value(0, i, i) = 1;
    }
    tensor<double, token, model> x{{1, 0, 2}, {-1, 0.5, 0}, {0, 0.3, 1}};
    const auto y = layer.forward(x, position<key>() <= position<token>());
    for (int t = 0; t < 3; ++t) {
        double total = 0, read[3] = {};
        for (int s = 0; s <= t; ++s) {
            double score = 0;
            for (int i = 0; i < 3; ++i) score += x(t, i) * x(s, i);
            const double weight = std::exp(score / std::sqrt(3.0));
            total += weight;
            for (int i = 0; i < 3; ++i) read[i] += weight * x(s, i);
        }
        for (int i = 0; i < 3; ++i) CHECK(y(t, i) == Approx(read[i] / total));
    }
}

TEST_CASE("what is hidden has no influence, and a position that sees nothing reads zeros") {
    using model = of_the_type::model;
    nn::self_attention<float, token, model, of_the_type::head, of_the_type::depth> layer;
    nn::initialise(layer, 5);
    auto x = padded<float, model>();
    fill(x);
    auto other = x;
    for (int m = 0; m < 6; ++m) other(0, 3, m) = 1000, other(1, 0, m) = std::numeric_limits<float>::quiet_NaN();
    const tensor<int, batch> lengths{3, 0};
    const auto y = layer.forward(x, position<key>() < lengths), z = layer.forward(other, position<key>() < lengths);
    for (int t = 0; t < 3; ++t)
        for (int m = 0; m < 6; ++m) CHECK(y(0, t, m) == Approx(z(0, t, m)).margin(1e-5));
    for (int t = 0; t < 4; ++t)
        for (int m = 0; m < 6; ++m) CHECK(z(1, t, m) == 0.0f);
}

TEST_CASE("ragged texts are attended to as padded ones behind a mask") {
    using model = of_the_type::model;
    nn::self_attention<double, token, model, of_the_type::head, of_the_type::depth> layer;
    nn::initialise(layer, 6);
    auto x = packed<double, model>();
    fill(x);
    tensor<double, batch, token, model> wide(batch{4}, token{4});
    const tensor<int, batch> lengths{3, 1, 0, 4};
    for (int b = 0; b < 4; ++b)
        for (int t = 0; t < lengths(b); ++t)
            for (int m = 0; m < 6; ++m) wide(b, t, m) = x(b, t, m);
    const auto y = layer.forward(x, nn::everything{});
    const auto z = layer.forward(wide, position<key>() < lengths);
    for (int b = 0; b < 4; ++b)
        for (int t = 0; t < lengths(b); ++t)
            for (int m = 0; m < 6; ++m) CHECK(y(b, t, m) == Approx(z(b, t, m)));
}

namespace {

struct source_model : axis<4> {};
using reading = nn::cross_attention<double, token, of_the_type::model, source, source_model, of_the_type::head, of_the_type::depth, nn::biases::learnt>;

struct with_memory {
    reading layer;
    as_parameter<tensor<double, batch, source, source_model>> memory{tensor<double, batch, source, source_model>(batch{2}, source{5})};
    static void parts(auto& self, auto&& part) {
        part("attention", self.layer);
        part("memory", self.memory);
    }
};

}  // namespace

TEST_CASE("the gradients of cross-attention are its slopes, for what asks and for what is read") {
    with_memory all;
    const auto shape = padded<double, of_the_type::model>();
    const tensor<int, batch> lengths{5, 2};
    auto trace = nn::trace_for(all.layer, shape, all.memory.value);
    auto dy = trace.y;
    const auto step = [&](const auto& x, auto&& accumulate) {
        const auto mask = position<source>() < lengths;
        const double loss = weigh(all.layer.forward(x, all.memory.value, mask, trace), dy);
        accumulate(all.layer.backward(dy, x, all.memory.value, mask, trace));
        all.memory.accumulate(trace.dmemory);
        return loss;
    };
    CHECK(worst(all, shape, step) < 1e-6);
}
