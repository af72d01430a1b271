#include <heed/nn/loss.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "../golden/layers.hpp"
#include "layers.hpp"

using namespace layers;

namespace {
struct classes : axis<4> {};
}

TEST_CASE("binary cross-entropy is -log of the probability of the label, and its gradient its slope") {
    nn::parameter<double, batch> logits(batch{5});
    logits.value = tensor<double, batch>{0, 2, -1.5, 0.3, 4};
    const tensor<double, batch> labels{1, 0, 1, 0.25, -1};             // one is a probability, one is not counted
    auto dlogits = logits.value;
    const auto step = [&] {
        const auto loss = nn::binary_cross_entropy::forward(logits.value, labels, dlogits);
        logits.accumulate(dlogits);
        return loss.sum;
    };
    double expected = 0;
    for (int i = 0; i < 4; ++i) {
        const double p = 1 / (1 + std::exp(-logits.value(i)));
        expected -= labels(i) * std::log(p) + (1 - labels(i)) * std::log(1 - p);
    }
    const auto loss = nn::binary_cross_entropy::forward(logits.value, labels);
    CHECK(loss.sum == Approx(expected));
    CHECK(loss.count == 4);
    CHECK(loss.mean() == Approx(expected / 4));
    CHECK(train::gradient_check(logits, step, {.print = nullptr}).largest() < 1e-6);
    step();
    CHECK(dlogits(4) == 0.0);
}

TEST_CASE("logits of any size leave the loss finite and right") {
    const tensor<float, batch> logits{1000, -1000, 80, -80}, labels{0, 0, 1, 1};
    const auto loss = nn::binary_cross_entropy::forward(logits, labels);
    CHECK(loss.sum == Approx(1080));
}

TEST_CASE("categorical cross-entropy is -log softmax at the label, and its gradient its slope") {
    nn::parameter<double, batch, token, classes> logits(batch{2}, token{2});
    fill(logits.value);
    const tensor<int, batch, token> labels{{2, 0}, {3, -1}};
    auto dlogits = logits.value;
    const auto step = [&] {
        const auto loss = nn::categorical_cross_entropy<classes>().forward(logits.value, labels, dlogits);
        logits.accumulate(dlogits);
        return loss.sum;
    };
    double expected = 0;
    for (int b = 0; b < 2; ++b)
        for (int t = 0; t < 2; ++t) {
            if (labels(b, t) < 0) continue;
            double total = 0;
            for (int c = 0; c < 4; ++c) total += std::exp(logits.value(b, t, c));
            expected += std::log(total) - logits.value(b, t, labels(b, t));
        }
    const auto loss = nn::categorical_cross_entropy<classes>().forward(logits.value, labels);
    CHECK(loss.sum == Approx(expected));
    CHECK(loss.count == 3);
    CHECK(train::gradient_check(logits, step, {.print = nullptr}).largest() < 1e-6);
    step();
    for (int c = 0; c < 4; ++c) CHECK(dlogits(1, 1, c) == 0.0);
}

TEST_CASE("smoothed labels give each class its share of the target") {
    nn::parameter<double, batch, classes> logits(batch{3});
    fill(logits.value);
    const tensor<int, batch> labels{2, -1, 0};
    auto dlogits = logits.value;
    const nn::categorical_cross_entropy<classes> smoothed(0.2);
    const auto loss = smoothed.forward(logits.value, labels, dlogits);
    double expected = 0;
    for (const int b : {0, 2}) {
        double total = 0;
        for (int c = 0; c < 4; ++c) total += std::exp(logits.value(b, c));
        for (int c = 0; c < 4; ++c) expected -= ((c == labels(b) ? 0.8 : 0) + 0.05) * (logits.value(b, c) - std::log(total));
    }
    CHECK(loss.sum == Approx(expected));
    CHECK(train::gradient_check(logits, [&] {
        const double sum = smoothed.forward(logits.value, labels, dlogits).sum;
        logits.accumulate(dlogits);
        return sum;
    }, {.print = nullptr}).largest() < 1e-6);
    CHECK_THROWS_WITH(nn::categorical_cross_entropy<classes>(1.5), Catch::Contains("label smoothing must lie in [0, 1]"));
}

TEST_CASE("over ragged texts each position is an example") {
    nn::parameter<double, texts, classes> logits(texts{2, 0, 3});
    fill(logits.value);
    tensor<int, texts> labels(texts{2, 0, 3});
    labels = position<token>() + position<batch>() - 1;                // -1, 0, then 1, 2, 3
    auto dlogits = logits.value;
    const auto step = [&] {
        const auto loss = nn::categorical_cross_entropy<classes>().forward(logits.value, labels, dlogits);
        logits.accumulate(dlogits);
        return loss.sum;
    };
    CHECK(nn::categorical_cross_entropy<classes>().forward(logits.value, labels).count == 4);
    CHECK(train::gradient_check(logits, step, {.print = nullptr}).largest() < 1e-6);
}

TEST_CASE("a label beyond the classes is an error, and a loss over nothing is 0") {
    tensor<float, batch, classes> logits(batch{2});
    CHECK_THROWS_WITH(nn::categorical_cross_entropy<classes>().forward(logits, tensor<int, batch>{1, 4}), Catch::Contains("beyond the 4 classes"));
    const auto nothing = nn::categorical_cross_entropy<classes>().forward(logits, tensor<int, batch>{-1, -1});
    CHECK(nothing.sum == 0);
    CHECK(nothing.mean() == 0);
}

TEST_CASE("both losses have PyTorch's values") {
    struct three : axis<3> {};
    tensor<double, batch, three> logits(batch{4}), labels(batch{4});
    wave(logits, 5);
    logits = 5 * logits;
    const double sum = nn::categorical_cross_entropy<three>().forward(logits, tensor<int, batch>{2, 0, 1, 1}).sum;
    CHECK(sum == Approx(golden::layers::cross_entropy[0]).epsilon(1e-14));
    for (int i = 0; i < 12; ++i) labels.data()[i] = logits.data()[i % 4 * 3 + i / 4] > 0;      // another order than the logits'
    CHECK(nn::binary_cross_entropy::forward(logits, labels).sum == Approx(golden::layers::binary_cross_entropy[0]).epsilon(1e-14));
}
