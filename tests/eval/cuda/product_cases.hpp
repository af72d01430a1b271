// Products as layers write them, and as they lie awkwardly: beside the table of cases, for backends that hand products to a library.
#pragma once

#include "../cases.hpp"

namespace cases {

template <class T>
struct product_operands : operands<T> {
    tensor<T, head, depth> by_head;
    tensor<T, batch, token, head, depth> queries;
    tensor<T, batch, key, head, depth> keys;
    tensor<T, token, model, batch> batch_last;
    tensor<T, model, inner, batch> to_inner_batch_last;
    tensor<T, token, batch, inner> tokens_first;

    explicit product_operands(sizes s)
        : operands<T>(s), queries(batch{s.batches}, token{s.tokens}), keys(batch{s.batches}, key{s.inners}),
          batch_last(token{s.tokens}, model{s.models}, batch{s.batches}), to_inner_batch_last(model{s.models}, inner{s.inners}, batch{s.batches}),
          tokens_first(token{s.tokens}, batch{s.batches}, inner{s.inners}) {
        unsigned seed = 100;
        const auto some = [&](auto&... t) { (with_elements(t, [&](auto* first, auto* last) { fill(first, last, ++seed); }), ...); };
        some(by_head, queries, keys, batch_last, to_inner_batch_last, tokens_first);
    }
};

template <class Check>
void finished_products(Check&& check) {
    check("bias and GELU by tanh", [](auto& o) { return gelu_tanh(dot<model>(o.x, o.to_inner) + o.bias); });
    check("bias, weight turned", [](auto& o) { return o.bias + dot<model>(o.x, o.from_inner); });
    check("bias of heads", [](auto& o) { return dot<model>(o.x, o.to_heads) + o.by_head; });
    check("bias of a ragged batch", [](auto& o) { return dot<model>(o.packed, o.to_inner) + o.bias; });
    check("bias and residual", [](auto& o) { return o.hidden + (dot<model>(o.x, o.to_inner) + o.bias); });
    check("residual", [](auto& o) { return o.hidden + dot<model>(o.x, o.to_inner); });
    check("residual by text", [](auto& o) { return o.packed + dot<head, depth>(dot<model>(o.packed, o.to_heads), o.from_heads); });
    check("scaled scores", [](auto& o) { return dot<model>(o.x, rename<token, query>(o.x)) / 8; });
    check("scaled, then a bias", [](auto& o) { return 0.5 * dot<model>(o.x, o.to_inner) + o.bias; });
    check("gradient before GELU by tanh", [](auto& o) { return dot<model>(o.x, o.to_inner) * gelu_tanh_slope(o.hidden); });
}
template <class Check>
void unfinished_products(Check&& check) {
    check("bias along the rows", [](auto& o) { return dot<model>(o.from_inner, o.turned) + o.bias; });
    check("residual by text and row", [](auto& o) { return o.by_batch + dot<model>(o.packed, o.to_inner); });
    check("bias scaled with the sum", [](auto& o) { return 0.5 * (dot<model>(o.x, o.to_inner) + o.bias); });
    check("residual after GELU", [](auto& o) { return o.hidden + gelu_tanh(dot<model>(o.x, o.to_inner) + o.bias); });
}
template <class Check>
void awkward_products(Check&& check) {
    check("scores of heads", [](auto& o) { return dot<depth>(o.queries, o.keys); });
    check("the batch lies innermost", [](auto& o) { return dot<model>(o.batch_last, o.to_inner_batch_last); });
    check("summed axes in another order", [](auto& o) { return dot<batch, token>(o.x, o.tokens_first); });
}

}  // namespace cases
