#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <heed/eval/cpu/gemm.hpp>

using namespace heed::cpu;

namespace {

/// The same contraction by plain loops in double, for one number of c.
template <class T> double one_sum(const contraction<T>& x, const std::ptrdiff_t (&batch)[6], const std::ptrdiff_t (&row)[6], const std::ptrdiff_t (&column)[6]) {
    std::ptrdiff_t a = 0, b = 0;
    for (int i = 0; i < x.batch.count; ++i) a += batch[i] * x.batch.stride_a[i], b += batch[i] * x.batch.stride_b[i];
    for (int i = 0; i < x.rows.count; ++i) a += row[i] * x.rows.stride_a[i];
    for (int i = 0; i < x.columns.count; ++i) b += column[i] * x.columns.stride_b[i];
    double sum = 0;
    for (std::ptrdiff_t flat = 0; flat < x.depth.total(); ++flat) {
        std::ptrdiff_t rest = flat, da = 0, db = 0;
        for (int i = x.depth.count - 1; i >= 0; --i) {
            da += rest % x.depth.size[i] * x.depth.stride_a[i];
            db += rest % x.depth.size[i] * x.depth.stride_b[i];
            rest /= x.depth.size[i];
        }
        sum += static_cast<double>(x.a[a + da]) * static_cast<double>(x.b[b + db]);
    }
    return sum;
}

void split(std::ptrdiff_t flat, const axis_group& g, std::ptrdiff_t (&index)[6]) {
    for (int i = g.count - 1; i >= 0; --i) {
        index[i] = flat % g.size[i];
        flat /= g.size[i];
    }
}

/// An axis of a test: its name, its size, and which operands have it ("ac" is a row, "bc" a column, "ab" depth, "abc" batch).
struct axis { char name; std::ptrdiff_t size; };

struct layout_case {
    const char* what;
    std::vector<axis> axes;
    const char* a;  // the axes of each operand, outer to inner
    const char* b;
    const char* c;
    std::ptrdiff_t padding = 0;  // between the rows of each operand
};

std::ptrdiff_t stride(const layout_case& x, const std::string& order, char name) {
    if (order.find(name) == std::string::npos) return 0;
    std::ptrdiff_t s = 1;
    for (std::size_t i = order.size(); i-- > 0;) {
        if (order[i] == name) return s;
        for (const axis& d : x.axes)
            if (d.name == order[i]) s *= d.size;
        if (i + 1 == order.size()) s += x.padding;
    }
    return s;
}

std::size_t length(const layout_case& x, const std::string& order) {
    return order.empty() ? 1 : static_cast<std::size_t>([&] {
        std::ptrdiff_t s = 1;
        for (std::size_t i = order.size(); i-- > 0;) {
            for (const axis& d : x.axes)
                if (d.name == order[i]) s *= d.size;
            if (i + 1 == order.size()) s += x.padding;
        }
        return s;
    }());
}

template <class T> struct operands {
    std::vector<T> a, b, c, bias;
    contraction<T> x;

    explicit operands(const layout_case& l) {
        std::mt19937 random(5);
        std::uniform_real_distribution<double> number(-1, 1);
        const auto fill = [&](std::vector<T>& v, std::size_t n) {
            v.resize(n);
            for (T& t : v) t = static_cast<T>(number(random));
        };
        fill(a, length(l, l.a));
        fill(b, length(l, l.b));
        fill(c, length(l, l.c));
        for (const axis& d : l.axes) {
            const bool in_a = std::string(l.a).find(d.name) != std::string::npos, in_b = std::string(l.b).find(d.name) != std::string::npos,
                       in_c = std::string(l.c).find(d.name) != std::string::npos;
            axis_group& g = !in_c ? x.depth : in_a && in_b ? x.batch : in_a ? x.rows : x.columns;
            g.add(d.size, stride(l, l.a, d.name), stride(l, l.b, d.name), stride(l, l.c, d.name));
        }
        fill(bias, static_cast<std::size_t>(x.columns.total()));
        x.a = a.data();
        x.b = b.data();
        x.c = c.data();
    }
};

template <class T> void twice_plus_place(const void* context, std::ptrdiff_t batch, std::ptrdiff_t row, std::ptrdiff_t column, int rows, int columns, T* tile, std::ptrdiff_t stride) {
    const T scale = *static_cast<const T*>(context);
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j)
            tile[i * stride + j] = scale * tile[i * stride + j] + static_cast<T>(batch) + static_cast<T>(row + i) / 4 + static_cast<T>(column + j) / 8;
}

