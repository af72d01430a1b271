// Self-attention and its whole backward as docs/attention.md derives them, line by line, in double: held against finite
// differences, and against heed's layer, whose kernels never hold the matrices that are written out here.
#include <heed/heed.hpp>
#include <heed/nn/attention.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

struct batch    : heed::axis<2> {};
struct token    : heed::axis<5> {};
struct model    : heed::axis<6> {};
struct head     : heed::axis<2> {};
struct head_dim : heed::axis<3> {};

using namespace heed;
using key = attended<token>;                        // the same positions, as they are read

using positions          = tensor<double, batch, token, model>;
using heads              = tensor<double, batch, token, head, head_dim>;
using keys               = tensor<double, batch, key, head, head_dim>;
using matrix             = tensor<double, batch, head, token, key>;
using projection         = tensor<double, model, head, head_dim>;
using merging_projection = tensor<double, head, head_dim, model>;

/// The numbers of the forward pass that the backward reads, and the gradients.
struct by_hand {
    positions x;
    projection wq, wk, wv;
    merging_projection wo;

    const double scale = 1 / std::sqrt(double(head_dim::extent));
    heads q, o;
    keys k, v;
    matrix p;
    positions y;

    void forward() {
        const auto mask = position<key>() <= position<token>();
        q = dot<model>(x, wq);
        k = rename<token, key>(dot<model>(x, wk));
        v = rename<token, key>(dot<model>(x, wv));
        const matrix s = where(mask, dot<head_dim>(q, k) * scale, -infinity);
        p = softmax<key>(s);
        o = dot<key>(p, v);
        y = dot<head, head_dim>(o, wo);
    }

    positions dx;
    projection dwq, dwk, dwv;
    merging_projection dwo;

    void backward(const positions& dy) {
        dwo = dot<batch, token>(o, dy);
        const heads d_o = dot<model>(dy, wo);
        const keys dv = dot<token>(p, d_o);
        const matrix dp = dot<head_dim>(d_o, v);
        const matrix ds = p * (dp - sum<key>(p * dp));
        const heads dq = dot<key>(ds, k) * scale;
        const keys dk = dot<token>(ds, q) * scale;
        const auto x_read = rename<token, key>(x);
        dwq = dot<batch, token>(x, dq);
        dwk = dot<batch, key>(x_read, dk);
        dwv = dot<batch, key>(x_read, dv);
        dx = dot<head, head_dim>(dq, wq);
        dx += rename<key, token>(dot<head, head_dim>(dk, wk));
        dx += rename<key, token>(dot<head, head_dim>(dv, wv));
    }
};

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

int main() {
    random_stream random(1);
    const auto fill = [&](auto& t) {
        for (double& number : t) number = random.normal();
    };
    by_hand hand;
    positions dy;
    fill(hand.x), fill(hand.wq), fill(hand.wk), fill(hand.wv), fill(hand.wo), fill(dy);
    hand.forward();
    hand.backward(dy);

    nn::self_attention<double, token, model, head, head_dim> layer;
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
    return worst <= 1e-6 ? 0 : 1;
}
