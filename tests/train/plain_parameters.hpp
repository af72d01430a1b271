/// Parameters made of vectors: the trainers need no more than spans of values and gradients.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <heed/eval/cpu/backend.hpp>
#include <heed/nn/visit.hpp>

struct plain_parameter {
    std::vector<double> numbers;
    std::vector<double> slopes = std::vector<double>(numbers.size());
    heed::nn::role kind = heed::nn::role::weight;
    bool frozen = false;

    std::span<double> values() { return numbers; }
    std::span<const double> values() const { return numbers; }
    std::span<double> gradients() { return slopes; }
    std::span<const double> gradients() const { return slopes; }
    void clear_gradient() { slopes.assign(slopes.size(), 0); }
    std::vector<std::int64_t> shape() const { return {static_cast<std::int64_t>(numbers.size())}; }
};

struct plain_table {
    std::size_t columns;
    std::vector<double> numbers;
    std::vector<int> touched = {};
    std::vector<double> slopes = {};
    heed::nn::role kind = heed::nn::role::table;
    bool frozen = false;

    std::span<double> values() { return numbers; }
    std::span<const double> values() const { return numbers; }
    std::span<double> gradients() { return slopes; }
    std::span<const double> gradients() const { return slopes; }
    std::span<const int> rows() const { return touched; }
    std::size_t width() const { return columns; }
    void clear_gradient() { touched.clear(); slopes.clear(); }
    std::vector<std::int64_t> shape() const { return {static_cast<std::int64_t>(numbers.size() / columns), static_cast<std::int64_t>(columns)}; }
};

struct plain_layer {
    plain_parameter weight, bias{.numbers = {0.25}, .kind = heed::nn::role::bias};
    static void parts(auto& self, auto&& part) {
        part("weight", self.weight);
        part("bias", self.bias);
    }
};

struct plain_model {
    plain_table words;
    std::vector<plain_layer> block;
    static void parts(auto& self, auto&& part) {
        part("words", self.words);
        part("block", self.block);
    }
};

/// A parameter after four steps from wave 1 along waves 0, 10, 20 and 30 of tests/golden/layers.py.
std::vector<double> four_steps(auto optimizer, double rate) {
    const auto wave = [](double k) {
        std::vector<double> numbers(5);
        for (int i = 0; i < 5; ++i) numbers[static_cast<std::size_t>(i)] = 0.4 * std::sin(0.7 * i + k);
        return numbers;
    };
    plain_parameter weight{.numbers = wave(1)};
    for (int t = 0; t < 4; ++t) {
        weight.slopes = wave(10 * t);
        optimizer.step(weight, rate);
    }
    return weight.numbers;
}

/// The largest difference between numbers and the golden ones.
template <std::size_t N>
double off(const std::vector<double>& numbers, const double (&golden)[N]) {
    if (numbers.size() != N) return INFINITY;
    double worst = 0;
    for (std::size_t i = 0; i < N; ++i) worst = std::max(worst, std::abs(numbers[i] - golden[i]));
    return worst;
}
