// What masks do to the numbers: hidden keys, a query that sees nothing, NaN behind a mask, and why not "a very negative number".
//
// In heed a mask says who MAY attend: true = the key counts. So does scaled_dot_product_attention in PyTorch;
// torch.nn.MultiheadAttention's attn_mask and key_padding_mask say the opposite, true = hidden.
#include <heed/heed.hpp>

#include <cmath>
#include <cstdio>
#include <limits>

struct query    : heed::axis<3> {};
struct key      : heed::axis<4> {};
struct head_dim : heed::axis<2> {};

using namespace heed;

void show(const char* what, const tensor<float, query, head_dim>& x) {
    std::printf("%-34s", what);
    for (int i = 0; i < query::extent; ++i) std::printf("   (%g, %g)", x(i, 0), x(i, 1));
    std::printf("\n");
}

int main() {
    // All scores are 0, so each query reads the mean of the values that it sees.
    tensor<float, query, head_dim> q;
    tensor<float, key, head_dim> k, v{{1, 10}, {2, 20}, {3, 30}, {400, 4000}};
    tensor<bool, query, key> may_attend{{true, true, true, true}, {true, false, true, false}, {false, false, false, false}};
    const auto scores = dot<head_dim>(q, k) / std::sqrt(float(head_dim::extent));
    const auto attend = [&](float hidden) {
        return tensor<float, query, head_dim>(dot<key>(softmax<key>(where(may_attend, scores, hidden)), v));
    };
    std::printf("query 0 sees four keys, query 1 sees keys 0 and 2, query 2 sees none\n\n");
    show("hidden = -infinity", attend(-std::numeric_limits<float>::infinity()));
    show("hidden = -1e9", attend(-1e9f));
    show("the mask read the other way round", dot<key>(softmax<key>(where(!may_attend, scores, -infinity)), v));

    std::printf("\nthe value of key 3 is NaN, and then its key as well\n\n");
    v(3, 0) = v(3, 1) = std::numeric_limits<float>::quiet_NaN();
    const auto equation = [&] { return tensor<float, query, head_dim>(dot<key>(softmax<key>(where(may_attend, scores, -infinity)), v)); };
    show("value NaN, hidden = -infinity", equation());
    show("value NaN, hidden = -1e9", attend(-1e9f));
    k(3, 0) = k(3, 1) = std::numeric_limits<float>::quiet_NaN();
    show("key and value NaN", equation());

    // Gradients, for a gradient of the output that is 1 everywhere; query 0 now hides key 3 like the others.
    may_attend(0, 3) = false;
    const auto masked = where(may_attend, scores, -infinity);
    tensor<float, query, head_dim> out, dout, dq;
    tensor<float, query> log_sum;
    tensor<float, key, head_dim> dk, dv;
    dout = 1.0f;
    attention_forward<key>(masked, v, out, log_sum);
    attention_backward<key>(masked, v, out, log_sum, dout, dq, dk, dv);
    std::printf("\nkey 3 hidden from all: gradients of the values, key by key\n\n%-34s", "dv");
    for (int j = 0; j < key::extent; ++j) std::printf("   (%g, %g)", dv(j, 0), dv(j, 1));
    std::printf("\n");
    show("dq", dq);
    std::printf("%-34s   %g   %g   %g\n", "log-sum-exp of the scores", log_sum(0), log_sum(1), log_sum(2));
}
