// One table of cases: expressions by name, over operands of any size and element type. Every backend is held against the
// reference with it. A case is a line: a name, and a function from the operands to the expression.
#pragma once

#include <heed/language.hpp>

#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace cases {

using namespace heed;

struct batch : axis<> {};
struct token : axis<> {};
struct model : axis<> {};
struct inner : axis<> {};        // what is summed, or what a projection gives
struct head  : axis<3> {};
struct depth : axis<5> {};
struct row   : axis<> {};        // of a table
struct group : axis<> {};
struct query : axis<> {};
struct key   : axis<> {};
using texts = ragged<batch, token>;

struct sizes {
    int batches, tokens, models, inners;
    friend std::ostream& operator<<(std::ostream& out, const sizes& s) {
        return out << "batch " << s.batches << ", token " << s.tokens << ", model " << s.models << ", inner " << s.inners;
    }
};
/// One of each, odd ones, empty axes, more than a register, and enough work for two threads.
inline const std::vector<sizes> all_sizes{{1, 1, 1, 1}, {2, 3, 5, 7}, {2, 0, 5, 3}, {2, 3, 0, 4}, {3, 4, 5, 0}, {3, 17, 33, 18}, {4, 66, 67, 130}};

/// Numbers away from kinks and from each other, the same for every run.
template <class T>
void fill(T* first, T* last, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> number(-2, 2);
    for (; first != last; ++first) *first = static_cast<T>(number(random));
}
inline void fill(bool* first, bool* last, unsigned seed) {
    std::mt19937 random(seed);
    for (; first != last; ++first) *first = random() % 3 != 0;
}

/// Calls f with the elements of a tensor, wherever it lives.
template <class E, class... A>
void with_elements(tensor<E, A...>& t, auto&& f) {
    if constexpr (is_on_host<E>) f(t.begin(), t.end());
    else {
        tensor<value_of<E>, A...> here = t;
        f(here.begin(), here.end());
        t = here;
    }
}

template <class T>
struct operands {
    sizes n;
    tensor<T, batch, token, model> x;
    tensor<T, model, batch, token> turned;          // the same axes in another order of memory
    tensor<T, token, model> by_token;
    tensor<T, model> weight;
    tensor<T, batch> by_batch;
    tensor<T, model, inner> to_inner;
    tensor<T, inner, model> from_inner;
    tensor<T, inner> bias;
    tensor<T, batch, token, inner> hidden;
    tensor<T, model, head, depth> to_heads;
    tensor<T, head, depth, model> from_heads;
    tensor<T, row, model> table;
    tensor<in_space_of<bool, T>, batch, token> mask;
    tensor<in_space_of<int, T>, batch> lengths;
    tensor<in_space_of<int, T>, batch, token> ids;
    tensor<T, texts, model> packed;
    tensor<in_space_of<int, T>, texts> packed_ids;
    value_of<T> scalar = value_of<T>(0.75);

    explicit operands(sizes s)
        : n(s), x(batch{s.batches}, token{s.tokens}, model{s.models}), turned(batch{s.batches}, token{s.tokens}, model{s.models}),
          by_token(token{s.tokens}, model{s.models}), weight(model{s.models}), by_batch(batch{s.batches}), to_inner(model{s.models}, inner{s.inners}),
          from_inner(inner{s.inners}, model{s.models}), bias(inner{s.inners}), hidden(batch{s.batches}, token{s.tokens}, inner{s.inners}),
          to_heads(model{s.models}), from_heads(model{s.models}), table(row{11}, model{s.models}), mask(batch{s.batches}, token{s.tokens}),
          lengths(batch{s.batches}), ids(batch{s.batches}, token{s.tokens}), packed(texts(of_texts(s)), model{s.models}), packed_ids(texts(of_texts(s))) {
        unsigned seed = 1;
        const auto some = [&](auto&... t) { (with_elements(t, [&](auto* first, auto* last) { fill(first, last, ++seed); }), ...); };
        some(x, turned, by_token, weight, by_batch, to_inner, from_inner, bias, hidden, to_heads, from_heads, table, mask, packed);
        int i = 0;
        const auto numbered = [&](auto& t, int step, int limit) {
            with_elements(t, [&](int* first, int* last) {
                for (; first != last; ++first) *first = i++ * step % limit;
            });
        };
        numbered(lengths, 5, s.tokens + 1);
        numbered(ids, 7, 11);
        numbered(packed_ids, 5, 11);
    }
    /// Lengths of a ragged batch, the second text empty.
    static std::vector<int> of_texts(sizes s) {
        std::vector<int> result(static_cast<std::size_t>(s.batches));
        for (int i = 0; i < s.batches; ++i) result[static_cast<std::size_t>(i)] = i == 1 ? 0 : (s.tokens + i) / (i + 1);
        return result;
    }
};

