// The index logic of attention's tiles, and the simulator's tensor cores against plain products.
#include "simulator.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using namespace heed;
using namespace heed::cuda;

namespace {

/// No two chunks share a place; of eight rows that follow one another the same chunk lies in eight different banks' places, and
/// so does a row's run of eight chunks.
template <class E, int Columns> void check_swizzle() {
    using tile = shared_tile<E, Columns>;
    constexpr int rows = 64;
    std::set<int> places;
    for (int row = 0; row < rows; ++row)
        for (int chunk = 0; chunk < tile::chunks; ++chunk) {
            const int at = tile::offset(row, chunk);
            CHECK((at >= 0 && at % 16 == 0 && at < static_cast<int>(tile::bytes(rows))));
            places.insert(at);
        }
    CHECK(places.size() == static_cast<std::size_t>(rows * tile::chunks));
    for (int row = 0; row < rows; row += 8)
        for (int chunk = 0; chunk < tile::chunks; ++chunk) {
            std::set<int> banks;
            for (int i = 0; i < 8; ++i) banks.insert(tile::offset(row + i, chunk) % 128);
            CHECK(banks.size() == 8);
        }
}

/// c = x y^T and o = c z by a warp, through shared tiles.
template <class E, precision P, int M, int N, int Depth>
struct two_products {
    static constexpr int threads = warp, lines = 16 * M, columns = 8 * N, C = Depth / 8;
    using tile = shared_tile<E, Depth>;
    static constexpr std::size_t shared_bytes = tile::bytes(lines + 2 * columns);
    const E *x, *y, *z;
    float *c, *o;
    bool hides;

    template <class Block> void operator()(Block& block) const {
        const tile a{block.shared()}, b{a.base + tile::bytes(lines)}, v{b.base + tile::bytes(columns)};
        for (int i = block.thread(); i < lines * Depth; i += warp) a.at(i / Depth, i % Depth) = x[i];
        for (int i = block.thread(); i < columns * Depth; i += warp) b.at(i / Depth, i % Depth) = y[i], v.at(i / Depth, i % Depth) = z[i];
        block.barrier();
        const int lane = block.thread();
        float s[M][N][4], sum[M][C][4] = {};
        products<E, P>::scores(block, s, a, 0, b);
        for (int m = 0; m < M; ++m)
            for (int n = 0; n < N; ++n)
                for (int i = 0; i < 4; ++i) {
                    float& here = c[(16 * m + fragment::line(lane, i)) * columns + 8 * n + fragment::column(lane, i)];
                    here += s[m][n][i];                     // every element is held once: it began as zero
                    if (hides && n == 0 && fragment::column(lane, i) == 3) s[m][n][i] = hidden_weight();
                }
        products<E, P>::weighted(block, sum, s, v, hides);
        for (int m = 0; m < M; ++m)
            for (int n = 0; n < C; ++n)
                for (int i = 0; i < 4; ++i) o[(16 * m + fragment::line(lane, i)) * Depth + products<E, P>::column(lane, n, i)] += sum[m][n][i];
    }
};

template <class E, precision P, int M, int N, int Depth> void check_products(double tolerance) {
    using kernel = two_products<E, P, M, N, Depth>;
    std::mt19937 random(M + N + Depth);
    // Small whole numbers: exact in every format, products and their sums as well.
    const auto draw = [&](int count) {
        std::vector<E> x(static_cast<std::size_t>(count));
        for (E& e : x) e = E(static_cast<float>(static_cast<int>(random() % 5) - 2));
        return x;
    };
    for (const bool hides : {false, true}) {
        auto x = draw(kernel::lines * Depth), y = draw(kernel::columns * Depth), z = draw(kernel::columns * Depth);
        for (int d = 0; d < Depth; d += 2) y[static_cast<std::size_t>(5 * Depth + d)] = E(0.0f);
        if (hides)
            for (int d = 0; d < Depth; ++d) z[static_cast<std::size_t>(3 * Depth + d)] = E(d % 2 ? std::nanf("") : INFINITY);
        std::vector<float> c(kernel::lines * kernel::columns), o(kernel::lines * Depth);
        simulated::device::launch(kernel{x.data(), y.data(), z.data(), c.data(), o.data(), hides}, 1);
        const auto at = [](const auto& v, int i) { return static_cast<double>(static_cast<float>(v[static_cast<std::size_t>(i)])); };
        double worst_c = 0, worst_o = 0;
        for (int i = 0; i < kernel::lines; ++i) {
            std::vector<double> row(kernel::columns);
            for (int j = 0; j < kernel::columns; ++j) {
                for (int d = 0; d < Depth; ++d) row[static_cast<std::size_t>(j)] += at(x, i * Depth + d) * at(y, j * Depth + d);
                worst_c = std::max(worst_c, std::abs(row[static_cast<std::size_t>(j)] - at(c, i * kernel::columns + j)));
            }
            for (int d = 0; d < Depth; ++d) {
                double sum = 0;
                for (int j = 0; j < kernel::columns; ++j)
                    if (!hides || j != 3) sum += row[static_cast<std::size_t>(j)] * at(z, j * Depth + d);
                const double error = std::abs(sum - at(o, i * Depth + d));
                worst_o = error <= worst_o ? worst_o : error;
            }
        }
        CHECK(worst_c == 0);
        CHECK(worst_o <= tolerance);
    }
}

/// Notes which tiles a walk meets, those that are let through whole as negative.
struct walker {
    static constexpr int threads = warp;
    static constexpr std::size_t shared_bytes = 16;
    std::vector<int>* met;
    int count;
    void operator()(simulated::block& block) const {
        tile_walk walk([](int tile) { return tile % 7 == 3 || tile == 64 ? 1 : tile > 90 && tile < 95 ? 2 : 0; }, count);
        bool whole = false;
        for (int t = walk.next(block, 0, whole); t < count; t = walk.next(block, t + 1, whole))
            if (block.thread() == 0) met->push_back(whole ? -t : t);
    }
};

}  // namespace

TEST_CASE("rows in shared memory are permuted, and eight that are read together lie apart") {
    check_swizzle<bf16, 32>();
    check_swizzle<bf16, 64>();
    check_swizzle<bf16, 128>();
    check_swizzle<float, 32>();
    check_swizzle<float, 64>();
    check_swizzle<float, 128>();
}

TEST_CASE("two products by a warp are what plain loops make of them, and every element is held once") {
    check_products<bf16, precision::exact, 2, 8, 32>(0);
    check_products<bf16, precision::exact, 1, 4, 128>(0);
    check_products<fp16, precision::exact, 2, 4, 64>(0);
    check_products<float, precision::tf32, 2, 4, 64>(0);
    check_products<float, precision::tf32, 1, 2, 32>(0);
    check_products<float, precision::exact, 2, 4, 32>(0);
    check_products<float, precision::exact, 1, 2, 128>(0);
}

TEST_CASE("a walk over tiles goes to those that are not ruled out") {
    for (int count : {0, 1, 31, 32, 33, 100, 200}) {
        std::vector<int> met, expected;
        for (int t = 0; t < count; ++t)
            if (t % 7 == 3 || t == 64) expected.push_back(t);
            else if (t > 90 && t < 95) expected.push_back(-t);
        simulated::device::launch(walker{&met, count}, 1);
        CHECK(met == expected);
    }
}
