// The fused kernel against plain loops in double, over one table of shapes, memory orders and score policies.
#include <catch2/catch.hpp>

#include <heed/eval/cpu/attention_backward.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace {

using heed::cpu::attention_backward_operands;
using heed::cpu::attention_operand;
using heed::cpu::attention_operands;
using heed::cpu::attention_shape;
using heed::cpu::tile_verdict;
using index_type = std::ptrdiff_t;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// ---- Score policies. Each states in `score` what it means for one pair: the score of a product and its slope. ----

struct pair { double score, slope; };

template <class T> struct plain {
    static constexpr bool linear = true, masked = false;
    double factor = 0.3;

    T scale() const { return static_cast<T>(factor); }
    void seek(const index_type*) {}
    pair score(index_type, index_type, double product) const { return {factor * product, factor}; }
};

/// What may be seen is said by Derived::visible(row, key); verdicts by asking for every pair, as none is conservative.
template <class T, class Derived> struct masked_plain {
    static constexpr bool linear = true, masked = true;
    double factor = 0.3;

    T scale() const { return static_cast<T>(factor); }
    void seek(const index_type*) {}
    tile_verdict verdict(index_type row0, index_type row1, index_type key0, index_type key1) const {
        index_type seen = 0;
        for (index_type i = row0; i < row1; ++i)
            for (index_type j = key0; j < key1; ++j) seen += self().visible(i, j);
        return seen == 0 ? tile_verdict::none : seen == (row1 - row0) * (key1 - key0) ? tile_verdict::all : tile_verdict::some;
    }
    void mask(index_type row, index_type key0, T* scores, int n) const {
        for (int j = 0; j < n; ++j)
            if (!self().visible(row, key0 + j)) scores[j] = -std::numeric_limits<T>::infinity();
    }
    pair score(index_type row, index_type key, double product) const {
        return self().visible(row, key) ? pair{factor * product, factor} : pair{-infinity, 0};
    }

private:
    const Derived& self() const { return static_cast<const Derived&>(*this); }
};

template <class T> struct causal : masked_plain<T, causal<T>> {
    bool visible(index_type row, index_type key) const { return key <= row; }
};

template <class T> struct window : masked_plain<T, window<T>> {
    bool visible(index_type row, index_type key) const { return key <= row && row - key < 9; }
};

/// Every pair hidden but those of a few rows: most rows see nothing.
template <class T> struct few_rows : masked_plain<T, few_rows<T>> {
    bool visible(index_type row, index_type key) const { return row % 7 == 3 && key % 5 != 1; }
};

/// Each batch has a length of its own: 0, 5, 10, ... keys.
template <class T> struct lengths : masked_plain<T, lengths<T>> {
    index_type length = 0;
    void seek(const index_type* batch) { length = 5 * batch[0]; }
    bool visible(index_type, index_type key) const { return key < length; }
};

/// A mask of no pattern, different for each head, that never admits to know a tile.
template <class T> struct scattered : masked_plain<T, scattered<T>> {
    index_type head = 0;
    void seek(const index_type* batch) { head = batch[1]; }
    tile_verdict verdict(index_type, index_type, index_type, index_type) const { return tile_verdict::some; }
    bool visible(index_type row, index_type key) const { return (row * 31 + key * 17 + head * 7) % 11 < 6; }
};

/// A bias added to each score, minus infinity for some pairs: hidden without a mask.
template <class T> struct biased {
    static constexpr bool linear = false, masked = false;
    index_type head = 0;

    T scale() const { return T(1); }
    void seek(const index_type* batch) { head = batch[1]; }
    double bias(index_type row, index_type key) const {
        return (row + 2 * key + head) % 13 == 0 ? -infinity : -0.05 * static_cast<double>(std::abs(row - key)) - static_cast<double>(head);
    }
    void value(index_type row, index_type key0, T* scores, int n) const {
        for (int j = 0; j < n; ++j) scores[j] = static_cast<T>(0.3 * scores[j] + bias(row, key0 + j));
    }
    void derivative(index_type, index_type, const T*, T* slope, int n) const { std::fill(slope, slope + n, T(0.3)); }
    pair score(index_type row, index_type key, double product) const { return {0.3 * product + bias(row, key), 0.3}; }
};

