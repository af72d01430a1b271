#include <heed/nn/projected_loss.hpp>

#include <catch2/catch.hpp>

#include "layers.hpp"

using namespace layers;

TEST_CASE("a loss fused with its projection, block by block, is the loss of the logits") {
    struct many : axis<3000> {};            // 128 positions a block: 300 are three of them, the last not full
    struct model : axis<6> {};
    nn::parameter<double, many, model> table;
    tensor<double, batch, token, model> h(batch{3}, token{100});
    fill(table.value), fill(h, 2);
    tensor<int, batch, token> labels(batch{3}, token{100});
    labels = where(position<token>() < 90, position<token>() * 30 + position<batch>(), -1);

    const nn::projected_cross_entropy<many, model> fused(0.1);
    auto trace = nn::trace_for(fused, h);
    const auto loss = fused.learn(h, table, labels, trace);

    const tensor<double, batch, token, many> logits = dot<model>(h, table.value);
    auto dlogits = logits;
    const auto whole = nn::categorical_cross_entropy<many>(0.1).forward(logits, labels, dlogits);
    CHECK(loss.count == 270);
    CHECK(loss.sum == Approx(whole.sum).epsilon(1e-13));
    CHECK(fused.forward(h, table, labels, trace).sum == loss.sum);
    const decltype(h) dh = dot<many>(dlogits, table.value);
    const tensor<double, many, model> dtable = dot<batch, token>(dlogits, h);
    double worst = 0;
    for (int i = 0; i < dh.size(); ++i) worst = std::max(worst, std::abs(dh.data()[i] - trace.dh.data()[i]));
    for (int i = 0; i < dtable.size(); ++i) worst = std::max(worst, std::abs(dtable.data()[i] - table.gradient.data()[i]));
    CHECK(worst < 1e-12);
    CHECK(trace.logits.size() == 44 * 3000);            // no more than the last block is held
}

TEST_CASE("labels for another number of positions are an error") {
    struct some : axis<4> {};
    struct model : axis<6> {};
    nn::parameter<float, some, model> table;
    const nn::projected_cross_entropy<some, model> fused;
    const tensor<float, token, model> h(token{3});
    auto trace = nn::trace_for(fused, h);
    CHECK_THROWS_WITH(fused.forward(h, table, tensor<int, token>{1, 2}, trace), "projected_cross_entropy: there are 2 labels for 3 positions.");
}