// Each section calls check(name, function of the operands).

template <class Check>
void arithmetic(Check&& check) {
    check("x + y, by name", [](auto& o) { return o.x + o.turned; });
    check("x - row", [](auto& o) { return o.x - o.by_token; });
    check("column * x", [](auto& o) { return o.by_batch * o.x; });
    check("x / (2 + w w)", [](auto& o) { return o.x / (2 + o.weight * o.weight); });
    check("outer product", [](auto& o) { return o.by_batch * o.weight; });
    check("numbers take the type they meet", [](auto& o) { return 1.5 - o.x * 2 + o.scalar; });
    check("-x, |x|", [](auto& o) { return -abs(o.x) + o.weight; });
    check("min and max", [](auto& o) { return min(max(o.x, o.weight), 0.5) + max(-1, o.turned); });
    check("broadcast", [](auto& o) { return broadcast<batch, token>(o.weight) * o.x; });
}
template <class Check>
void functions(Check&& check) {
    check("exp", [](auto& o) { return exp(o.x); });
    check("log, sqrt", [](auto& o) { return log(abs(o.x) + 0.1) - sqrt(abs(o.turned)); });
    check("rsqrt", [](auto& o) { return rsqrt(abs(o.x) + 0.1); });
    check("tanh", [](auto& o) { return tanh(o.x); });
    check("erf", [](auto& o) { return erf(o.x); });
    check("sigmoid", [](auto& o) { return sigmoid(3 * o.x); });
    check("gelu", [](auto& o) { return gelu(o.x); });
    check("gelu and its slopes", [](auto& o) { return gelu_slope(o.x) + gelu_tanh(o.x) * gelu_tanh_slope(o.x); });
    check("silu and relu", [](auto& o) { return silu(o.x) + relu(o.turned); });
    check("functions of integers", [](auto& o) { return exp(-position<model>()) + o.x; });
}
template <class Check>
void conditions(Check&& check) {
    check("where", [](auto& o) { return where(o.x < o.turned, o.x, 2 * o.weight); });
    check("a mask of a part", [](auto& o) { return where(o.mask, o.x, 0.0); });
    check("masks combine", [](auto& o) { return (o.mask && o.x > 0.25) || !(position<model>() < 3); });
    check("masks compare", [](auto& o) { return o.mask == (position<token>() >= o.lengths); });
    check("padding", [](auto& o) { return where(position<token>() < o.lengths, o.x, -o.weight); });
    check("every comparison", [](auto& o) { return as<int>(o.x <= o.turned) + as<int>(o.x >= 1) * 2 + as<int>(o.x != o.weight) * 4 + as<int>(o.x == o.x) * 8; });
}
template <class Check>
void integers(Check&& check) {
    check("division of integers cuts off", [](auto& o) { return (o.ids - 5) / (position<token>() - 1); });
    check("integers stay integers", [](auto& o) { return 3 * o.ids - position<batch>() * position<token>(); });
    check("integers meet numbers", [](auto& o) { return o.ids * o.x + position<model>(); });
    check("masks count", [](auto& o) { return o.mask + o.mask * 2 - (o.x > 0); });
    check("as<int> cuts off", [](auto& o) { return as<int>(10 * o.x); });
    check("sums and maxima of integers", [](auto& o) { return sum<token>(o.ids) - 2 * max(max<token>(position<token>() + 0 * o.ids), 0); });
    check("how many", [](auto& o) { return sum<token>(o.mask); });
}
template <class Check>
void tables(Check&& check) {
    check("gather", [](auto& o) { return gather<row>(o.table, o.ids); });
    check("gather of an expression", [](auto& o) { return gather<row>(2 * o.table, o.ids / 2 + 1); });
    check("gather by position", [](auto& o) { return o.x + gather<row>(o.table, min(position<token>(), 10)); });
    check("gather by position, turned back", [](auto& o) { return o.x * gather<row>(o.table, position<token>() - position<token>() / 11 * 11); });
    check("gather along the lanes", [](auto& o) { return gather<row>(sum<model>(o.table), o.ids) + o.by_batch; });
    check("gather along the lanes, ids apart", [](auto& o) { return position<token>() * o.by_batch + gather<row>(sum<model>(o.table), o.ids); });
}