/// 2 tanh(product / 2) on what is causal.
template <class T> struct capped : masked_plain<T, capped<T>> {
    static constexpr bool linear = false;
    bool visible(index_type row, index_type key) const { return key <= row; }
    void value(index_type, index_type, T* scores, int n) const {
        for (int j = 0; j < n; ++j) scores[j] = T(2) * std::tanh(scores[j] / T(2));
    }
    void derivative(index_type, index_type, const T* product, T* slope, int n) const {
        for (int j = 0; j < n; ++j) slope[j] = T(1) - std::tanh(product[j] / T(2)) * std::tanh(product[j] / T(2));
    }
    pair score(index_type row, index_type key, double product) const {
        const double t = std::tanh(product / 2);
        return visible(row, key) ? pair{2 * t, 1 - t * t} : pair{-infinity, 0};
    }
};

// ---- Tensors of any memory order ----

/// Which axes an operand has.
enum class role { query, key, value, output, row };

/// Strides for a role. Order 0 is {batch, row or key, other batch axes, inner}, the order of interleaved heads; any other
/// number shuffles the axes. Returns how many elements that takes.
template <class T> std::size_t lay_out(attention_operand<T>& x, const attention_shape& s, role r, unsigned order) {
    struct axis { index_type size, *stride; };
    std::vector<axis> axes;
    const auto batch = [&](int a) { if (a != s.segment_axis) axes.push_back({s.batch[a], &x.batch[a]}); };
    const bool ragged = s.segment_axis >= 0;
    batch(0);
    if (r == role::query || r == role::output || r == role::row)
        for (int a = 0; a < attention_shape::row_axes; ++a)
            axes.push_back({a == 0 && ragged ? s.query_offsets[s.batch[s.segment_axis]] : s.row[a], &x.row[a]});
    if (r == role::key || r == role::value) axes.push_back({ragged ? s.key_offsets[s.batch[s.segment_axis]] : s.key, &x.key});
    for (int a = 1; a < attention_shape::batch_axes; ++a) batch(a);
    if (r == role::query || r == role::key) axes.push_back({s.depth, &x.inner[1]});
    if (r == role::value || r == role::output)
        for (int a = 0; a < 2; ++a) axes.push_back({s.value[a], &x.inner[a]});
    if (order > 0) std::shuffle(axes.begin(), axes.end(), std::mt19937(order + static_cast<unsigned>(r)));
    index_type stride = 1;
    for (auto a = axes.rbegin(); a != axes.rend(); ++a) {
        *a->stride = stride;
        stride *= a->size;
    }
    return static_cast<std::size_t>(stride);
}

/// A tensor and where it lies.
template <class T> struct tensor_of {
    std::vector<T> numbers;
    attention_operand<T> at;

    tensor_of(const attention_shape& s, role r, unsigned order) {
        numbers.resize(lay_out(at, s, r, order), T(77));   // what is assigned must not keep a trace of this
        at.data = numbers.data();
    }

    void fill(unsigned seed) {
        std::mt19937 random(seed);
        std::normal_distribution<double> normal;
        for (T& x : numbers) x = static_cast<T>(normal(random));
    }

    attention_operand<const T> read() const {
        attention_operand<const T> x;
        x.data = numbers.data();
        std::copy(std::begin(at.batch), std::end(at.batch), x.batch);
        std::copy(std::begin(at.row), std::end(at.row), x.row);
        std::copy(std::begin(at.inner), std::end(at.inner), x.inner);
        x.key = at.key;
        return x;
    }
};

template <class T> struct tensors {
    attention_shape shape;
    tensor_of<T> q, k, v, out, log_sum_exp, d_out, dq, dk, dv;

    tensors(const attention_shape& s, unsigned order)
        : shape(s), q(s, role::query, order), k(s, role::key, order + (order > 0)), v(s, role::value, order), out(s, role::output, order),
          log_sum_exp(s, role::row, order), d_out(s, role::output, order + (order > 0)), dq(s, role::query, order + 2 * (order > 0)),
          dk(s, role::key, order + 3 * (order > 0)), dv(s, role::value, order + 2 * (order > 0)) {
        q.fill(1);
        k.fill(2);
        v.fill(3);
        d_out.fill(4);
    }

    attention_operands<T> operands() { return {q.read(), k.read(), v.read(), out.at, log_sum_exp.at}; }
    attention_backward_operands<T> backward_operands() {
        return {q.read(), k.read(), v.read(), out.read(), log_sum_exp.read(), d_out.read(), dq.at, dk.at, dv.at};
    }
};

// ---- Plain loops ----

/// One problem in plain vectors of double, {row, inner} and {key, inner}.
struct plain_problem {
    index_type rows, keys, depth, values;
    std::vector<double> q, k, v, d_out, out, log_sum_exp, dq, dk, dv;
};

