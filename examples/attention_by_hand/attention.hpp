/// Attention of one sequence as it is asked for in interviews: with its projections, and of what is projected already.
#pragma once

#include <attention_by_hand/matrices.hpp>

#include <heed/heed.hpp>

#include <cmath>
#include <vector>

namespace by_hand {

using namespace heed;

struct batch    : axis<> {};
struct token    : axis<> {};
struct model    : axis<> {};
struct head     : axis<> {};
struct head_dim : axis<> {};
using key = attended<token>;                        // the positions of a sequence, as they are read

using projection         = tensor<double, model, head, head_dim>;
using merging_projection = tensor<double, head, head_dim, model>;

/// O = (the heads' softmax(Q' K'^T / sqrt(d_head)) V', side by side) Wo, where Q' = Q Wq, K' = K Wk, V' = V Wv.
///
/// q: (L, d_model), k and v: (L, d_model), or another number of rows than q; wq, wk, wv: (d_model, h, d_head), whose last
/// two are the d_model columns of the textbook, split; wo: (h, d_head, d_model). The result: (L, d_model). The mask is an
/// expression in token and key, true = may attend; a row that may attend to nothing is zero. shape_error where sizes differ.
/// O(L^2 d_model + L d_model^2) multiply-adds, whatever h; O(L d_model) numbers beside the matrices: no L x L is held.
inline tensor<double, token, model> multi_head_attention(const tensor<double, token, model>& q, const tensor<double, key, model>& k,
                                                         const tensor<double, key, model>& v, const projection& wq, const projection& wk,
                                                         const projection& wv, const merging_projection& wo, const auto& mask) {
    const tensor<double, token, head, head_dim> queries = dot<model>(q, wq);
    const tensor<double, key, head, head_dim> keys = dot<model>(k, wk), values = dot<model>(v, wv);
    const auto scores = dot<head_dim>(queries, keys) / std::sqrt(static_cast<double>(extent_of<head_dim>(wq)));
    const tensor<double, token, head, head_dim> read = dot<key>(softmax<key>(where(mask, scores, -infinity)), values);
    return dot<head, head_dim>(read, wo);
}

/// softmax(Q_a K_a^T / sqrt(d_head)) V_a for each head a, side by side: n rows of d_model numbers, each rounded to six decimals.
/// No mask and no projections. A head is d_head columns one after another, so that splitting and merging move no number.
inline std::vector<double> attention_of(const matrices& given) {
    const auto n = given.rows, h = given.heads, d = given.width / given.heads;
    const view<const double, token, head, head_dim> q(given.q.data(), token{n}, head{h}, head_dim{d});
    const view<const double, key, head, head_dim> k(given.k.data(), key{n}, head{h}, head_dim{d}), v(given.v.data(), key{n}, head{h}, head_dim{d});
    const tensor<double, token, head, head_dim> out = dot<key>(softmax<key>(dot<head_dim>(q, k) / std::sqrt(static_cast<double>(d))), v);
    std::vector<double> rounded;
    for (double number : out) rounded.push_back(std::round(number * 1e6) / 1e6 + 0.0);       // + 0.0: no -0.000000
    return rounded;
}

}  // namespace by_hand