enum class extra { none, accumulate, bias, epilogue, all, packed };

/// Compares every number of c with the plain loops, and every number of c's memory that is not of the result with what it was.
template <class T> void check(const layout_case& l, extra e) {
    operands<T> o(l);
    const T two = 2;
    packed_matrix<T> packed;
    o.x.accumulate = e == extra::accumulate || e == extra::all;
    if (e == extra::bias || e == extra::all) o.x.bias = o.bias.data();
    if (e == extra::epilogue || e == extra::all) o.x.epilogue = {twice_plus_place<T>, &two};
    const contraction<T> original = o.x;
    if (e == extra::packed || e == extra::all) {
        if (o.x.batch.count > 0) return;
        packed.pack(o.b.data(), o.x.columns, o.x.depth);
        o.x.packed = &packed;
        o.x.b = nullptr;
    }
    std::vector<T> expected = o.c;
    std::vector<double> tolerance(o.c.size(), 0.0);
    const double unit = static_cast<double>(std::numeric_limits<T>::epsilon()) * (3 + std::sqrt(static_cast<double>(original.depth.total()))) * 8;
    for (std::ptrdiff_t n = 0; n < original.batch.total(); ++n)
        for (std::ptrdiff_t i = 0; i < original.rows.total(); ++i)
            for (std::ptrdiff_t j = 0; j < original.columns.total(); ++j) {
                std::ptrdiff_t batch[6] = {}, row[6] = {}, column[6] = {}, at = 0;
                split(n, original.batch, batch);
                split(i, original.rows, row);
                split(j, original.columns, column);
                for (int k = 0; k < original.batch.count; ++k) at += batch[k] * original.batch.stride_c[k];
                for (int k = 0; k < original.rows.count; ++k) at += row[k] * original.rows.stride_c[k];
                for (int k = 0; k < original.columns.count; ++k) at += column[k] * original.columns.stride_c[k];
                double sum = one_sum(original, batch, row, column);
                if (original.bias) sum += static_cast<double>(original.bias[j]);
                T& c = expected[static_cast<std::size_t>(at)];
                if (original.accumulate) sum += static_cast<double>(c);
                if (original.epilogue.run) sum = 2 * sum + static_cast<double>(n) + static_cast<double>(i) / 4 + static_cast<double>(j) / 8;
                c = static_cast<T>(sum);
                tolerance[static_cast<std::size_t>(at)] = unit * (2 + std::abs(sum));
            }
    contract(o.x);
    int wrong = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (!(std::abs(static_cast<double>(o.c[i]) - static_cast<double>(expected[i])) <= tolerance[i]) && wrong++ == 0)
            FAIL_CHECK(l.what << ": c[" << i << "] is " << o.c[i] << ", not " << expected[i] << ", extra " << static_cast<int>(e));
    CHECK(wrong == 0);
}

