// Attention on a simulated GPU: operands of a size in any element type, and what every kernel makes of a score expression.
#pragma once

#include "simulator.hpp"

#include <heed/eval/attention.hpp>
#include <heed/eval/reference/backend.hpp>
#include <heed/language.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <ostream>

namespace heed::inline HEED_TARGET {
template <> struct backend_of<host> : reference::backend {};
}  // namespace heed::inline HEED_TARGET

namespace attention_cases {

using namespace heed;

struct batch : axis<> {};
struct query : axis<> {};
struct key   : axis<> {};
struct head  : axis<2> {};
struct group : axis<> {};           // queries that share their keys
struct depth : axis<> {};
struct value : axis<> {};

struct sizes {
    int batches, queries, keys, groups, depth, value;
    friend std::ostream& operator<<(std::ostream& out, const sizes& n) {
        return out << n.batches << " batches of " << n.queries << " queries in " << n.groups << " groups, " << n.keys << " keys, depth " << n.depth << ", value " << n.value;
    }
};

using cuda::precision;

/// A number for a place, between -1 and 1, that bf16 holds exactly: so every element type is given the same.
inline float number(int salt, std::ptrdiff_t i) { return static_cast<float>(bf16(static_cast<float>(std::sin(1.0 + 12.9898 * static_cast<double>(i) + 78.233 * salt)))); }

/// Operands on the host in float, for all element types.
struct values {
    sizes n;
    tensor<float, batch, query, head, group, depth> q;
    tensor<float, batch, key, head, depth> k;
    tensor<float, batch, head, key, value> v;
    tensor<float, batch, query, head, group, value> d_out;
    tensor<float, head, query, key> bias;
    tensor<float, head> slope;
    tensor<std::int32_t, batch> length;
    tensor<bool, query, key> may;
    explicit values(sizes s)
        : n(s), q(batch{s.batches}, query{s.queries}, group{s.groups}, depth{s.depth}), k(batch{s.batches}, key{s.keys}, depth{s.depth}), v(batch{s.batches}, key{s.keys}, value{s.value}),
          d_out(batch{s.batches}, query{s.queries}, group{s.groups}, value{s.value}), bias(query{s.queries}, key{s.keys}), length(batch{s.batches}), may(query{s.queries}, key{s.keys}) {
        int salt = 0;
        const auto fill = [&](auto& t) {
            ++salt;
            for (std::ptrdiff_t i = 0; i < t.size(); ++i) t.data()[i] = number(salt, i);
        };
        fill(q), fill(k), fill(v), fill(d_out), fill(bias), fill(slope);
        for (std::ptrdiff_t i = 0; i < may.size(); ++i) may.data()[i] = number(9, i) > 0;
        for (int b = 0; b < s.batches; ++b) length.data()[b] = b % 3 == 2 ? 0 : s.keys - b * s.keys / 2;
    }
};

/// The same on the simulated GPU.
template <class T>
struct operands {
    cuda::tensor<T, batch, query, head, group, depth> q;
    cuda::tensor<T, batch, key, head, depth> k;
    cuda::tensor<T, batch, head, key, value> v;
    cuda::tensor<T, batch, query, head, group, value> d_out;
    cuda::tensor<T, head, query, key> bias;
    cuda::tensor<T, head> slope;
    cuda::tensor<std::int32_t, batch> length;
    cuda::tensor<bool, query, key> may;
    explicit operands(const values& x) {
        const auto set = [](auto& to, const auto& from) {
            using plain = value_of<typename std::remove_cvref_t<decltype(to)>::element_type>;
            if constexpr (std::is_same_v<typename std::remove_cvref_t<decltype(from)>::value_type, plain>) to = from;
            else to = eval(as<plain>(from));
        };
        set(q, x.q), set(k, x.k), set(v, x.v), set(d_out, x.d_out), set(bias, x.bias), set(slope, x.slope), set(length, x.length), set(may, x.may);
    }
};

/// What attention makes of them, in double on the host.
struct results {
    std::vector<double> out, log_sum_exp, dq, dk, dv;
};
template <class T, class... A> std::vector<double> to_host(const heed::tensor<cuda::on<T>, A...>& x) {
    heed::tensor<T, A...> here = x;
    std::vector<double> all(static_cast<std::size_t>(here.size()));
    for (std::size_t i = 0; i < all.size(); ++i) {
        if constexpr (is_half<T>) all[i] = static_cast<double>(static_cast<float>(here.data()[i]));
        else all[i] = static_cast<double>(here.data()[i]);
    }
    return all;
}

template <class T, class Scores>
results compute(const operands<T>& o, Scores&& scores, const weight_dropout& drop, bool backward, precision floats = precision::exact) {
    const cuda::use_precision use(floats);
    using sum = std::conditional_t<is_half<T>, float, T>;
    cuda::tensor<T, batch, query, head, group, value> out;
    cuda::tensor<sum, batch, head, group, query> log_sum_exp;
    cuda::tensor<T, batch, query, head, group, depth> dq;
    cuda::tensor<T, batch, key, head, depth> dk;
    cuda::tensor<T, batch, head, key, value> dv;
    const auto s = scores(o);
    attention_forward<key>(s, o.v, out, log_sum_exp, drop);
    if (backward) attention_backward<key>(s, o.v, out, log_sum_exp, o.d_out, dq, dk, dv, drop);
    return {to_host(out), to_host(log_sum_exp), to_host(dq), to_host(dk), to_host(dv)};
}

/// The largest |a - b| / (1 + max |b|); infinite where one is NaN or infinite and the other is not the same.
inline double worst(const std::vector<double>& a, const std::vector<double>& b) {
    if (a.size() != b.size()) return INFINITY;
    double most = 0, scale = 1;
    for (double x : b)
        if (std::isfinite(x)) scale = std::max(scale, 1 + std::abs(x));
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] == b[i] || (a[i] != a[i] && b[i] != b[i])) continue;
        const double error = std::abs(a[i] - b[i]) / scale;
        most = error <= most ? most : std::isfinite(error) ? error : INFINITY;
    }
    return most;
}
inline void check_close(const results& got, const results& right, double tolerance) {
    CHECK(worst(got.out, right.out) <= tolerance);
    CHECK(worst(got.log_sum_exp, right.log_sum_exp) <= tolerance);
    CHECK(worst(got.dq, right.dq) <= tolerance);
    CHECK(worst(got.dk, right.dk) <= tolerance);
    CHECK(worst(got.dv, right.dv) <= tolerance);
}

