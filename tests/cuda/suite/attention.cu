// Attention on the GPU, forward and backward, against its equations on the host in float.
#include "agreement.hpp"

using namespace heed;

namespace {

struct batch : axis<> {};
struct query : axis<> {};
struct key   : axis<> {};
struct head  : axis<> {};
template <int N> struct depth : axis<N> {};
template <int N> struct value : axis<N> {};

/// A mask that hides some keys from every row but the first, and all of them from none.
auto causal() { return position<key>() <= position<query>(); }

template <int N>
struct attention_problem {
    tensor<float, batch, query, head, depth<N>> q;
    tensor<float, batch, key, head, depth<N>> k;
    tensor<float, batch, key, head, value<N>> v;
    tensor<float, batch, query, head, value<N>> out, d_out;
    tensor<float, batch, query, head> log_sum_exp;
    tensor<float, batch, query, head, key> p, ds;
    tensor<float, batch, query, head, depth<N>> dq;
    tensor<float, batch, key, head, depth<N>> dk;
    tensor<float, batch, key, head, value<N>> dv;

    attention_problem(int batches, int queries, int keys, int heads)
        : q(batch{batches}, query{queries}, head{heads}), k(batch{batches}, key{keys}, head{heads}), v(batch{batches}, key{keys}, head{heads}), d_out(batch{batches}, query{queries}, head{heads}) {
        unsigned seed = 0;
        const auto some = [&](auto&... t) { (cases::fill(t.begin(), t.end(), ++seed), ...); };
        some(q, k, v, d_out);
    }
    /// What reaches the device, rounded as there; then the equations.
    template <class T> void round_to() {
        const auto round = [](auto&... t) {
            ([&] {
                for (float& x : t) x = static_cast<float>(static_cast<T>(x));
            }(), ...);
        };
        round(q, k, v, d_out);
        const auto scores = where(causal(), dot<depth<N>>(q, k) / 4.0f, -infinity);
        reference::assign(p, softmax<key>(scores));
        reference::assign(log_sum_exp, logsumexp<key>(scores));
        reference::assign(out, dot<key>(p, v));
        reference::assign(dv, dot<query>(p, d_out));
        reference::assign(ds, p * (dot<value<N>>(d_out, v) - sum<value<N>>(d_out * out)));
        reference::assign(dq, dot<key>(ds, k) / 4.0f);
        reference::assign(dk, dot<query>(ds, q) / 4.0f);
    }
};

template <class T, int N> void check_attention(int batches, int queries, int keys, int heads) {
    INFO("batch " << batches << ", query " << queries << ", key " << keys << ", head " << heads << ", depth " << N);
    attention_problem<N> here(batches, queries, keys, heads);
    here.template round_to<T>();
    cuda::tensor<float, batch, query, head, depth<N>> q32 = here.q;
    cuda::tensor<float, batch, key, head, depth<N>> k32 = here.k;
    cuda::tensor<float, batch, key, head, value<N>> v32 = here.v;
    cuda::tensor<float, batch, query, head, value<N>> d_out32 = here.d_out;
    cuda::tensor<T, batch, query, head, depth<N>> q = as<T>(q32), dq;
    cuda::tensor<T, batch, key, head, depth<N>> k = as<T>(k32), dk;
    cuda::tensor<T, batch, key, head, value<N>> v = as<T>(v32), dv;
    cuda::tensor<T, batch, query, head, value<N>> d_out = as<T>(d_out32), out;
    cuda::tensor<float, batch, query, head> log_sum_exp;
    const auto scores = where(causal(), dot<depth<N>>(q, k) / 4.0f, -infinity);
    attention_forward<key>(scores, v, out, log_sum_exp);
    attention_backward<key>(scores, v, out, log_sum_exp, d_out, dq, dk, dv);

    const double most = std::is_same_v<T, float> ? 1e-4 : 5e-2;
    const auto check = [&](const char* what, const auto& found, const auto& expected) {
        INFO(what);
        heed::tensor wide = as<float>(found);
        std::remove_cvref_t<decltype(expected)> computed = wide;
        CHECK(cases::worst(computed, expected) < most);
    };
    check("out", out, here.out);
    check("log-sum-exp", log_sum_exp, here.log_sum_exp);
    check("dq", dq, here.dq);
    check("dk", dk, here.dk);
    check("dv", dv, here.dv);

    cuda::tensor<T, batch, query, head, value<N>> again;
    again = dot<key>(softmax<key>(scores), v);
    tensor<T, batch, query, head, value<N>> once = out, twice = again;
    CHECK(cases::same_bits(once, twice));
}

template <class T> void check_shapes() {
    check_attention<T, 32>(2, 3, 3, 1);
    check_attention<T, 32>(2, 256, 256, 2);
    check_attention<T, 64>(1, 130, 130, 3);
    check_attention<T, 64>(1, 65, 191, 2);
    check_attention<T, 128>(1, 100, 100, 1);
    check_attention<T, 32>(1, 500, 700, 2);             // more keys, and rows, than are brought at once
    check_attention<T, 128>(1, 400, 300, 1);
}

}  // namespace

TEST_CASE("attention of floats on the GPU") { check_shapes<float>(); }
TEST_CASE("attention of bf16 on the GPU") { check_shapes<bf16>(); }
TEST_CASE("attention of fp16 on the GPU") { check_shapes<fp16>(); }
