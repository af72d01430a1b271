/// What the tests of layers share: axes with sizes of the type and of the run, inputs in several shapes, and finite
/// differences over a layer's parameters and its input.
#pragma once

#include <heed/heed.hpp>
#include <heed/nn/activations.hpp>
#include <heed/nn/parameter.hpp>
#include <heed/train/gradient_check.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace layers {

using namespace heed;

struct batch  : axis<> {};
struct token  : axis<> {};
struct source : axis<> {};
using texts = ragged<batch, token>;

struct of_the_type {
    struct model  : axis<6> {};
    struct hidden : axis<10> {};
    struct head   : axis<2> {};
    struct depth  : axis<3> {};
};
struct of_the_run {
    struct model  : axis<> {};
    struct hidden : axis<> {};
    struct head   : axis<> {};
    struct depth  : axis<> {};
};

/// A layer with sizes of the type, or of the run.
template <class Layer, class Sizes>
Layer make(const auto&... before) {
    if constexpr (std::is_same_v<Sizes, of_the_type>) return Layer(before...);
    else return Layer(before..., of_the_run::model{6}, of_the_run::hidden{10}, of_the_run::head{2}, of_the_run::depth{3});
}

/// Inputs {batch, token, Model}: padded, padded with another order in memory, ragged (with an empty sequence).
template <class T, class Model> auto padded() { return tensor<T, batch, token, Model>(batch{2}, token{4}, Model{6}); }
template <class T, class Model> auto turned() { return tensor<T, token, Model, batch>(batch{2}, token{4}, Model{6}); }
template <class T, class Model> auto packed() { return tensor<T, texts, Model>(texts{3, 1, 0, 4}, Model{6}); }

/// Standard normal numbers, the same in every run.
void fill(auto& tensor, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    for (auto& element : tensor) element = static_cast<std::remove_reference_t<decltype(element)>>(normal(random));
}

/// The waves of tests/golden/layers.py.
void wave(auto& numbers, double k, double above = 0) {
    double i = 0;
    for (auto& number : numbers) number = above + 0.4 * std::sin(0.7 * i++ + k);
}

/// The largest difference between numbers and the golden ones, and whether there are as many.
template <std::size_t N>
double off(const auto& numbers, const double (&golden)[N]) {
    std::size_t i = 0;
    double worst = 0;
    for (const double number : numbers) worst = i < N ? std::max(worst, std::abs(number - golden[i++])) : INFINITY;
    return i == N ? worst : INFINITY;
}

/// An input as something to learn, so that its gradient is checked like the parameters'.
template <class X> struct as_parameter;
template <class T, class... I> struct as_parameter<tensor<T, I...>> : nn::parameter<T, I...> {
    explicit as_parameter(const tensor<T, I...>& x) { this->value = x, this->gradient = x; }
};

template <class Layer, class X>
struct with_input {
    Layer& layer;
    as_parameter<X> x;
    static void parts(auto& self, auto&& part) {
        part("layer", self.layer);
        part("x", self.x);
    }
};

/// The sum of y times fixed numbers, which are its gradient and stay in dy.
template <class Y>
double weigh(const Y& y, Y& dy) {
    dy = y;
    fill(dy, 7);
    return sum_to<axes<>>(y * dy);
}

/// The largest relative error of all gradients of layer and input, at parameters drawn anew. `step(x, accumulate)` runs the
/// layer forward and backward, hands dx to accumulate, and returns the loss.
template <class Layer, class X>
double worst(Layer& layer, const X& shape, auto&& step) {
    with_input<Layer, X> all{layer, as_parameter<X>(shape)};
    unsigned seed = 20;
    nn::visit(all, [&](std::string_view, auto& parameter) { auto values = parameter.values(); fill(values, seed++); });
    return train::gradient_check(all, [&] { return step(all.x.value, [&](const auto& dx) { all.x.accumulate(dx); }); }, {.print = nullptr}).largest();
}

/// For layers of the form forward(x, trace), backward(dy, x, trace).
template <class Layer, class X>
double worst(Layer&& layer, const X& shape) {
    auto trace = nn::trace_for(layer, shape);
    auto dy = trace.y;
    return worst(layer, shape, [&](const X& x, auto&& accumulate) {
        const double loss = weigh(layer.forward(x, trace), dy);
        accumulate(layer.backward(dy, x, trace));
        return loss;
    });
}

}  // namespace layers