std::vector<layout_case> cases() {
    std::vector<layout_case> all = {
        {"a linear layer", {{'t', 37}, {'m', 29}, {'n', 75}}, "tm", "mn", "tn"},
        {"a linear layer of batch and token", {{'b', 3}, {'t', 17}, {'m', 40}, {'n', 130}}, "btm", "mn", "btn"},
        {"a transposed weight", {{'t', 37}, {'m', 129}, {'n', 75}}, "tm", "nm", "tn"},
        {"the gradient of a weight", {{'b', 5}, {'t', 31}, {'m', 33}, {'n', 70}}, "btm", "btn", "mn"},
        {"the gradient of a weight, transposed", {{'b', 5}, {'t', 31}, {'m', 33}, {'n', 70}}, "btm", "btn", "nm"},
        {"both operands transposed", {{'t', 37}, {'m', 29}, {'n', 75}}, "mt", "nm", "tn"},
        {"everything transposed", {{'t', 37}, {'m', 29}, {'n', 75}}, "mt", "nm", "nt"},
        {"padded rows", {{'t', 19}, {'m', 30}, {'n', 100}}, "tm", "mn", "tn", 5},
        {"padded rows, transposed", {{'t', 19}, {'m', 30}, {'n', 100}}, "mt", "nm", "tn", 3},
        {"split heads", {{'b', 2}, {'t', 13}, {'m', 64}, {'h', 4}, {'d', 24}}, "btm", "mhd", "bhtd"},
        {"merged heads", {{'b', 2}, {'t', 13}, {'h', 4}, {'d', 24}, {'n', 65}}, "bhtd", "hdn", "btn"},
        {"scores of attention", {{'b', 2}, {'h', 3}, {'q', 21}, {'k', 35}, {'d', 16}}, "bqhd", "bkhd", "bhqk"},
        {"scores with keys before queries", {{'b', 2}, {'h', 3}, {'q', 21}, {'k', 35}, {'d', 16}}, "bqhd", "bkhd", "bkhq"},
        {"weights times values", {{'b', 2}, {'h', 3}, {'q', 21}, {'k', 35}, {'d', 16}}, "bhqk", "bkhd", "bqhd"},
        {"a batch that lies innermost", {{'b', 6}, {'t', 9}, {'m', 20}, {'n', 11}}, "tmb", "mnb", "tnb"},
        {"columns far apart in c", {{'t', 9}, {'m', 20}, {'n', 40}, {'x', 2}}, "tm", "mxn", "ntx"},
        {"an outer product", {{'t', 33}, {'n', 77}}, "t", "n", "tn"},
        {"an inner product", {{'m', 1000}}, "m", "m", ""},
        {"one logit a row", {{'t', 101}, {'m', 70}}, "tm", "m", "t"},
        {"three logits a row", {{'t', 45}, {'m', 70}, {'n', 3}}, "tm", "mn", "tn"},
        {"three logits a row, transposed", {{'t', 45}, {'m', 70}, {'n', 3}}, "tm", "nm", "nt"},
        {"one row against a table", {{'m', 70}, {'n', 333}}, "m", "nm", "n"},
        {"two rows against a table", {{'t', 2}, {'m', 70}, {'n', 333}}, "tm", "nm", "tn"},
        {"one row and a matrix as it lies", {{'m', 70}, {'n', 333}}, "m", "mn", "n"},
        {"a sum of rows", {{'t', 50}, {'n', 90}}, "t", "tn", "n"},
        {"twelve rows and a matrix as it lies", {{'t', 12}, {'m', 50}, {'n', 200}}, "tm", "mn", "tn"},
        {"seven rows and a matrix as it lies, padded", {{'t', 7}, {'m', 50}, {'n', 64}}, "tm", "mn", "tn", 1},
        {"one row beside lines of several blocks", {{'t', 1}, {'m', 9}, {'n', 2100}}, "tm", "mn", "tn"},
        {"two rows, turned, and lines of several parts", {{'t', 2}, {'m', 2100}, {'n', 70}}, "mt", "mn", "tn"},
        {"three rows and padded lines", {{'t', 3}, {'m', 21}, {'n', 67}}, "tm", "mn", "tn", 1},
        {"four rows into split heads", {{'b', 2}, {'t', 2}, {'m', 33}, {'h', 5}, {'d', 16}}, "btm", "mhd", "bhtd"},
        {"one row of each of a batch", {{'b', 3}, {'t', 1}, {'m', 20}, {'n', 130}}, "btm", "bmn", "btn"},
        {"a depth longer than a tile's", {{'t', 7}, {'m', 2500}, {'n', 20}}, "tm", "mn", "tn"},
        {"a long depth, cut into parts", {{'t', 13}, {'m', 6001}, {'n', 20}}, "mt", "mn", "tn"},
        {"a long depth into split heads", {{'t', 5}, {'m', 5000}, {'h', 3}, {'d', 8}}, "mt", "mhd", "htd"},
        {"a long depth of one number", {{'m', 9000}}, "m", "m", ""},
        {"a depth that b lacks", {{'t', 10}, {'m', 20}, {'n', 64}}, "tm", "n", "tn"},
        {"a depth that a lacks", {{'t', 10}, {'m', 20}, {'n', 64}}, "t", "mn", "tn"},
        {"a batch that b lacks, under an epilogue too", {{'b', 3}, {'t', 4}, {'m', 20}, {'n', 32}}, "btm", "mn", "btn"},
        {"rows of a tile at unequal distances, each whole", {{'b', 3}, {'t', 5}, {'r', 4}, {'m', 20}, {'n', 32}}, "btrm", "bmn", "tbrn"},
        {"empty rows", {{'t', 0}, {'m', 5}, {'n', 6}}, "tm", "mn", "tn"},
        {"empty columns", {{'t', 4}, {'m', 5}, {'n', 0}}, "tm", "mn", "tn"},
        {"an empty batch", {{'b', 0}, {'t', 4}, {'m', 5}, {'n', 6}}, "btm", "bmn", "btn"},
        {"sums over nothing", {{'t', 4}, {'m', 0}, {'n', 6}}, "tm", "mn", "tn"},
        {"sums over nothing, of two axes", {{'t', 4}, {'m', 0}, {'k', 3}, {'n', 6}}, "tkm", "mkn", "tn"},
        {"a single number", {{'t', 1}, {'m', 1}, {'n', 1}}, "tm", "mn", "tn"},
    };
    for (const std::ptrdiff_t m : {1, 2, 3, 5, 6, 8, 13})
        for (const std::ptrdiff_t n : {1, 5, 16, 17, 33, 48, 64, 65})
            for (const std::ptrdiff_t k : {1, 3, 18}) {
                all.push_back({"small", {{'t', m}, {'m', k}, {'n', n}}, "tm", "mn", "tn"});
                all.push_back({"small, a and b transposed", {{'t', m}, {'m', k}, {'n', n}}, "mt", "nm", "tn"});
            }
    return all;
}

}  // namespace