/// Calls f(element of the plain vector, place in the tensor's memory) for all elements of one problem's operand.
template <class T, class F> void each_element(const attention_shape& s, const attention_operand<T>& x, role r, const index_type* batch, F f) {
    index_type base = 0;
    for (int a = 0; a < attention_shape::batch_axes; ++a)
        if (a != s.segment_axis) base += batch[a] * x.batch[a];
    index_type rows = s.row[0], keys = s.key;
    if (s.segment_axis >= 0) {
        const index_type segment = batch[s.segment_axis];
        rows = s.query_offsets[segment + 1] - s.query_offsets[segment];
        keys = s.key_offsets[segment + 1] - s.key_offsets[segment];
        base += s.query_offsets[segment] * x.row[0] + s.key_offsets[segment] * x.key;
    }
    const bool by_key = r == role::key || r == role::value, by_depth = r == role::query || r == role::key;
    const index_type inner0 = by_depth || r == role::row ? 1 : s.value[0], inner1 = by_depth ? s.depth : r == role::row ? 1 : s.value[1];
    std::size_t at = 0;
    const auto inner = [&](index_type place) {
        for (index_type c = 0; c < inner0; ++c)
            for (index_type d = 0; d < inner1; ++d) f(at++, place + c * x.inner[0] * (inner0 > 1) + d * x.inner[1] * (inner1 > 1));
    };
    if (by_key) {
        for (index_type j = 0; j < keys; ++j) inner(base + j * x.key);
    } else {
        for (index_type a = 0; a < rows; ++a)
            for (index_type b = 0; b < s.row[1]; ++b)
                for (index_type c = 0; c < s.row[2]; ++c) inner(base + a * x.row[0] + b * x.row[1] + c * x.row[2]);
    }
}

template <class T> std::vector<double> read(const attention_shape& s, const tensor_of<T>& x, role r, const index_type* batch) {
    std::vector<double> numbers;
    each_element(s, x.at, r, batch, [&](std::size_t, index_type place) { numbers.push_back(static_cast<double>(x.numbers[static_cast<std::size_t>(place)])); });
    return numbers;
}

/// The definition, and its derivatives by the chain rule; a pair whose score is minus infinity is left out of every sum.
template <class Score> void solve(plain_problem& p, const Score& score) {
    const auto at = [](const std::vector<double>& x, index_type row, index_type width, index_type column) { return x[static_cast<std::size_t>(row * width + column)]; };
    const auto add = [](std::vector<double>& x, index_type row, index_type width, index_type column, double y) { x[static_cast<std::size_t>(row * width + column)] += y; };
    p.out.assign(p.d_out.size(), 0);
    p.dq.assign(p.q.size(), 0);
    p.dk.assign(p.k.size(), 0);
    p.dv.assign(p.v.size(), 0);
    p.log_sum_exp.clear();
    for (index_type i = 0; i < p.rows; ++i) {
        std::vector<pair> scores;
        double most = -infinity, total = 0;
        for (index_type j = 0; j < p.keys; ++j) {
            double product = 0;
            for (index_type d = 0; d < p.depth; ++d) product += at(p.q, i, p.depth, d) * at(p.k, j, p.depth, d);
            scores.push_back(score.score(i, j, product));
            if (scores.back().score > most) most = scores.back().score;
        }
        for (const pair& s : scores)
            if (s.score != -infinity) total += std::exp(s.score - most);
        p.log_sum_exp.push_back(total == 0 ? -infinity : most + std::log(total));
        for (index_type j = 0; j < p.keys; ++j) {
            const double s = scores[static_cast<std::size_t>(j)].score;
            if (s == -infinity) continue;
            for (index_type c = 0; c < p.values; ++c) add(p.out, i, p.values, c, std::exp(s - most) / total * at(p.v, j, p.values, c));
        }
        double mean = 0;
        for (index_type c = 0; c < p.values; ++c) mean += at(p.d_out, i, p.values, c) * at(p.out, i, p.values, c);
        for (index_type j = 0; j < p.keys; ++j) {
            const auto [s, slope] = scores[static_cast<std::size_t>(j)];
            if (s == -infinity) continue;
            const double weight = std::exp(s - most) / total;
            double d_weight = 0;
            for (index_type c = 0; c < p.values; ++c) {
                d_weight += at(p.d_out, i, p.values, c) * at(p.v, j, p.values, c);
                add(p.dv, j, p.values, c, weight * at(p.d_out, i, p.values, c));
            }
            const double d_product = weight * (d_weight - mean) * slope;
            for (index_type d = 0; d < p.depth; ++d) {
                add(p.dq, i, p.depth, d, d_product * at(p.k, j, p.depth, d));
                add(p.dk, j, p.depth, d, d_product * at(p.q, i, p.depth, d));
            }
        }
    }
}

