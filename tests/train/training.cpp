#include <heed/train/adam.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <thread>

#include <unistd.h>

#include <heed/train/accumulation.hpp>
#include <heed/train/checkpoint.hpp>
#include <heed/train/clipping.hpp>
#include <heed/train/gradient_check.hpp>
#include <heed/train/schedule.hpp>

#include "small_classifier.hpp"

using namespace small;

namespace {

/// One update on batch number `optimizer.steps()`, with dropout; the mean loss.
template <class T>
double update(classifier<T>& model, train::adamw<T>& optimizer, typename classifier<T>::trace& trace) {
    const auto step = static_cast<std::uint64_t>(optimizer.steps());
    const batch_of<T> batch(step);
    nn::clear_gradients(model);
    const auto loss = model.learn(batch.ids, batch.labels, trace, nn::random_key{3, step});
    const auto clipped = train::clip_by_global_norm(model, 1.0, 1 / loss.count);
    const train::schedule rate{.peak = 1e-2, .warm_up = 20, .total = 300};
    optimizer.step(model, rate(optimizer.steps() + 1), clipped.scale);
    return loss.mean();
}

template <class T>
bool same_bits(const classifier<T>& a, const classifier<T>& b) {
    std::vector<T> all;
    nn::visit(a, [&](std::string_view, const auto& parameter) { all.insert(all.end(), parameter.values().begin(), parameter.values().end()); });
    std::size_t at = 0;
    bool same = true;
    nn::visit(b, [&](std::string_view, const auto& parameter) {
        for (const T value : parameter.values()) same = same && value == all[at++];
    });
    return same && at == all.size();
}

}  // namespace

TEST_CASE("the gradients of a whole classifier are its slopes") {
    classifier<double> model;
    nn::initialise(model, 4);
    const batch_of<double> batch(0, 5, 12);
    classifier<double>::trace trace;
    const auto report = train::gradient_check(model, [&] { return model.learn(batch.ids, batch.labels, trace).sum; }, {.most = 40, .print = nullptr});
    INFO(report.table());
    CHECK(report.largest() < 1e-6);
}

TEST_CASE("a classifier learns an effect of order that no mean of its words could") {
    classifier<float> model;
    nn::initialise(model, 1);
    train::adamw<float> optimizer;
    classifier<float>::trace trace;
    double first = 0, latest = 0;
    for (int t = 0; t < 300; ++t) {
        const double loss = update(model, optimizer, trace);
        (t < 20 ? first : latest) += t < 20 || t >= 280 ? loss / 20 : 0;
    }
    CHECK(first > 0.35);
    CHECK(latest < 0.15);
    int right = 0;
    const batch_of<float> unseen(100'000, 200);
    const auto& logits = model.forward(unseen.ids, trace);
    for (int b = 0; b < 200; ++b) right += (logits(b, 0) > 0) == (unseen.labels(b, 0) > 0);
    CHECK(right >= 188);
}

TEST_CASE("a whole training that goes on from its checkpoint ends in the same bits") {
    const auto path = std::filesystem::temp_directory_path() / ("heed_training_" + std::to_string(::getpid()) + ".safetensors");
    classifier<float> whole, broken, resumed;
    nn::initialise(whole, 1), nn::initialise(broken, 1);
    train::adamw<float> of_whole, of_broken, of_resumed;
    classifier<float>::trace trace, another;
    whole.encoder.drop = broken.encoder.drop = resumed.encoder.drop = nn::dropout(0.1);
    for (int t = 0; t < 12; ++t) update(whole, of_whole, trace);
    for (int t = 0; t < 5; ++t) update(broken, of_broken, another);
    train::save_checkpoint(path, broken, of_broken);
    train::load_checkpoint(path, resumed, of_resumed);
    std::filesystem::remove(path);
    classifier<float>::trace fresh;
    for (int t = 5; t < 12; ++t) update(resumed, of_resumed, fresh);
    CHECK(same_bits(whole, resumed));
    CHECK_FALSE(same_bits(whole, broken));
}

TEST_CASE("batches that an update takes together have the gradient of one batch of all") {
    classifier<double> together, apart;
    nn::initialise(together, 1), nn::initialise(apart, 1);
    const batch_of<double> left(1, 3), right(2, 7);
    std::vector<int> lengths = batch_of<double>::lengths(1, 3, 40);
    for (const int n : batch_of<double>::lengths(2, 7, 40)) lengths.push_back(n);
    tensor<int, texts> ids{texts(lengths)};
    tensor<double, text, answer> labels(text{10});
    std::copy(left.ids.begin(), left.ids.end(), ids.begin());
    std::copy(right.ids.begin(), right.ids.end(), ids.begin() + left.ids.size());
    std::copy(left.labels.begin(), left.labels.end(), labels.begin());
    std::copy(right.labels.begin(), right.labels.end(), labels.begin() + 3);

    classifier<double>::trace trace;
    train::accumulation sums;
    for (const auto* batch : {&left, &right}) {
        const auto loss = apart.learn(batch->ids, batch->labels, trace);
        sums.add(loss.sum, loss.count);
    }
    const auto loss = together.learn(ids, labels, trace);
    CHECK(sums.mean_loss() == Approx(loss.mean()));
    CHECK(train::global_norm(apart, sums.gradient_scale()) == Approx(train::global_norm(together, 1 / loss.count)));
    train::adamw<double> a, b;
    a.step(apart, 1e-2, sums.gradient_scale());
    b.step(together, 1e-2, 1 / loss.count);
    const auto& x = apart.encoder.blocks[0].network.w1.value;
    const auto& y = together.encoder.blocks[0].network.w1.value;
    for (int i = 0; i < x.size(); ++i) CHECK(x.data()[i] == Approx(y.data()[i]).epsilon(1e-6));
}

TEST_CASE("two threads share a const model, each with a trace of its own") {
    const auto model = [] { classifier<float> m; nn::initialise(m, 2); return m; }();
    const batch_of<float> batch(5);
    classifier<float>::trace alone, one, other;
    const auto expected = model.forward(batch.ids, alone);
    std::thread first([&] { for (int i = 0; i < 20; ++i) model.forward(batch.ids, one); });
    std::thread second([&] { for (int i = 0; i < 20; ++i) model.forward(batch.ids, other); });
    first.join(), second.join();
    for (int b = 0; b < 16; ++b) {
        CHECK(one.last.y(b, 0) == expected(b, 0));
        CHECK(other.last.y(b, 0) == expected(b, 0));
    }
}