TEMPLATE_TEST_CASE("every layout and size gives the sums of the plain loops", "", float, double) {
    for (const layout_case& l : cases())
        for (const extra e : {extra::none, extra::accumulate, extra::bias, extra::epilogue, extra::all, extra::packed}) check<TestType>(l, e);
}

TEST_CASE("products large enough for several threads, blocks and panels are right, and the same bits on one and two threads") {
    const layout_case large[] = {
        {"blocks of rows", {{'t', 700}, {'m', 260}, {'n', 200}}, "tm", "mn", "tn"},
        {"few rows", {{'t', 20}, {'m', 600}, {'n', 900}}, "tm", "mn", "tn"},
        {"rows as they lie", {{'t', 9}, {'m', 900}, {'n', 1000}}, "tm", "mn", "tn"},
        {"rows and columns as they lie, more than a tile of each", {{'t', 47}, {'m', 600}, {'n', 680}}, "tm", "mn", "tn"},
        {"a gradient of several steps and blocks of columns", {{'t', 1100}, {'m', 260}, {'n', 900}}, "tm", "tn", "mn"},
        {"several steps of depth", {{'t', 90}, {'m', 2100}, {'n', 130}}, "tm", "nm", "tn"},
        {"a weight's gradient", {{'b', 10}, {'t', 500}, {'m', 50}, {'n', 130}}, "btm", "btn", "mn"},
        {"a batch", {{'b', 12}, {'t', 70}, {'m', 64}, {'n', 90}}, "btm", "bmn", "btn"},
        {"a batch of one large and split heads", {{'b', 1}, {'t', 300}, {'m', 128}, {'h', 4}, {'d', 32}}, "btm", "mhd", "bhtd"},
        {"one column", {{'t', 9000}, {'m', 300}}, "tm", "m", "t"},
        {"one row", {{'t', 1}, {'m', 2000}, {'n', 1300}}, "tm", "mn", "tn"},
    };
#if defined(_OPENMP)
    const int threads_before = omp_get_max_threads();
#endif
    for (const layout_case& l : large)
        for (const extra e : {extra::none, extra::all}) {
            check<float>(l, e);
#if defined(_OPENMP)
            operands<float> one(l), two(l);
            omp_set_num_threads(1);
            contract(one.x);
            for (const int threads : {2}) {
                const std::vector<float> fresh = operands<float>(l).c;
                std::copy(fresh.begin(), fresh.end(), two.c.begin());
                omp_set_num_threads(threads);
                contract(two.x);
                CHECK(one.c == two.c);
            }
            omp_set_num_threads(threads_before);
#endif
        }
}

TEST_CASE("a packed matrix is packed again in the same memory") {
    const layout_case l{"", {{'t', 9}, {'m', 70}, {'n', 90}}, "tm", "mn", "tn"};
    operands<float> o(l);
    packed_matrix<float> p;
    p.pack(o.b.data(), o.x.columns, o.x.depth);
    const float* const memory = p.strip(0, 0);
    contract(o.x);
    const std::vector<float> before = o.c;
    for (float& v : o.b) v *= 2;
    p.pack(o.b.data(), o.x.columns, o.x.depth);
    CHECK(p.strip(0, 0) == memory);
    const packed_matrix<float> copy = p;
    o.x.packed = &copy;
    contract(o.x);
    for (std::size_t i = 0; i < before.size(); ++i) CHECK(o.c[i] == Approx(2 * before[i]).epsilon(1e-5));
}
