/// Self-attention and its whole backward as docs/attention.md and docs/transformer.md derive them, line by line.
#pragma once

#include <attention_by_hand/attention.hpp>

namespace by_hand {

using positions = tensor<double, batch, token, model>;
using heads     = tensor<double, batch, token, head, head_dim>;
using keys      = tensor<double, batch, key, head, head_dim>;
using matrix    = tensor<double, batch, head, token, key>;

/// The numbers of the forward pass that the backward reads, and the gradients. Causal.
struct equations {
    positions x;
    projection wq, wk, wv;
    merging_projection wo;

    double scale;
    heads q, o;
    keys k, v;
    matrix p;
    positions y;

    equations(batch b, token t, model m, head h, head_dim d)
        : x(b, t, m), wq(m, h, d), wk(m, h, d), wv(m, h, d), wo(h, d, m), scale(1 / std::sqrt(static_cast<double>(d.value))) {}

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

/// Standard normal numbers, the same in every run.
void fill(random_stream& random, auto&... tensors) {
    const auto one = [&](auto& t) {
        for (double& number : t) number = random.normal();
    };
    (one(tensors), ...);
}

}  // namespace by_hand
