// The equations of self-attention, held against finite differences, and against heed's layer, whose kernels never hold the
// matrices that are written out there.
#include <attention_by_hand/equations.hpp>
#include <attention_by_hand/parts.hpp>

#include <heed/nn/attention.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace by_hand {

namespace {

/// The largest difference, relative to the largest number.
double difference(const auto& a, const auto& b) {
    double worst = 0, largest = 1e-8;
    auto other = b.begin();
    for (double number : a) {
        worst = std::max(worst, std::abs(number - *other));
        largest = std::max({largest, std::abs(number), std::abs(*other)});
        ++other;
    }
    return worst / largest;
}

}  // namespace

bool show_equations() {
    random_stream random(1);
    equations hand(batch{2}, token{5}, model{6}, head{2}, head_dim{3});
    positions dy(batch{2}, token{5}, model{6});
    fill(random, hand.x, hand.wq, hand.wk, hand.wv, hand.wo, dy);
    hand.forward();
    hand.backward(dy);

    nn::self_attention<double, token, model, head, head_dim> layer(model{6}, head{2}, head_dim{3});
    layer.wq.value = hand.wq, layer.wk.value = hand.wk, layer.wv.value = hand.wv, layer.wo.value = hand.wo;
    const auto mask = position<key>() <= position<token>();
    auto trace = nn::trace_for(layer, hand.x);
    layer.forward(hand.x, mask, trace);
    layer.backward(dy, hand.x, mask, trace);

    // Finite differences of the loss sum y dy, whose gradient in y is dy.
    const auto slopes = [&](auto& values) {
        auto slope = values;
        auto to = slope.begin();
        for (double& value : values) {
            const double kept = value, step = 1e-5 * std::max(1.0, std::abs(kept));
            const auto loss_at = [&](double moved) {
                value = moved;
                hand.forward();
                return double(dot<batch, token, model>(hand.y, dy));
            };
            *to++ = (loss_at(kept + step) - loss_at(kept - step)) / (2 * step);
            value = kept;
        }
        return slope;
    };

    std::printf("largest difference of the equations to     finite differences     heed's layer\n");
    double worst = 0;
    const auto report = [&](const char* name, auto& values, const auto& gradient, const auto& of_layer) {
        const double a = difference(gradient, slopes(values)), b = difference(gradient, of_layer);
        worst = std::max({worst, a, b});
        std::printf("    d%-3s %51.1e %16.1e\n", name, a, b);
    };
    report("Wq", hand.wq, hand.dwq, layer.wq.gradient);
    report("Wk", hand.wk, hand.dwk, layer.wk.gradient);
    report("Wv", hand.wv, hand.dwv, layer.wv.gradient);
    report("Wo", hand.wo, hand.dwo, layer.wo.gradient);
    report("x", hand.x, hand.dx, trace.dx);
    std::printf("all within 1e-6: %s\n", worst <= 1e-6 ? "yes" : "NO");
    return worst <= 1e-6;
}

}  // namespace by_hand
