/// What parameters hold before the first step of training.
#pragma once

#include <heed/nn/copy.hpp>
#include <heed/nn/visit.hpp>
#include <heed/random.hpp>
#include <heed/target.hpp>

#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

namespace heed::inline HEED_TARGET::nn {

/// A distribution that a parameter starts from. Layers choose it for their parameters; a user may choose another.
struct initial {
    enum class form { constant, uniform, normal };
    form drawn = form::constant;
    double scale = 0;       ///< the constant; the bound of [-scale, scale); the standard deviation
};

constexpr initial constant(double value) { return {initial::form::constant, value}; }

/// Uniform in +-sqrt(6 / (inputs + outputs)), of variance 2 / (inputs + outputs): a projection then keeps the variance of
/// what passes through it forward (1 / inputs) and backward (1 / outputs) as well as one number can. Projections of the
/// layers start so; fans are those of the whole map, heads taken together.
/// Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
inline initial xavier_uniform(double inputs, double outputs) { return {initial::form::uniform, std::sqrt(6 / (inputs + outputs))}; }

/// Normal of mean 0. Tables start so, with a deviation of 1 / sqrt(width) if nobody says otherwise: rows of length 1.
constexpr initial scaled_normal(double deviation) { return {initial::form::normal, deviation}; }

/// Draws the numbers of one parameter.
template <class T>
void draw(std::span<T> numbers, initial from, std::uint64_t seed, std::string_view name) {
    std::uint64_t hash = 0xcbf29ce484222325;                // FNV-1a of the name
    for (const char letter : name) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
    random_stream random(seed, hash);
    for (T& number : numbers)
        number = static_cast<T>(from.drawn == initial::form::constant  ? from.scale
                                : from.drawn == initial::form::uniform ? from.scale * (2 * random.uniform_double() - 1)
                                                                       : from.scale * random.normal());
}

/// Draws every parameter of the model anew. A parameter's numbers depend on the seed, its name and its own size alone,
/// not on the other parameters, the order of the visit or the number of threads. Gradients are cleared.
template <class Model>
void initialise(Model& model, std::uint64_t seed) {
    visit(model, [seed](std::string_view name, auto& parameter) {
        write_numbers(parameter.values(), [&](auto numbers) { draw(numbers, parameter.start, seed, name); });
        parameter.clear_gradient();
    });
}

}  // namespace heed::inline HEED_TARGET::nn