/// The device has warpgroups while this lives.
struct with_warpgroups {
    with_warpgroups() { simulated::device::warpgroups = true; }
    ~with_warpgroups() { simulated::device::warpgroups = false; }
};

/// Every kernel on tiles, by warps alone and by warpgroups, against what one thread an output makes in double.
template <class Scores>
void check_against(const results& right, const values& x, Scores&& scores, const weight_dropout& drop = {}) {
    INFO(x.n);
    const auto halves = [&] {
        check_close(compute(operands<bf16>(x), scores, drop, true), right, 2e-2);
        check_close(compute(operands<fp16>(x), scores, drop, true), right, 4e-3);
    };
    check_close(compute(operands<float>(x), scores, drop, true), right, 1e-5);
    check_close(compute(operands<float>(x), scores, drop, true, precision::tf32), right, 2e-3);
    halves();
    const with_warpgroups has;
    halves();
}
template <class Scores>
void check(const values& x, Scores&& scores, const weight_dropout& drop = {}) {
    check_against(compute(operands<double>(x), scores, drop, true), x, scores, drop);
}

inline const sizes all_sizes[] = {{1, 1, 1, 1, 5, 5}, {2, 17, 1, 1, 32, 32}, {1, 65, 65, 1, 40, 64}, {3, 1, 65, 2, 64, 17}, {1, 40, 131, 2, 65, 100}};

}  // namespace attention_cases
