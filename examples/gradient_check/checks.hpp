/// What the parts of this program share: the table of what they find, and how anything at all is checked.
#pragma once

#include <heed/language.hpp>
#include <heed/nn/parameter.hpp>
#include <heed/random.hpp>
#include <heed/train/gradient_check.hpp>

#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace gradients {

using namespace heed;

/// A mistake to be made in the backward of attention written out, to see that it is found.
enum class mistake { none, scale, transpose, mask };

using table = train::gradient_report;

void check_attention(table& found, mistake wrong);
void check_layers(table& found);
void check_transformer(table& found);

/// How far the output of attention moves when one vector is added to all keys.
double effect_of_a_bias_of_the_keys();

/// Prints softmax, log-sum-exp and loss of logits of +-10,000 in float, naive and stable; whether the stable ones are right.
bool show_stability();

/// A tensor that is no layer's parameter, and its gradient: an input.
template <class X> struct input;
template <class T, class... A> struct input<tensor<T, A...>> : nn::parameter<T, A...> {
    using nn::parameter<T, A...>::parameter;
};

/// A parameter, an input or a layer, by the name that it has in the table; a layer's is put before those of its parts.
template <class Part> struct named {
    const char* name;
    Part& part;
};
template <class Part> named(const char*, Part&) -> named<Part>;

template <class... Part> struct together {
    std::tuple<named<Part>...> all;
    static void parts(auto& self, auto&& part) {
        std::apply([&](auto&... each) { (part(each.name, each.part), ...); }, self.all);
    }
};

/// Standard normal numbers, the same in every run.
void fill(auto&& numbers, std::uint64_t seed) {
    random_stream random(seed);
    for (double& number : numbers) number = random.normal();
}

/// The sum of y dy, a loss whose gradient with respect to y is dy.
double weigh(const auto& y, const auto& dy) { return sum_to<axes<>>(y * dy); }

/// Draws all parts anew and compares their gradients with differences of the loss. `loss()` runs forward and backward.
template <class... Part>
void check(table& found, const std::string& what, auto&& loss, named<Part>... part) {
    together<Part...> all{{part...}};
    std::uint64_t seed = 1;
    nn::visit(all, [&](std::string_view, auto& parameter) { fill(parameter.values(), seed++); });
    for (auto& one : train::gradient_check(all, loss, {.print = nullptr}).parameters) {
        one.name = what + ": " + one.name;
        found.parameters.push_back(std::move(one));
    }
}

}  // namespace gradients