/// The largest difference; NaN must meet NaN and infinity the same infinity.
double difference(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
        const double d = std::abs(a[i] - b[i]) / std::max(1.0, std::abs(b[i]));
        worst = std::isnan(d) ? infinity : std::max(worst, d);
    }
    return worst;
}

template <class T> constexpr double tolerance = std::is_same_v<T, float> ? 2e-5 : 2e-14;
/// Sums over up to some hundred rows or keys of terms that cancel.
template <class T> constexpr double gradient_tolerance = 5 * tolerance<T>;

template <class F> void each_problem(const attention_shape& s, F f) {
    index_type b[attention_shape::batch_axes];
    for (b[0] = 0; b[0] < s.batch[0]; ++b[0])
        for (b[1] = 0; b[1] < s.batch[1]; ++b[1])
            for (b[2] = 0; b[2] < s.batch[2]; ++b[2])
                for (b[3] = 0; b[3] < s.batch[3]; ++b[3]) f(b);
}

template <class T> plain_problem read_problem(const tensors<T>& x, const index_type* batch) {
    const attention_shape& s = x.shape;
    plain_problem p;
    p.depth = s.depth;
    p.values = s.value[0] * s.value[1];
    p.rows = s.row[0] * s.row[1] * s.row[2];
    p.keys = s.key;
    if (s.segment_axis >= 0) {
        const index_type segment = batch[s.segment_axis];
        p.rows = (s.query_offsets[segment + 1] - s.query_offsets[segment]) * s.row[1] * s.row[2];
        p.keys = s.key_offsets[segment + 1] - s.key_offsets[segment];
    }
    p.q = read(s, x.q, role::query, batch);
    p.k = read(s, x.k, role::key, batch);
    p.v = read(s, x.v, role::value, batch);
    p.d_out = read(s, x.d_out, role::output, batch);
    return p;
}

/// Forward and backward against the plain loops; the gradients' tolerance grows by a factor where their sums cancel more.
template <class T, class Score> void check(tensors<T>& x, Score score, double factor = 1) {
    heed::cpu::attention_forward<T, Score>(x.shape, x.operands(), score);
    heed::cpu::attention_backward<T, Score>(x.shape, x.backward_operands(), score);
    each_problem(x.shape, [&](const index_type* batch) {
        plain_problem p = read_problem(x, batch);
        score.seek(batch);
        solve(p, score);
        INFO("batch " << batch[0] << ' ' << batch[1] << ' ' << batch[2] << ' ' << batch[3]);
        CHECK(difference(read(x.shape, x.out, role::output, batch), p.out) < tolerance<T>);
        CHECK(difference(read(x.shape, x.log_sum_exp, role::row, batch), p.log_sum_exp) < tolerance<T>);
        CHECK(difference(read(x.shape, x.dq, role::query, batch), p.dq) < factor * gradient_tolerance<T>);
        CHECK(difference(read(x.shape, x.dk, role::key, batch), p.dk) < factor * gradient_tolerance<T>);
        CHECK(difference(read(x.shape, x.dv, role::value, batch), p.dv) < factor * gradient_tolerance<T>);
    });
}

// ---- The table ----

struct shape_case { std::string name; attention_shape shape; };

attention_shape sizes(index_type batch, index_type head, index_type rows, index_type keys, index_type depth, index_type values) {
    attention_shape s;
    s.batch[0] = batch;
    s.batch[1] = head;
    s.row[0] = rows;
    s.key = keys;
    s.depth = depth;
    s.value[1] = values;
    return s;
}

attention_shape grouped(attention_shape s, index_type group, index_type second_group, index_type outer_value) {
    s.row[1] = group;
    s.row[2] = second_group;
    s.value[0] = outer_value;
    return s;
}

const index_type some_queries[] = {0, 5, 5, 6, 40, 40, 47}, some_keys[] = {0, 3, 9, 9, 39, 40, 47};

/// Six sequences, some without queries, some without keys.
attention_shape ragged(attention_shape s, int axis) {
    s.segment_axis = axis;
    s.batch[axis] = 6;
    s.query_offsets = some_queries;
    s.key_offsets = some_keys;
    s.row[0] = s.key = -1;   // must not be read
    return s;
}