template <class Check>
void reductions(Check&& check) {
    check("sum of the inner axis", [](auto& o) { return sum<model>(o.x); });
    check("sum of the middle axis", [](auto& o) { return sum<token>(o.x); });
    check("sum of the outer axis", [](auto& o) { return sum<batch>(o.x); });
    check("sum of two axes", [](auto& o) { return sum<batch, token>(o.x * o.turned); });
    check("sum of the outer and inner axis", [](auto& o) { return sum<batch, model>(o.x); });
    check("sum of everything", [](auto& o) { return sum<batch, token, model>(o.x); });
    check("mean of everything", [](auto& o) { return mean<token, model, batch>(o.x * o.x); });
    check("highest and lowest", [](auto& o) { return max<model>(o.x) - min<model>(o.turned); });
    check("highest of an outer axis", [](auto& o) { return max<token>(o.x); });
    check("logsumexp", [](auto& o) { return logsumexp<model>(20 * o.x); });
    check("logsumexp by columns", [](auto& o) { return logsumexp<batch>(o.x); });
    check("logsumexp of two axes", [](auto& o) { return logsumexp<token, model>(o.x); });
    check("mean of what is there", [](auto& o) { return sum<token>(where(o.mask, o.x, 0)) / max(sum<token>(where(o.mask, 1, 0)), 1); });
    check("a sum of sums", [](auto& o) { return sum<token>(mean<model>(o.x) * o.ids); });
    check("mean of a smaller operand", [](auto& o) { return o.turned - mean<token, model>(o.by_token); });
    check("reductions of different axes", [](auto& o) { return mean<token>(o.x) + mean<batch>(o.turned) - sum<batch, token>(o.x); });
    check("sum_to", [](auto& o) { return sum_to<axes<model>>(o.x * o.by_batch); });
}
template <class Check>
void rows(Check&& check) {
    check("softmax", [](auto& o) { return softmax<model>(30 * o.x); });
    check("softmax by columns", [](auto& o) { return softmax<token>(o.x); });
    check("softmax of hidden rows", [](auto& o) { return softmax<token>(where(o.mask && position<batch>() != 1, o.x, -infinity)); });
    check("log_softmax", [](auto& o) { return log_softmax<model>(30 * o.x); });
    check("log_softmax of hidden rows", [](auto& o) { return log_softmax<token>(where(o.mask && position<batch>() != 1, o.x, -infinity)); });
    check("layer norm", [](auto& o) {
        auto centred = o.x - mean<model>(o.x);
        return o.weight * centred / sqrt(mean<model>(centred * centred) + 1e-5) + o.by_token;
    });
    check("norm over an outer axis", [](auto& o) {
        auto centred = o.x - mean<batch>(o.x);
        return centred * rsqrt(mean<batch>(centred * centred) + 1e-3);
    });
    check("norm over two axes", [](auto& o) { return o.x / (1 + sum<token, model>(abs(o.x))); });
    check("norm of another order", [](auto& o) { return o.turned - mean<model>(o.turned) + mean<model>(o.x); });
    check("gradient of a softmax", [](auto& o) {
        auto p = softmax<model>(o.x);
        return p * (o.turned - sum<model>(p * o.turned));
    });
    check("a row program of a product", [](auto& o) { return softmax<inner>(dot<model>(o.x, o.to_inner)); });
}

template <class Check>
void contractions(Check&& check) {
    check("projection", [](auto& o) { return dot<model>(o.x, o.to_inner); });
    check("projection, weight turned", [](auto& o) { return dot<model>(o.x, o.from_inner); });
    check("projection, x turned", [](auto& o) { return dot<model>(o.turned, o.to_inner); });
    check("weight first", [](auto& o) { return dot<model>(o.from_inner, o.turned); });
    check("split into heads", [](auto& o) { return dot<model>(o.x, o.to_heads); });
    check("heads summed", [](auto& o) { return dot<head, depth>(dot<model>(o.x, o.to_heads), o.from_heads); });
    check("gradient of a weight", [](auto& o) { return dot<batch, token>(o.x, o.hidden); });
    check("gradient as a sum of a product", [](auto& o) { return sum<batch, token>(o.turned * o.hidden); });
    check("batched", [](auto& o) { return dot<token>(o.x, o.hidden); });
    check("a batch in the middle", [](auto& o) { return dot<batch>(o.x, o.hidden); });
    check("products of rows", [](auto& o) { return dot<model>(o.x, rename<token, query>(o.turned)); });
    check("a number for each row", [](auto& o) { return dot<model>(o.x, o.weight); });
    check("a number", [](auto& o) { return dot<batch, token, model>(o.x, o.turned); });
    check("nothing summed by the second alone", [](auto& o) { return dot<model>(o.x, o.by_token); });
    check("a product of integers", [](auto& o) { return dot<token>(o.ids, o.x); });
    check("masks choose what is added", [](auto& o) { return dot<token>(o.mask, o.x); });
    check("operands that are expressions", [](auto& o) { return dot<model>(gelu(o.x) - o.weight, o.to_inner * 2); });
}
template <class Check>
void epilogues(Check&& check) {
    check("bias", [](auto& o) { return dot<model>(o.x, o.to_inner) + o.bias; });
    check("bias and activation", [](auto& o) { return gelu(dot<model>(o.x, o.to_inner) + o.bias); });
    check("activation, bias and residual", [](auto& o) { return o.hidden + relu(o.bias + dot<model>(o.turned, o.to_inner)); });
    check("scale by row and column", [](auto& o) { return o.by_batch * dot<model>(o.x, o.to_inner) / (3 + o.bias * o.bias); });
    check("masked", [](auto& o) { return where(o.mask, dot<model>(o.x, o.to_inner), 0.0); });
    check("position in an epilogue", [](auto& o) { return dot<model>(o.x, o.to_inner) * (1 + 0.1 * position<inner>() - 0.2 * position<token>()); });
    check("batched with a residual", [](auto& o) { return o.to_inner - dot<token>(o.x, o.hidden); });
    check("the sum of two products", [](auto& o) { return dot<model>(o.x, o.to_inner) + dot<model>(o.turned, o.from_inner); });
    check("three products and a bias", [](auto& o) { return dot<model>(o.x, o.to_inner) + dot<model>(o.turned, o.from_inner) + dot<model>(2 * o.x, o.from_inner) + o.bias; });
    check("the difference of two products", [](auto& o) { return dot<model>(o.x, o.to_inner) - dot<model>(o.turned, o.from_inner); });
    check("heads with a bias that has no head", [](auto& o) { return dot<model>(o.x, o.to_heads) + o.by_batch; });
}

