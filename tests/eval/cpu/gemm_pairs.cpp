#include <heed/eval/cpu/packs.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <random>
#include <vector>

using namespace heed;
using namespace heed::cpu;

namespace {

std::vector<float> numbers(std::ptrdiff_t n, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> number(-1, 1);
    std::vector<float> v(static_cast<std::size_t>(n));
    for (float& x : v) x = number(random);
    return v;
}

float rounded(float x) { return bf16(x); }

struct shape { std::ptrdiff_t rows, columns, depth; };
constexpr shape shapes[] = {{1, 1, 1}, {1, 64, 2}, {2, 63, 3}, {5, 65, 7}, {6, 64, 64}, {7, 130, 33}, {8, 16, 32}, {100, 192, 257}, {301, 70, 1024}};

/// What a product with b packed as bf16 is off from the sum of the products of rounded numbers, at most.
double off(const shape& s, bool turned, bool bias, bool accumulate, bool epilogue) {
    const auto [m, n, k] = s;
    const auto a = numbers(m * k, 1), b = numbers(k * n, 2), by_column = numbers(n, 3);
    auto c = numbers(m * n, 4);
    const auto before = c;
    packs<float> packed;
    packed.pack<bf16>(heed::detail::strided<const float, 2>{b.data(), {k, n}, {n, 1}}, 1);

    contraction<float> x;
    x.a = a.data(), x.b = b.data(), x.c = c.data();
    x.rows.add(m, turned ? 1 : k, 0, n);
    x.columns.add(n, 0, 1, 1);
    x.depth.add(k, turned ? m : 1, n, 0);
    x.bias = bias ? by_column.data() : nullptr;
    x.accumulate = accumulate;
    if (epilogue)
        x.epilogue.run = [](const void*, std::ptrdiff_t, std::ptrdiff_t row, std::ptrdiff_t, int rows, int columns, float* tile, std::ptrdiff_t stride) {
            for (int i = 0; i < rows; ++i)
                for (int j = 0; j < columns; ++j) tile[i * stride + j] *= static_cast<float>(row + i + 1);
        };
    packed.serve(x);
    contract(x);

    double most = 0;
    for (std::ptrdiff_t i = 0; i < m; ++i)
        for (std::ptrdiff_t j = 0; j < n; ++j) {
            double sum = (bias ? by_column[static_cast<std::size_t>(j)] : 0.0) + (accumulate ? before[static_cast<std::size_t>(i * n + j)] : 0.0);
            for (std::ptrdiff_t d = 0; d < k; ++d) {
                const float of_a = a[static_cast<std::size_t>(turned ? d * m + i : i * k + d)];
                sum += static_cast<double>(pairs_pay() ? rounded(of_a) : of_a) * static_cast<double>(rounded(b[static_cast<std::size_t>(d * n + j)]));
            }
            if (epilogue) sum *= static_cast<double>(i + 1);
            most = std::max(most, std::abs(static_cast<double>(c[static_cast<std::size_t>(i * n + j)]) - sum) / (epilogue ? static_cast<double>(i + 1) : 1));
        }
    return most;
}

}  // namespace

TEST_CASE("a product with weights packed as bf16 is that of the rounded numbers, summed in float") {
    for (const shape& s : shapes) {
        INFO(s.rows << " x " << s.columns << " x " << s.depth);
        const double bound = 5e-8 * static_cast<double>(64 + s.depth);
        CHECK(off(s, false, false, false, false) < bound);
        CHECK(off(s, true, false, false, false) < bound);
        CHECK(off(s, false, true, false, false) < bound);
        CHECK(off(s, false, true, true, false) < bound);
        CHECK(off(s, false, true, true, true) < bound);
    }
}

TEST_CASE("weights packed as bf16 give the same bits with any number of rows around a row") {
    const std::ptrdiff_t n = 96, k = 130;
    const auto a = numbers(50 * k, 5), b = numbers(k * n, 6);
    packs<float> packed;
    packed.pack<bf16>(heed::detail::strided<const float, 2>{b.data(), {k, n}, {n, 1}}, 1);
    const auto product = [&](std::ptrdiff_t m) {
        std::vector<float> c(static_cast<std::size_t>(m * n));
        contraction<float> x;
        x.a = a.data(), x.b = b.data(), x.c = c.data();
        x.rows.add(m, k, 0, n);
        x.columns.add(n, 0, 1, 1);
        x.depth.add(k, 1, n, 0);
        packed.serve(x);
        contract(x);
        return c;
    };
    const auto all = product(50);
    for (const std::ptrdiff_t m : {1, 2, 5, 6, 13}) {
        const auto some = product(m);
        CHECK(std::equal(some.begin(), some.end(), all.begin()));
    }
}