std::vector<shape_case> shapes() {
    attention_shape four = sizes(2, 3, 5, 7, 6, 5);
    four.batch[2] = 2;
    four.batch[3] = 2;
    return {
        {"one of everything", sizes(1, 1, 1, 1, 1, 1)},
        {"one query", sizes(2, 3, 1, 37, 8, 8)},
        {"no keys", sizes(2, 1, 5, 0, 8, 8)},
        {"no queries", sizes(2, 1, 0, 5, 8, 8)},
        {"no batch", sizes(0, 2, 5, 5, 8, 8)},
        {"no depth: every key weighs the same", sizes(1, 2, 5, 9, 0, 8)},
        {"no values", sizes(1, 2, 5, 9, 8, 0)},
        {"odd sizes", sizes(3, 2, 29, 41, 19, 23)},
        {"whole registers", sizes(2, 2, 64, 64, 32, 32)},
        {"more keys than a tile", sizes(1, 2, 17, 700, 17, 32)},
        {"more keys than a block of the backward", sizes(1, 1, 90, 530, 9, 8)},
        {"more rows than a block", sizes(1, 1, 801, 30, 9, 12)},
        {"wide", sizes(1, 1, 14, 33, 200, 150)},
        {"four batch axes", four},
        {"grouped queries", grouped(sizes(2, 2, 11, 21, 12, 10), 3, 1, 1)},
        {"three row axes and two value axes", grouped(sizes(2, 2, 7, 21, 12, 5), 3, 2, 4)},
        {"ragged", ragged(sizes(1, 3, 0, 0, 16, 16), 0)},
        {"ragged along the second axis, grouped queries", ragged(grouped(sizes(2, 1, 0, 0, 9, 7), 2, 1, 1), 1)},
    };
}

template <class T, template <class> class... Policies, class F> void each_policy(F f) { (f(Policies<T>{}), ...); }

template <class T, class F> void every_policy(F f) {
    each_policy<T, plain, causal, window, few_rows, lengths, scattered, biased, capped>(f);
}

TEMPLATE_TEST_CASE("attention and its gradients are those of plain loops, whatever the sizes, the order in memory and the mask", "[attention]", float, double) {
    for (const shape_case& c : shapes())
        for (unsigned order : {0u, 5u})
            every_policy<TestType>([&](auto policy) {
                INFO(c.name << ", memory order " << order);
                tensors<TestType> x(c.shape, order);
                check(x, policy);
            });
}

TEMPLATE_TEST_CASE("the log-sum-exp is written only where it is asked for", "[attention]", float, double) {
    tensors<TestType> x(sizes(1, 2, 9, 9, 8, 8), 0);
    attention_operands<TestType> operands = x.operands();
    operands.log_sum_exp = {};
    heed::cpu::attention_forward<TestType>(x.shape, operands, causal<TestType>{});
    for (TestType y : x.log_sum_exp.numbers) CHECK(y == TestType(77));
}

TEMPLATE_TEST_CASE("a hidden key adds nothing to the output or to any gradient, even infinities and NaN", "[attention]", float, double) {
    for (double poison : {nan, infinity, -infinity})
        for (index_type length : {30, 300})
            every_policy<TestType>([&](auto policy) {
                if constexpr (decltype(policy)::masked || !decltype(policy)::linear) {
                    tensors<TestType> x(sizes(2, 1, length, length, 4, 7), 0);
                    // The last key, hidden from all rows but the last under a causal mask.
                    for (index_type d = 0; d < 4; ++d) x.k.at.data[(length - 1) * x.k.at.key + d] = static_cast<TestType>(poison);
                    for (index_type c = 3; c < 7; ++c) x.v.at.data[(length - 1) * x.v.at.key + c] = static_cast<TestType>(poison);
                    INFO("poison " << poison << ", length " << length);
                    check(x, policy);
                }
            });
}

TEMPLATE_TEST_CASE("a row that sees nothing has zero gradients, even where the gradient of its output is NaN", "[attention]", float, double) {
    for (index_type length : {30, 300}) {
        tensors<TestType> x(sizes(1, 1, length, length, 12, 20), 0);
        for (index_type i = 0; i < length; ++i)
            if (i % 7 != 3) {
                x.d_out.at.data[i * x.d_out.at.row[0] + i % 20] = static_cast<TestType>(nan);
                x.q.at.data[i * x.q.at.row[0] + i % 12] = static_cast<TestType>(nan);
            }
        check(x, few_rows<TestType>{});
        for (TestType y : x.dk.numbers) CHECK(std::isfinite(y));
    }
}

TEST_CASE("sequences of one block stand between those of several", "[attention]") {
    std::vector<index_type> queries = {0}, keys = {0};   // so many that a thread turns from one to the next
    for (int i = 0; i < 300; ++i) {
        queries.push_back(queries.back() + (i % 2 ? 3 : 20));
        keys.push_back(keys.back() + (i % 2 ? 3 : 520));
    }
    attention_shape s = sizes(300, 1, -1, -1, 4, 4);
    s.segment_axis = 0;
    s.query_offsets = queries.data();
    s.key_offsets = keys.data();
    tensors<float> x(s, 0);
    check(x, plain<float>{});
    check(x, lengths<float>{});
}

