// Attention on tiles: ragged batches, memory of other orders, long sequences, which tiles are loaded, and the same bits twice.
#include "attention_cases.hpp"

using namespace attention_cases;

namespace {

struct token : axis<> {};
struct other : axis<> {};
using texts = ragged<batch, token>;
using keys_of_texts = ragged<batch, other>;

/// Attention of a ragged batch, and its gradients.
template <class T> results of_ragged() {
    const texts lengths{3, 0, 170, 1, 33};
    tensor<float, texts, head, depth> host(lengths, depth{24});
    const auto made = [&](int salt) {
        for (std::ptrdiff_t i = 0; i < host.size(); ++i) host.data()[i] = number(salt, i);
        if constexpr (std::is_same_v<T, float>) return cuda::tensor<T, texts, head, depth>(host);
        else return cuda::tensor<T, texts, head, depth>(eval(as<T>(host)));
    };
    const auto q = made(1), k = made(2), v = made(3), d_out = made(4);
    cuda::tensor<T, texts, head, depth> out, dq;
    cuda::tensor<std::conditional_t<is_half<T>, float, T>, texts, head> log_sum_exp;
    cuda::tensor<T, keys_of_texts, head, depth> dk, dv;
    const auto scores = where(position<other>() <= position<token>(), dot<depth>(q, rename<token, other>(k)) * 0.4f, -infinity);
    attention_forward<other>(scores, rename<token, other>(v), out, log_sum_exp);
    attention_backward<other>(scores, rename<token, other>(v), out, log_sum_exp, d_out, dq, dk, dv);
    return {to_host(out), to_host(log_sum_exp), to_host(dq), to_host(dk), to_host(dv)};
}

/// Copies of 16 bytes that the forward begins.
template <class Scores> long copies_of(const operands<bf16>& o, Scores&& scores) {
    simulated::block::copies = 0;
    compute(o, scores, {}, false);
    return simulated::block::copies;
}

}  // namespace

TEST_CASE("attention on tiles: ragged batches") {
    const results right = of_ragged<double>();
    check_close(of_ragged<float>(), right, 1e-5);
    check_close(of_ragged<bf16>(), right, 2e-2);
    check_close(of_ragged<fp16>(), right, 4e-3);
    const with_warpgroups has;
    check_close(of_ragged<bf16>(), right, 2e-2);
    check_close(of_ragged<fp16>(), right, 4e-3);
}

TEST_CASE("attention on tiles: tiles that are ruled out are not loaded, and more of them than one walk asks for at once") {
    const auto causal = [](const auto& o) { return where(position<key>() <= position<query>(), dot<depth>(o.q, o.k) * 0.3f, -infinity); };
    const auto far = [](const auto& o) { return where(position<key>() > 2100 && position<key>() < 2300, dot<depth>(o.q, o.k) * 0.3f, -infinity); };
    // Blocks of 128 rows, tiles of 64 keys; 4 copies a line of depth 32; 2 heads; keys and values.
    const operands<bf16> square(values({1, 256, 256, 1, 32, 32}));
    CHECK(copies_of(square, causal) == 2 * 4 * (256 + 2 * 64 * (2 + 4)));
    const values long_one({1, 2, 2500, 1, 32, 32});
    CHECK(copies_of(operands<bf16>(long_one), far) == 2 * 4 * (128 + 2 * 64 * 4));
    const results right = compute(operands<double>(long_one), far, {}, true);
    check_close(compute(operands<bf16>(long_one), far, {}, true), right, 2e-2);
    check_close(compute(operands<float>(long_one), far, {}, true), right, 1e-5);
}

TEST_CASE("attention on tiles: the same bits twice") {
    const values x({1, 70, 70, 2, 32, 32});
    const auto causal = [](const auto& o) { return where(position<key>() <= position<query>(), dot<depth>(o.q, o.k) * 0.3f, -infinity); };
    const results one = compute(operands<float>(x), causal, {}, true), two = compute(operands<float>(x), causal, {}, true);
    CHECK((one.out == two.out && one.dq == two.dq && one.dk == two.dk && one.dv == two.dv));
}

TEST_CASE("attention on tiles: two axes of values, and operands that lie askew") {
    struct wide : axis<3> {};
    tensor<float, key, value, wide> v(key{70}, value{5});
    tensor<float, depth, query> q(depth{7}, query{20});
    tensor<float, key, depth> k(key{70}, depth{7});
    for (std::ptrdiff_t i = 0; i < v.size(); ++i) v.data()[i] = number(1, i);
    for (std::ptrdiff_t i = 0; i < q.size(); ++i) q.data()[i] = number(2, i);
    for (std::ptrdiff_t i = 0; i < k.size(); ++i) k.data()[i] = number(3, i);
    const auto attend = [](const auto& asks, const auto& asked, const auto& said) { return dot<key>(softmax<key>(dot<depth>(asks, asked) * 0.5f), said); };
    const tensor<float, query, value, wide> right = attend(q, k, v);
    const cuda::tensor<float, key, value, wide> v2 = v;
    const cuda::tensor<float, depth, query> q2 = q;
    const cuda::tensor<float, key, depth> k2 = k;
    cuda::tensor<float, query, value, wide> out = attend(q2, k2, v2);
    CHECK(worst(to_host(out), {right.data(), right.data() + right.size()}) <= 1e-5);
    cuda::tensor<float, wide, query, value> turned = attend(q2, k2, v2);
    const tensor<float, wide, query, value> right_turned = right;
    CHECK(worst(to_host(turned), {right_turned.data(), right_turned.data() + right_turned.size()}) <= 1e-5);
}
