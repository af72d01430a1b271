#include <feed/learners.cpp>        // the models themselves, for all tests of this program

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <memory>
#include <numeric>
#include <vector>

#include <heed/train/gradient_check.hpp>

#include "made_up_posts.hpp"

namespace {

feed::batch some_posts(std::size_t count) {
    const auto fields = made_up::levels();
    feed::batch b;
    for (std::size_t i = 0; i < count; ++i) b.add(made_up::post(i), fields);
    return b;
}

/// Two models that start alike.
struct model_pair {
    std::unique_ptr<feed::learner> one, other;
    explicit model_pair(feed::model_kind kind) : one(new_model(kind)), other(new_model(kind)) {}
    static std::unique_ptr<feed::learner> new_model(feed::model_kind kind) { return feed::make_learner(kind, {made_up::vocabulary, made_up::levels().counts(), 1}); }
};

template <class Model>
void check_slopes() {
    Model model(made_up::vocabulary, made_up::levels().counts());
    model.start(3);
    feed::network::inputs<double> in;
    in.take(some_posts(5));
    typename Model::trace trace;
    const auto report = heed::train::gradient_check(model, [&] { return model.learn(in, trace).sum; }, {.most = 12, .print = nullptr});
    INFO(report.table());
    CHECK(report.largest() < 1e-6);
}

}  // namespace

TEST_CASE("the gradients of both models are their slopes") {
    check_slopes<feed::network::baseline<double>>();
    check_slopes<feed::network::classifier<double>>();
}

TEST_CASE("with dropout, too, the gradients of the classifier are its slopes") {
    feed::network::classifier<double> model(made_up::vocabulary, made_up::levels().counts());
    model.start(3);
    model.encoder.drop = heed::nn::dropout(0.3);
    feed::network::inputs<double> in;
    in.take(some_posts(5));
    feed::network::classifier<double>::trace trace;
    const double whole = model.learn(in, trace).sum;
    heed::nn::clear_gradients(model);
    const auto report = heed::train::gradient_check(model, [&] { return model.learn(in, trace, heed::nn::random_key{5, 2}).sum; }, {.most = 12, .print = nullptr});
    INFO(report.table());
    CHECK(report.largest() < 1e-6);
    CHECK(model.learn(in, trace, heed::nn::random_key{5, 2}).sum != whole);
}

TEST_CASE("dropout is drawn anew at each update, for the encoder alone, and in no score") {
    const auto posts = some_posts(9);
    const model_pair encoders(feed::model_kind::classifier), bags(feed::model_kind::baseline);
    for (const auto* models : {&encoders, &bags}) {                     // a rate of nothing: only what is drawn differs
        const double whole = models->one->learn(posts, 0), first = models->one->learn(posts, 0, 0.3), second = models->one->learn(posts, 0, 0.3);
        CHECK((first != whole) == (models == &encoders));
        CHECK((second != first) == (models == &encoders));
        std::vector<double> dropped, never;
        models->one->logits(posts, dropped);
        models->other->logits(posts, never);
        CHECK(dropped == never);
    }
}

TEST_CASE("a post has the same logit alone and beside others") {
    const auto fields = made_up::levels();
    for (const auto kind : {feed::model_kind::baseline, feed::model_kind::classifier}) {
        const auto model = feed::make_learner(kind, {made_up::vocabulary, fields.counts(), 1});
        feed::batch together, alone;
        for (std::size_t i = 0; i < 9; ++i) together.add(made_up::post(i), fields);
        alone.add(made_up::post(4), fields);
        std::vector<double> of_all, of_one;
        model->logits(together, of_all);
        model->logits(alone, of_one);
        CHECK(of_one[0] == Approx(of_all[4]).margin(1e-5));
    }
}

TEST_CASE("a bag of words is blind to their order, and the encoder is not") {
    const auto fields = made_up::levels();
    auto forwards = made_up::post(2);
    forwards.tokens = {1, 2, 3, 4, 5};
    auto backwards = forwards;
    backwards.tokens = {5, 4, 3, 2, 1};
    feed::batch b;
    b.add(forwards, fields);
    b.add(backwards, fields);
    std::vector<double> bag, encoder;
    feed::make_learner(feed::model_kind::baseline, {made_up::vocabulary, fields.counts(), 1})->logits(b, bag);
    feed::make_learner(feed::model_kind::classifier, {made_up::vocabulary, fields.counts(), 1})->logits(b, encoder);
    CHECK(bag[0] == Approx(bag[1]).margin(1e-5));
    CHECK(std::abs(encoder[0] - encoder[1]) > 1e-4);
}

TEST_CASE("the rows of an attention map sum to one; a model without attention has none") {
    const auto fields = made_up::levels();
    auto p = made_up::post(3);
    p.tokens = {4, 8, 15, 16, 23, 42};
    feed::batch b;
    b.add(p, fields);
    const auto weights = feed::make_learner(feed::model_kind::classifier, {made_up::vocabulary, fields.counts(), 1})->attention_weights(b);
    REQUIRE(weights.size() == feed::attention_heads * 36);
    for (std::size_t row = 0; row < weights.size(); row += 6) CHECK(std::accumulate(weights.begin() + static_cast<std::ptrdiff_t>(row), weights.begin() + static_cast<std::ptrdiff_t>(row) + 6, 0.0) == Approx(1));
    CHECK(feed::make_learner(feed::model_kind::baseline, {made_up::vocabulary, fields.counts(), 1})->attention_weights(b).empty());
}

TEST_CASE("attention is timed by both ways, and the matrices' memory grows as the square of the length") {
    const auto one = feed::time_attention(64, 0), two = feed::time_attention(128, 0);
    CHECK(one.fused_milliseconds > 0);
    CHECK(one.matrix_milliseconds > 0);
    CHECK(two.matrix_bytes == 4 * one.matrix_bytes);
    CHECK(two.fused_bytes < two.matrix_bytes);
}