TEST_CASE("the gradients are those of finite differences", "[attention]") {
    const auto compare = [](const attention_shape& s, auto policy) {
        tensors<double> x(s, 0);
        const auto loss = [&] {
            heed::cpu::attention_forward<double>(s, x.operands(), policy);
            return std::inner_product(x.out.numbers.begin(), x.out.numbers.end(), x.d_out.numbers.begin(), 0.0);
        };
        loss();
        heed::cpu::attention_backward<double>(s, x.backward_operands(), policy);
        const auto against = [&](std::vector<double>& numbers, const std::vector<double>& gradient) {
            double worst = 0, largest = 1e-8;
            for (std::size_t i = 0; i < numbers.size(); ++i) {
                const double at = numbers[i], step = 1e-5 * std::max(1.0, std::abs(at));
                numbers[i] = at + step;
                const double above = loss();
                numbers[i] = at - step;
                const double numerical = (above - loss()) / (2 * step);
                numbers[i] = at;
                worst = std::max(worst, std::abs(numerical - gradient[i]));
                largest = std::max({largest, std::abs(numerical), std::abs(gradient[i])});
            }
            CHECK(worst / largest < 1e-6);
        };
        against(x.q.numbers, x.dq.numbers);
        against(x.k.numbers, x.dk.numbers);
        against(x.v.numbers, x.dv.numbers);
    };
    every_policy<double>([&](auto policy) { compare(grouped(sizes(2, 2, 7, 11, 5, 6), 2, 1, 1), policy); });
    compare(ragged(sizes(1, 1, 0, 0, 3, 4), 0), causal<double>{});
}

TEST_CASE("infinite scores of visible keys give NaN as a plain softmax does", "[attention]") {
    tensors<float> x(sizes(1, 1, 3, 40, 4, 4), 0);
    x.k.at.data[20 * x.k.at.key] = std::numeric_limits<float>::infinity();
    for (index_type i = 0; i < 3; ++i) x.q.at.data[i * x.q.at.row[0]] = i == 2 ? -1.0f : 1.0f;
    x.v.at.data[5] = nan;
    heed::cpu::attention_forward<float>(x.shape, x.operands(), plain<float>{});
    CHECK(std::isnan(x.out.numbers[0]));
    CHECK(std::isnan(x.out.numbers[4]));
    CHECK(std::isfinite(x.out.numbers[8]));   // a score of minus infinity hides the key
    CHECK(std::isnan(x.out.numbers[9]));      // a NaN among the values of a visible key
}

TEMPLATE_TEST_CASE("small scores and large ones meet in one row", "[attention]", float, double) {
    // Tiles whose scores are bounded are not searched for the greatest; those in between, of keys ten times as long, are.
    tensors<TestType> x(grouped(sizes(1, 1, 13, 1400, 16, 8), 2, 1, 1), 0);
    for (index_type j = 520; j < 1000; ++j)
        for (index_type d = 0; d < 16; ++d) x.k.at.data[j * x.k.at.key + d] *= TestType(10);
    // A score rounds to a part of its size, which moves its weight by as much, and dq sums weights times keys. Scores and
    // keys are ten times as large: dq was measured 160 units of rounding off in float and 960 in double, at keys of ordinary
    // length 1 and 3, in proportion to the square of the length in between.
    check(x, plain<TestType>{}, 10);
    check(x, window<TestType>{});
}

TEMPLATE_TEST_CASE("a row's bits depend on what it sees alone", "[attention]", float, double) {
    // A key that most rows do not see, and a query beside them, so long that nothing in their tile is bounded any more.
    const index_type length = 600, last = length - 1;
    tensors<TestType> x(sizes(1, 1, length, length, 16, 8), 0), y(x.shape, 0);
    for (index_type d = 0; d < 16; ++d) {
        y.k.at.data[last * y.k.at.key + d] *= TestType(1000);
        y.q.at.data[last * y.q.at.row[0] + d] *= TestType(1000);
    }
    for (tensors<TestType>* t : {&x, &y}) {
        heed::cpu::attention_forward<TestType>(t->shape, t->operands(), causal<TestType>{});
        heed::cpu::attention_backward<TestType>(t->shape, t->backward_operands(), causal<TestType>{});
    }
    const auto rows_but_last = [&](const std::vector<TestType>& numbers, index_type width) { return std::vector<TestType>(numbers.begin(), numbers.begin() + last * width); };
    CHECK(rows_but_last(x.out.numbers, 8) == rows_but_last(y.out.numbers, 8));
    CHECK(rows_but_last(x.log_sum_exp.numbers, 1) == rows_but_last(y.log_sum_exp.numbers, 1));
    CHECK(rows_but_last(x.dq.numbers, 16) == rows_but_last(y.dq.numbers, 16));
    CHECK(x.out.numbers != y.out.numbers);
}

