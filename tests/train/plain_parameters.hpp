/// Parameters made of vectors: the trainers need no more than spans of values and gradients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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