template <class Check>
void ragged_batches(Check&& check) {
    check("elementwise", [](auto& o) { return o.packed * o.weight + o.by_batch; });
    check("positions within a text", [](auto& o) { return o.packed + position<token>() - 2 * position<batch>(); });
    check("a plain batch first", [](auto& o) { return o.by_batch * o.weight + o.packed; });
    check("sum by text", [](auto& o) { return sum<token>(o.packed); });
    check("mean by text", [](auto& o) { return mean<token>(o.packed * o.weight); });
    check("highest by text", [](auto& o) { return max<token>(where(position<token>() > 0, o.packed, -9.0)); });
    check("mean by row", [](auto& o) { return mean<model>(o.packed); });
    check("sum over everything", [](auto& o) { return sum<batch, token>(o.packed); });
    check("softmax within a text", [](auto& o) { return softmax<token>(o.packed); });
    check("norm", [](auto& o) { return (o.packed - mean<model>(o.packed)) * o.weight; });
    check("centred by text", [](auto& o) { return o.packed - mean<token>(o.packed); });
    check("projection", [](auto& o) { return gelu(dot<model>(o.packed, o.to_inner) + o.bias); });
    check("residual by text", [](auto& o) { return o.packed + dot<head, depth>(dot<model>(o.packed, o.to_heads), o.from_heads) * o.by_batch; });
    check("gradient of a weight", [](auto& o) { return dot<batch, token>(o.packed, dot<model>(o.packed, o.to_inner)); });
    check("gather", [](auto& o) { return gather<row>(o.table, o.packed_ids) + gather<row>(o.table, min(position<token>(), 10)); });
    check("lengths", [](auto& o) { return sum<token>(o.packed) / max(lengths<token>(o.packed), 1); });
    check("random numbers by place", [](auto& o) { return where(random_uniform(7, 3, place_in(o.packed)) < 0.5, o.packed, 0.0); });
}

template <class Check>
void names(Check&& check) {
    check("split", [](auto& o) { return split<inner, head, depth>(dot<model>(o.x, merge<head, depth, inner>(o.to_heads))); });
    check("merge of memory", [](auto& o) { return merge<head, depth, inner>(o.to_heads) * 2; });
    check("merge of an expression", [](auto& o) { return merge<batch, model, inner>(o.x * o.weight); });
    check("heads side by side", [](auto& o) { return merge<head, depth, inner>(dot<model>(o.x, o.to_heads) * 2); });
    check("rename", [](auto& o) { return dot<model>(o.x, rename<token, query>(o.x + 0.1 * position<token>())); });
    check("a summed name steps aside", [](auto& o) { return o.x + rename<query, token>(rename<token, query>(o.x) + 0 * sum<token>(o.x)); });
    check("broadcast and summed", [](auto& o) { return sum<token>(broadcast<token>(o.by_batch)) + o.weight + 0 * sum<token>(o.x); });
    check("random numbers", [](auto& o) { return o.x * random_uniform(1, 2, position<model>() + 1000 * position<token>()); });
}

}  // namespace cases