TEST_CASE("large scores do not overflow", "[attention]") {
    tensors<float> x(sizes(1, 1, 20, 200, 16, 16), 0);
    for (float& q : x.q.numbers) q *= 500;
    plain<float> steep;
    steep.factor = 1;
    heed::cpu::attention_forward<float>(x.shape, x.operands(), steep);
    for (float y : x.out.numbers) CHECK(std::isfinite(y));
}

/// Each sequence has a length of its own, all true ones given.
template <class T> struct true_lengths : masked_plain<T, true_lengths<T>> {
    const std::vector<index_type>* all;
    index_type length = 0;
    explicit true_lengths(const std::vector<index_type>& lengths) : all(&lengths) {}
    void seek(const index_type* batch) { length = (*all)[static_cast<std::size_t>(batch[0])]; }
    bool visible(index_type row, index_type key) const { return row < length && key < length; }
};

TEST_CASE("ragged sequences are what padded ones are under a mask of their lengths, forward and backward", "[attention]") {
    std::mt19937 random(7);
    for (index_type most : {1, 9, 50, 150}) {
        std::uniform_int_distribution<index_type> length(0, most);
        const std::vector<index_type> lengths = {length(random), 1, length(random), 0, most, length(random), length(random), 0};
        std::vector<index_type> offsets = {0};
        for (index_type n : lengths) offsets.push_back(offsets.back() + n);
        const index_type sequences = static_cast<index_type>(lengths.size()), heads = 3;
        attention_shape packed_shape = sizes(sequences, heads, -1, -1, 24, 20);
        packed_shape.segment_axis = 0;
        packed_shape.query_offsets = packed_shape.key_offsets = offsets.data();
        tensors<float> packed(packed_shape, 0), padded(sizes(sequences, heads, most, most, 24, 20), 0);
        // The same numbers at the same places; what stands in the padding is whatever it is.
        const auto each_pair = [&](auto& x, auto& y, role r, auto f) {
            each_problem(packed_shape, [&](const index_type* batch) {
                std::vector<index_type> from, to;
                each_element(packed_shape, x.at, r, batch, [&](std::size_t, index_type place) { from.push_back(place); });
                each_element(padded.shape, y.at, r, batch, [&](std::size_t, index_type place) { to.push_back(place); });
                for (std::size_t i = 0; i < from.size(); ++i) f(x.numbers[static_cast<std::size_t>(from[i])], y.numbers[static_cast<std::size_t>(to[i])]);
            });
        };
        const auto copy = [](float x, float& y) { y = x; };
        each_pair(packed.q, padded.q, role::query, copy);
        each_pair(packed.k, padded.k, role::key, copy);
        each_pair(packed.v, padded.v, role::value, copy);
        each_pair(packed.d_out, padded.d_out, role::output, copy);
        heed::cpu::attention_forward<float>(packed.shape, packed.operands(), plain<float>{});
        heed::cpu::attention_backward<float>(packed.shape, packed.backward_operands(), plain<float>{});
        heed::cpu::attention_forward<float>(padded.shape, padded.operands(), true_lengths<float>{lengths});
        heed::cpu::attention_backward<float>(padded.shape, padded.backward_operands(), true_lengths<float>{lengths});
        double worst = 0;
        const auto differ = [&](float x, float y) { worst = std::max(worst, std::abs(static_cast<double>(x) - y) / std::max(1.0, std::abs(static_cast<double>(y)))); };
        each_pair(packed.out, padded.out, role::output, differ);
        each_pair(packed.log_sum_exp, padded.log_sum_exp, role::row, differ);
        each_pair(packed.dq, padded.dq, role::query, differ);
        each_pair(packed.dk, padded.dk, role::key, differ);
        each_pair(packed.dv, padded.dv, role::value, differ);
        INFO("up to " << most << " tokens");
        CHECK(worst <= 1e-6);
        std::ptrdiff_t not_zero = 0;
        const auto padding = [&](const attention_operand<float>& x, index_type step, index_type width) {
            for (index_type b = 0; b < sequences; ++b)
                for (index_type h = 0; h < heads; ++h)
                    for (index_type t = lengths[static_cast<std::size_t>(b)]; t < most; ++t)
                        for (index_type c = 0; c < width; ++c) not_zero += x.data[b * x.batch[0] + h * x.batch[1] + t * step + c * x.inner[1]] != 0;
        };
        padding(padded.out.at, padded.out.at.row[0], 20);
        padding(padded.dq.at, padded.dq.at.row[0], 24);
        padding(padded.dk.at, padded.dk.at.key, 24);
        padding(padded.dv.at, padded.dv.at.key, 20);
        CHECK(not_zero == 0);
    }
}

