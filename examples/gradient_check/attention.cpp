// Softmax and scaled dot-product attention: heed's kernels, and the same equations written out.
#include "checks.hpp"

#include <heed/eval/cpu/backend.hpp>
#include <heed/eval/attention.hpp>
#include <heed/nn/attention.hpp>

#include <cmath>

namespace gradients {

namespace {

struct batch : axis<>  {};
struct token : axis<>  {};
struct head  : axis<2> {};
struct depth : axis<3> {};
using key = attended<token>;

using queries = tensor<double, batch, token, head, depth>;
using keys    = tensor<double, batch, key, head, depth>;
using matrix  = tensor<double, batch, head, token, key>;

const double scale = 1 / std::sqrt(double(depth::extent));

/// Two sequences of so many tokens.
struct problem {
    input<queries> q;
    input<keys> k, v;
    queries dy;

    explicit problem(int tokens) : q(batch{2}, token{tokens}), k(batch{2}, key{tokens}), v(batch{2}, key{tokens}), dy(batch{2}, token{tokens}) { fill(dy, 0); }
};

/// One kernel forward and one backward, neither of which holds a matrix of tokens x keys.
///
/// A single token reads itself alone: its weight is 1 whatever q and k are. Their slopes are zero, and a difference would
/// measure nothing but rounding; so their gradients are held against zero itself, in units of 1e-8.
void check_kernels(table& found, const std::string& what, const auto& mask, int tokens = 5) {
    problem x(tokens);
    queries o, dq;
    keys dk, dv;
    tensor<double, batch, token, head> log_sum;
    const auto learn = [&] {
        const auto scores = nn::masked_scores<depth>(x.q.value, x.k.value, scale, mask);
        attention_forward<key>(scores, x.v.value, o, log_sum);
        attention_backward<key>(scores, x.v.value, o, log_sum, x.dy, dq, dk, dv);
        x.q.gradient += dq, x.k.gradient += dk, x.v.gradient += dv;
        return weigh(o, x.dy);
    };
    if (tokens > 1) return check(found, what, learn, named("q", x.q), named("k", x.k), named("v", x.v));

    fill(x.q.values(), 1), fill(x.k.values(), 2);
    check(found, what, learn, named("v", x.v));
    const double of_q = max<batch, token, head, depth>(abs(dq)), of_k = max<batch, key, head, depth>(abs(dk));
    found.parameters.push_back({what + ": q", x.q.shape(), 0, of_q / 1e-8, 0});
    found.parameters.push_back({what + ": k", x.k.shape(), 0, of_k / 1e-8, 0});
}

/// A matrix of tokens x keys with its two axes exchanged.
auto transposed(const matrix& ds) {
    struct other : axis<> {};
    return matrix(rename<other, key>(rename<key, token>(rename<token, other>(ds))));
}

/// The equations with all of their matrices, as docs/attention.md derives them; and wrong on request.
void check_written_out(table& found, const std::string& what, const auto& mask, mistake wrong) {
    problem x(5);
    const auto &q = x.q.value, &dy = x.dy;
    const auto &k = x.k.value, &v = x.v.value;
    check(found, "written out, " + what, [&] {
        matrix p = softmax<key>(nn::masked_scores<depth>(q, k, scale, mask));
        const queries o = dot<key>(p, v);

        if (wrong == mistake::mask) p = softmax<key>(nn::masked_scores<depth>(q, k, scale, nn::everything{}));
        x.v.gradient += dot<token>(p, dy);
        const matrix dp = dot<depth>(dy, v);
        const matrix ds = p * (dp - sum<key>(p * dp));
        const double factor = wrong == mistake::scale ? 1 : scale;
        x.q.gradient += dot<key>(ds, k) * factor;
        x.k.gradient += dot<token>(wrong == mistake::transpose ? transposed(ds) : ds, q) * factor;
        return weigh(o, dy);
    }, named("q", x.q), named("k", x.k), named("v", x.v));
}

void check_softmax(table& found) {
    struct row : axis<3> {};
    struct column : axis<7> {};
    input<tensor<double, row, column>> s;
    tensor<double, row, column> p, dp;
    fill(dp, 0);
    check(found, "softmax", [&] {
        p = softmax<column>(s.value);
        s.gradient += p * (dp - sum<column>(p * dp));
        return weigh(p, dp);
    }, named("scores", s));
}

}  // namespace

void check_attention(table& found, mistake wrong) {
    const auto causal = position<key>() <= position<token>();
    const tensor<int, batch> lengths{5, 3};
    const auto padding = position<key>() < lengths;
    tensor<bool, token, key> visible(token{5}, key{5});         // tokens 1 and 3 see nothing
    visible = position<token>() != 1 && position<token>() != 3 && position<key>() != 2;

    check_softmax(found);
    check_kernels(found, "attention, no mask", nn::everything{});
    check_kernels(found, "attention, causal", causal);
    check_kernels(found, "attention, padding", padding);
    check_kernels(found, "attention, rows masked out whole", visible);
    check_kernels(found, "attention, L = 1", nn::everything{}, 1);
    check_written_out(found, "no mask", nn::everything{}, wrong);
    check_written_out(found, "causal", causal, wrong);
    check_written_out(found, "padding", padding, wrong);
    check_written_out(found, "rows masked out whole", visible, wrong);
}

double effect_of_a_bias_of_the_keys() {
    problem x(5);
    fill(x.q.values(), 1), fill(x.k.values(), 2), fill(x.v.values(), 3);
    tensor<double, head, depth> bias;
    fill(bias, 4);
    const auto read = [&](const keys& k) { return queries(attention<key>(dot<depth>(x.q.value, k) * scale, x.v.value)); };
    const queries without = read(x.k.value), with = read(x.k.value + bias);
    return max<batch, token, head, depth>(abs(with - without));
}

}  // namespace gradients
