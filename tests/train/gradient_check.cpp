#include <heed/train/gradient_check.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <string>

#include "plain_parameters.hpp"

namespace {

plain_model small_model() {
    plain_model model{.words = {.columns = 2, .numbers = {0.1, 0.2, 0.3, 0.4, -0.5, 0.6}}, .block = {{.weight = {.numbers = {1.5, -2}}}}};
    return model;
}

/// loss = sum of e^w over rows 2 and 0 of the words, row 2 twice, plus w0^3 + w0 w1 + sin(bias); `fault` spoils one gradient.
double step(plain_model& model, double fault = 0) {
    auto& w = model.block[0].weight;
    auto& b = model.block[0].bias;
    w.slopes[0] += 3 * w.numbers[0] * w.numbers[0] + w.numbers[1] + fault;
    w.slopes[1] += w.numbers[0];
    b.slopes[0] += std::cos(b.numbers[0]);
    auto e = [&](int i) { return std::exp(model.words.numbers[static_cast<std::size_t>(i)]); };
    model.words.touched = {2, 0};
    model.words.slopes = {2 * e(4), 2 * e(5), e(0), e(1)};
    return std::pow(w.numbers[0], 3) + w.numbers[0] * w.numbers[1] + std::sin(b.numbers[0]) + 2 * (e(4) + e(5)) + e(0) + e(1);
}

}  // namespace

TEST_CASE("right gradients pass, sparse ones and rows without any included") {
    auto model = small_model();
    const auto before = model.block[0].weight.numbers;
    const auto report = heed::train::gradient_check(model, [&] { return step(model); }, {.print = nullptr});
    CHECK(report.parameters.size() == 3);
    CHECK(report.largest() < 1e-8);
    CHECK(model.block[0].weight.numbers == before);
    CHECK(model.words.touched.empty());
}

TEST_CASE("a wrong gradient is found, and the table says where") {
    auto model = small_model();
    const auto report = heed::train::gradient_check(model, [&] { return step(model, 1e-3); }, {.print = nullptr});
    CHECK(report.largest() > 1e-4);
    CHECK(report.parameters[1].name == "block0.weight");
    CHECK(report.parameters[1].largest == report.largest());
    CHECK(report.parameters[2].largest < 1e-8);
    CHECK_THAT(report.table(), Catch::Contains("block0.weight") && Catch::Contains("{3, 2}") && Catch::Contains("relative error"));
}

TEST_CASE("a gradient that is NaN is never taken for a right one") {
    auto model = small_model();
    const auto report = heed::train::gradient_check(model, [&] { return step(model, std::nan("")); }, {.print = nullptr});
    CHECK(std::isnan(report.largest()));
}

TEST_CASE("of a large parameter a spread sample is tried") {
    plain_parameter large{.numbers = std::vector<double>(1000, 0.5)};
    const auto report = heed::train::gradient_check(
        large,
        [&] {
            double loss = 0;
            for (std::size_t i = 0; i < 1000; ++i) large.slopes[i] += 1, loss += large.numbers[i];
            return loss;
        },
        {.most = 50, .print = nullptr});
    CHECK(report.parameters[0].tried == 50);
    CHECK(report.largest() < 1e-8);
}