TEST_CASE("a tile that hides a row whole does not lose what the row has seen", "[attention]") {
    // Scores of -400 and less, then keys whose scores are moderate, hidden from every row but the last.
    struct first_keys : masked_plain<float, first_keys> {
        bool visible(index_type row, index_type key) const { return key < 600 || row == 4; }
    };
    tensors<float> x(sizes(1, 1, 5, 1300, 8, 8), 0);
    for (float& q : x.q.numbers) q = 10;
    for (index_type j = 0; j < 1300; ++j)
        for (index_type d = 0; d < 8; ++d) x.k.at.data[j * x.k.at.key + d] = j < 600 ? -18 - static_cast<float>(j % 3) : 0.01f * static_cast<float>(d);
    heed::cpu::attention_forward<float>(x.shape, x.operands(), first_keys{});
    const index_type batch[attention_shape::batch_axes] = {};
    plain_problem p = read_problem(x, batch);
    solve(p, first_keys{});
    CHECK(difference(read(x.shape, x.out, role::output, batch), p.out) < tolerance<float>);
    CHECK(difference(read(x.shape, x.log_sum_exp, role::row, batch), p.log_sum_exp) < tolerance<float>);
}

/// Each row sees a few keys before it. Looks at what its thread's stack holds whenever it is asked.
struct looks_at_workspace {
    static constexpr bool linear = true, masked = true;
    std::atomic<std::size_t>* most;

    float scale() const { return 1; }
    void seek(const index_type*) {}
    tile_verdict verdict(index_type row0, index_type row1, index_type key0, index_type key1) const {
        const auto [block, used] = heed::cpu::workspace::of_this_thread().top();
        const std::size_t held = block == 0 ? used : std::numeric_limits<std::size_t>::max();   // the first block is of 4 MiB or more
        for (std::size_t before = *most; held > before && !most->compare_exchange_weak(before, held);) {}
        return key0 >= row1 || key1 + 32 <= row0 ? tile_verdict::none : tile_verdict::some;
    }
    void mask(index_type row, index_type key0, float* scores, int n) const {
        for (int j = 0; j < n; ++j)
            if (key0 + j > row || key0 + j + 32 <= row) scores[j] = -std::numeric_limits<float>::infinity();
    }
};

TEST_CASE("a thread holds less than a MiB, however long the sequences", "[attention]") {
    for (const index_type depth : {32, 64, 128})
        for (const index_type length : {256, 4096, 32768}) {
            tensors<float> x(sizes(1, 1, length, length, depth, depth), 0);
            std::atomic<std::size_t> forward = 0, backward = 0;
            heed::cpu::attention_forward<float>(x.shape, x.operands(), looks_at_workspace{&forward});
            heed::cpu::attention_backward<float>(x.shape, x.backward_operands(), looks_at_workspace{&backward});
            INFO(length << " tokens, depth " << depth << ": forward " << forward / 1024 << " KiB, backward " << backward / 1024 << " KiB");
            for (const std::size_t held : {forward.load(), backward.load()}) {
                CHECK(held > 64 * 1024);   // it was looked at while it was held
                CHECK(held < 1024 * 1024);
            }
        }
}

#if defined(_OPENMP)
TEST_CASE("one thread and several give the same bits", "[attention]") {
    const attention_shape few = sizes(1, 1, 700, 650, 24, 40);
    for (const attention_shape& s : {few, sizes(5, 4, 65, 65, 24, 24), ragged(sizes(1, 3, 0, 0, 160, 160), 0)}) {
        const int threads = omp_get_max_threads();
        omp_set_num_threads(1);
        tensors<float> one(s, 0);
        heed::cpu::attention_forward<float>(s, one.operands(), causal<float>{});
        heed::cpu::attention_backward<float>(s, one.backward_operands(), causal<float>{});
        omp_set_num_threads(3);
        tensors<float> several(s, 0);
        heed::cpu::attention_forward<float>(s, several.operands(), causal<float>{});
        heed::cpu::attention_backward<float>(s, several.backward_operands(), causal<float>{});
        omp_set_num_threads(threads);
        CHECK(one.out.numbers == several.out.numbers);
        CHECK(one.log_sum_exp.numbers == several.log_sum_exp.numbers);
        CHECK(one.dq.numbers == several.dq.numbers);
        CHECK(one.dk.numbers == several.dk.numbers);
        CHECK(one.dv.numbers == several.dv.numbers);
    }
}
#endif

}  // namespace
