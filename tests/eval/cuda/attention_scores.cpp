// Attention on tiles whose scores or masks read memory; what is not finite where no row may see it.
#include "attention_cases.hpp"

using namespace attention_cases;

namespace {
const sizes some_sizes[] = {{2, 33, 70, 2, 20, 24}, {1, 130, 65, 1, 64, 5}};

const auto capped = [](const auto& o) {
    return where(position<key>() <= position<query>(), 4 * tanh(dot<depth>(o.q, o.k) / 4) - o.slope * (position<query>() - position<key>()), -infinity);
};
}

TEST_CASE("what the kernels on tiles are held against is the reference, and its gradients are differences") {
    const values x({2, 3, 4, 2, 3, 2});
    const tensor<float, batch, query, head, group, value> right = dot<key>(softmax<key>(capped(x)), x.v);
    operands<double> o(x);
    const results got = compute(o, capped, {}, true);
    CHECK(worst(got.out, {right.data(), right.data() + right.size()}) <= 1e-6);
    const std::vector<double> d_out = to_host(o.d_out);
    const auto loss = [&] {
        const results r = compute(o, capped, {}, false);
        double sum = 0;
        for (std::size_t i = 0; i < d_out.size(); ++i) sum += r.out[i] * d_out[i];
        return sum;
    };
    const auto differences = [&](auto& t) {
        std::vector<double> all;
        for (std::ptrdiff_t i = 0; i < t.size(); ++i) {
            const double here = t.data()[i].value, step = 1e-5;
            t.data()[i].value = here + step;
            const double above = loss();
            t.data()[i].value = here - step;
            const double below = loss();
            t.data()[i].value = here;
            all.push_back((above - below) / (2 * step));
        }
        return all;
    };
    CHECK(worst(got.dq, differences(o.q)) <= 1e-6);
    CHECK(worst(got.dk, differences(o.k)) <= 1e-6);
    CHECK(worst(got.dv, differences(o.v)) <= 1e-6);
}

TEST_CASE("attention on tiles: a bias, of which some is -infinity") {
    for (const sizes& n : some_sizes) {
        values x(n);
        for (int i = 0; i < n.queries; ++i) x.bias.data()[i * n.keys + 7 * i % n.keys] = -INFINITY;
        for (int j = 0; j < n.keys; ++j) x.bias.data()[3 * n.keys + j] = -INFINITY;        // a row that sees nothing
        check(x, [](const auto& o) { return dot<depth>(o.q, o.k) * 0.3f + o.bias; });
    }
}
TEST_CASE("attention on tiles: a soft cap and ALiBi") {
    for (const sizes& n : some_sizes)
        check(values(n), capped);
}
TEST_CASE("attention on tiles: a mask in memory, with dropout") {
    for (const sizes& n : some_sizes)
        check(values(n), [](const auto& o) { return where(o.may, dot<depth>(o.q, o.k) * 0.3f, -infinity); }, {0.25, 1, 2});
}
TEST_CASE("attention on tiles: padding, and what is not finite behind it and before") {
    for (const sizes& n : {sizes{3, 5, 70, 2, 32, 16}, sizes{2, 66, 130, 1, 33, 40}}) {
        values x(n);
        const auto padded = [](const auto& o) { return where(position<key>() < o.length && position<key>() != 2, dot<depth>(o.q, o.k) * 0.3f, -infinity); };
        check(x, padded);
        const results right = compute(operands<double>(x), padded, {}, true);
        for (int b = 0; b < n.batches; ++b)
            for (int j = 0; j < n.keys; ++j)
                if (j == 2 || j >= x.length.data()[b])
                    for (int h = 0; h < 2; ++h) {
                        for (int d = 0; d < n.depth; ++d) x.k(b, j, h, d) = std::nanf("");
                        for (int c = 0; c < n.value; ++c) x.v(b, h, j, c) = c % 2 ? INFINITY : std::nanf("");
                    }
        check_against(right, x, padded);            // the gradients of what is hidden are zero, of the rest as before
    }
}
