// Each step of multi-head attention, forward and backward: its shape and what it costs, counted by explain; then what a mask
// does to the numbers, and the edges.
#include <attention_by_hand/equations.hpp>
#include <attention_by_hand/parts.hpp>

#include <heed/eval/explain.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>
#include <string>

namespace by_hand {

namespace {

/// Takes steps, and prints a line for each: the shape of what it computes, its multiplications and additions by a formula
/// and by explain.
struct table {
    double flops = 0;
    bool agree = true;

    void step(const char* equation, auto& result, const auto& expression, const char* formula, double expected) {
        const double counted = explain(expression).flops();
        result = expression;
        flops += counted;
        agree &= expected == 0 || counted == expected;
        std::string shape;
        for (int i = 0; i < std::remove_cvref_t<decltype(result)>::rank; ++i) shape += (i > 0 ? ", " : "{") + std::to_string(result.memory().size[i]);
        std::printf("    %-22s %-16s %-14s %9.0f\n", equation, (shape + "}").c_str(), formula, counted);
    }
};

bool show_shapes_and_cost() {
    const int B = 4, T = 10, m = 64, h = 8, d = 8;
    random_stream random(1);
    equations at(batch{B}, token{T}, model{m}, head{h}, head_dim{d}), same = at;
    positions dy(batch{B}, token{T}, model{m}), y;
    fill(random, at.x, at.wq, at.wk, at.wv, at.wo, dy);
    same.x = at.x, same.wq = at.wq, same.wk = at.wk, same.wv = at.wv, same.wo = at.wo;
    heads q, o, d_o, dq;
    keys k, v, dk, dv, dk_read, dv_read;
    matrix s, p, dp, ds;
    projection dwq, dwk, dwv;
    merging_projection dwo;
    const auto causal = position<key>() <= position<token>();
    const double projected = 2.0 * B * T * m * h * d, pairs = 2.0 * B * h * T * T * d;
    const char *of_projection = "2 B T m h d", *of_pairs = "2 B h T^2 d";

    std::printf("\nB = %d sequences, T = %d positions, m = %d numbers of each, h = %d heads of d = %d\n\n"
                "    forward                shape            FLOP           by explain\n", B, T, m, h, d);
    table forward, backward;
    forward.step("q = x Wq", q, dot<model>(at.x, at.wq), of_projection, projected);
    forward.step("k = x Wk", k, rename<token, key>(dot<model>(at.x, at.wk)), of_projection, projected);
    forward.step("v = x Wv", v, rename<token, key>(dot<model>(at.x, at.wv)), of_projection, projected);
    forward.step("s = mask(q k / sqrt d)", s, where(causal, dot<head_dim>(q, k) * at.scale, -infinity), of_pairs, pairs);
    forward.step("p = softmax(s)", p, softmax<key>(s), "~ B h T^2", 0);
    forward.step("o = p v", o, dot<key>(p, v), of_pairs, pairs);
    forward.step("y = o Wo", y, dot<head, head_dim>(o, at.wo), of_projection, projected);

    std::printf("    backward\n");
    const auto x_read = rename<token, key>(at.x);
    backward.step("dWo = sum o dy", dwo, dot<batch, token>(o, dy), of_projection, projected);
    backward.step("do = dy Wo", d_o, dot<model>(dy, at.wo), of_projection, projected);
    backward.step("dv = sum p do", dv, dot<token>(p, d_o), of_pairs, pairs);
    backward.step("dp = do v", dp, dot<head_dim>(d_o, v), of_pairs, pairs);
    backward.step("ds = p (dp - sum p dp)", ds, p * (dp - sum<key>(p * dp)), "~ B h T^2", 0);
    backward.step("dq = ds k / sqrt d", dq, dot<key>(ds, k) * at.scale, of_pairs, pairs);
    backward.step("dk = sum ds q / sqrt d", dk, dot<token>(ds, q) * at.scale, of_pairs, pairs);
    backward.step("dWq = sum x dq", dwq, dot<batch, token>(at.x, dq), of_projection, projected);
    backward.step("dWk = sum x dk", dwk, dot<batch, key>(x_read, dk), of_projection, projected);
    backward.step("dWv = sum x dv", dwv, dot<batch, key>(x_read, dv), of_projection, projected);
    positions of_q, of_k, of_v;
    backward.step("dx = dq Wq", of_q, dot<head, head_dim>(dq, at.wq), of_projection, projected);
    backward.step("   + dk Wk", of_k, rename<key, token>(dot<head, head_dim>(dk, at.wk)), of_projection, projected);
    backward.step("   + dv Wv", of_v, rename<key, token>(dot<head, head_dim>(dv, at.wv)), of_projection, projected);
    std::printf("    forward %.0f in all, backward %.0f: %.2f times as many\n", forward.flops, backward.flops, backward.flops / forward.flops);

    std::printf("\nThe three steps in the middle as one statement, without s and p:\n\n");
    std::cout << explain(dot<key>(softmax<key>(where(causal, dot<head_dim>(q, k) * at.scale, -infinity)), v)) << '\n';

    // What was taken step by step is what the equations of docs/attention.md compute.
    same.forward();
    same.backward(dy);
    const double off_y = max<batch, token, model>(abs(y - same.y)), off_x = max<batch, token, model>(abs(of_q + of_k + of_v - same.dx));
    return forward.agree && backward.agree && off_y < 1e-12 && off_x < 1e-12;
}

/// One query whose third key is hidden, in the steps of a softmax.
bool show_mask() {
    tensor<double, key> scores{2, 1, 40, 0};
    tensor<bool, key> mask{true, true, false, true};
    const auto line = [](const char* what, const tensor<double, key>& row) {
        std::printf("    %-36s", what);
        for (double number : row) std::printf(" %9.4g", number);
        std::printf("\n");
    };
    std::printf("\nA mask of 1 1 0 1, where 1 may be read\n\n");
    line("scores", scores);
    const tensor<double, key> hidden = where(mask, scores, -infinity);
    line("-infinity where it is 0", hidden);
    const double most = max<key>(hidden);
    const tensor<double, key> below = hidden - most;
    line("less the greatest that is visible", below);
    const tensor<double, key> powers = exp(below);
    line("e to that: nothing overflows", powers);
    const double total = sum<key>(powers);
    const tensor<double, key> weights = powers / total;
    line("by their sum: the weights", weights);
    line("softmax<key>", softmax<key>(hidden));
    std::printf("The greatest is taken after the mask: less 40, the visible powers would be near e^-38, and in float 0 for scores further apart.\n");
    const double off = max<key>(abs(weights - softmax<key>(hidden)));
    return weights(2) == 0 && off < 1e-15;
}

/// A row that may attend to nothing, one position, and no position at all.
bool show_edges() {
    const int m = 4;
    const auto attend = [&](int positions_of_it, const auto& mask) {
        random_stream random(2);
        projection wq(model{m}, head{2}, head_dim{2}), wk = wq, wv = wq;
        merging_projection wo(head{2}, head_dim{2}, model{m});
        tensor<double, token, model> x(token{positions_of_it}, model{m});
        fill(random, wq, wk, wv, wo, x);
        const tensor<double, key, model> read = rename<token, key>(x);
        struct result {
            tensor<double, token, model> y, value;          // value: what a position reads of itself alone
        };
        return result{multi_head_attention(x, read, read, wq, wk, wv, wo, mask), dot<head, head_dim>(dot<model>(x, wv), wo)};
    };
    const auto print = [](const char* what, const tensor<double, token, model>& y, int row) {
        std::printf("    %-44s", what);
        for (int i = 0; i < 4; ++i) std::printf(" %8.4f", y(row, i));
        std::printf("\n");
    };
    std::printf("\nEdges, d_model = 4, 2 heads\n\n");
    const auto three = attend(3, position<key>() < position<token>());
    print("L = 3, row 0 may attend to nothing:  row 0", three.y, 0);
    print("                                     row 1", three.y, 1);
    const auto one = attend(1, position<key>() <= position<token>());
    print("L = 1: the weight is 1", one.y, 0);
    print("       so the output is x Wv Wo", one.value, 0);
    const auto none = attend(0, position<key>() <= position<token>());
    std::printf("    L = 0: %d rows\n", static_cast<int>(extent_of<token>(none.y)));
    bool holds = extent_of<token>(none.y) == 0;
    for (int i = 0; i < m; ++i) holds &= three.y(0, i) == 0 && std::abs(one.y(0, i) - one.value(0, i)) < 1e-12;
    return holds;
}

}  // namespace

bool show_steps() {
    bool holds = show_shapes_and_cost();
    holds &= show_mask();
    holds &= show_edges();
    std::printf("each count of a product is its formula, the mask hides, a row of nothing is zero: %s\n", holds ? "yes" : "NO");
    return holds;
}

}  // namespace by_hand
