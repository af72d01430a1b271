// Attention by warpgroups, run on the host: how matrices lie for their products, the products, and the ring that brings them.
#include "attention_cases.hpp"

#include <heed/eval/cuda/attention_warpgroup.hpp>

#include <random>
#include <set>

using namespace attention_cases;
using namespace heed::cuda;

namespace {

/// Where the manual's figures have an element of an atom, in bytes: K-major a row is a line, MN-major a place of K is. Of Swizzle<B, 4, 3>
/// that CuTe describes atoms by: bits 4 to 4 + B - 1 are exclusive-ored with bits 7 to 7 + B - 1.
int swizzled_place(int bits, int line, int byte_of_line) {
    const int linear = line * (16 << bits) + byte_of_line, mask = ((1 << bits) - 1) << 7;
    return linear ^ (linear & mask) >> 3;
}

template <int Rows, int Depth> void check_tile() {
    using tile = swizzled_tile<bf16, Rows, Depth>;
    std::vector<std::byte> memory(tile::bytes + 1024);
    struct {
        std::byte* base;
        std::uint32_t shared_address(const std::byte* p) const { return 2048 + static_cast<std::uint32_t>(p - base); }
    } block{memory.data()};
    const tile t{memory.data()};
    const auto place = [&](int row, int d) { return block.shared_address(t.chunk(row, d / 8)) + 2 * static_cast<std::uint32_t>(d % 8); };
    std::set<std::uint32_t> places;
    bool by_depth = true, by_rows = true, by_figures = true;
    for (int row = 0; row < Rows; ++row)
        for (int d = 0; d < Depth; ++d) {
            const std::uint32_t right = place(row, d);
            places.insert(right);
            const auto k_major = matrix_descriptor::of(moved(t.by_depth(block), tile::depth_step(d / 16)));
            by_depth = by_depth && k_major.by_k(row, d % 16) == right;
            const auto mn_major = matrix_descriptor::of(moved(t.by_rows(block), tile::row_step(row / 16)));
            by_rows = by_rows && mn_major.by_rows(d, row % 16) == right;
            const int bits = Depth < 64 ? 2 : 3, width = Depth < 64 ? 32 : 64;
            by_figures = by_figures && static_cast<int>(right) == 2048 + d / width * Rows * 2 * width + row / 8 * (128 << bits) + swizzled_place(bits, row % 8, 2 * (d % width));
        }
    CHECK(places.size() == static_cast<std::size_t>(Rows * Depth));
    CHECK(*places.rbegin() + 2 == 2048 + tile::bytes);
    CHECK(by_depth);
    CHECK(by_rows);
    CHECK(by_figures);
}

/// c = x y^T and o = c z by two warpgroups, through swizzled tiles.
template <class E, int Keys, int Depth>
struct two_products {
    using product = warpgroup_products<E>;
    static constexpr int threads = 2 * warpgroup, rows = 128, N = Keys / 8, C = Depth / 8;
    using query_tile = swizzled_tile<E, 64, Depth>;
    using key_tile = swizzled_tile<E, Keys, Depth>;
    static constexpr std::size_t shared_bytes = 2 * query_tile::bytes + 2 * key_tile::bytes;
    const E *x, *y, *z;
    float *c, *o;
    bool hides;

    template <class Block> void operator()(Block& block) const {
        const int group = block.thread() / warpgroup;
        const query_tile a{block.shared() + group * query_tile::bytes};
        const key_tile b{block.shared() + 2 * query_tile::bytes}, v{b.base + key_tile::bytes};
        for (int i = block.thread() % warpgroup; i < 64 * Depth; i += warpgroup) a.at(i / Depth, i % Depth) = x[64 * group * Depth + i];
        for (int i = block.thread(); i < Keys * Depth; i += threads) b.at(i / Depth, i % Depth) = y[i], v.at(i / Depth, i % Depth) = z[i];
        block.publish();
        block.barrier();
        const int lane = block.thread() % warp, line = block.thread() / warp * 16;
        float s[1][N][4], sum[1][C][4] = {};
        block.warpgroup_begin();
        product::scores(block, s, a, b);
        block.warpgroup_end();
        block.template warpgroup_wait<0>(s[0]);
        bool hidden = false;
        for (int n = 0; n < N; ++n)
            for (int i = 0; i < 4; ++i) {
                c[(line + fragment::line(lane, i)) * Keys + 8 * n + fragment::column(lane, i)] += s[0][n][i];        // every element is held once
                // One row of one warp hides a key, and a whole warpgroup goes the longer way for it.
                if (hides && line + fragment::line(lane, i) == 21 && 8 * n + fragment::column(lane, i) == 3) s[0][n][i] = hidden_weight(), hidden = true;
            }
        hidden = block.vote(hidden) != 0;
        std::uint32_t weights[N / 2][1][4];
        product::left(block, weights, s);
        if (product::selects(block, v, !hides ? hidden_pairs::of_no_warp : hidden ? hidden_pairs::of_this_warp : hidden_pairs::of_others_at_most)) product::weighted_selecting(block, sum, weights, v);
        else {
            block.warpgroup_ready(sum[0], weights);
            block.warpgroup_begin();
            product::weighted(block, sum, weights, v);
            block.warpgroup_end();
        }
        block.template warpgroup_wait<0>(sum[0], weights);
        for (int n = 0; n < C; ++n)
            for (int i = 0; i < 4; ++i) o[(line + fragment::line(lane, i)) * Depth + 8 * n + fragment::column(lane, i)] += sum[0][n][i];
    }
};

/// Small whole numbers: exact in every format, products and their sums as well.
template <class E> std::vector<E> draw(std::mt19937& random, int count) {
    std::vector<E> x(static_cast<std::size_t>(count));
    for (E& e : x) e = E(static_cast<float>(static_cast<int>(random() % 5) - 2));
    return x;
}

template <class E, int keys, int Depth> void check_products() {
    using kernel = two_products<E, keys, Depth>;
    std::mt19937 random(Depth);
    for (const bool hides : {false, true}) {
        const auto x = draw<E>(random, kernel::rows * Depth), y = draw<E>(random, keys * Depth);
        auto z = draw<E>(random, keys * Depth);
        if (hides) z[3 * Depth + 1] = E(INFINITY), z[3 * Depth + 2] = E(std::nanf(""));
        std::vector<float> c(kernel::rows * keys), o(static_cast<std::size_t>(kernel::rows * Depth));
        simulated::device::launch(kernel{x.data(), y.data(), z.data(), c.data(), o.data(), hides}, 1);
        const auto at = [](const auto& v, int i) { return static_cast<float>(v[static_cast<std::size_t>(i)]); };
        int wrong_c = 0, wrong_o = 0;
        for (int i = 0; i < kernel::rows; ++i) {
            std::vector<float> row(keys);
            for (int j = 0; j < keys; ++j) {
                for (int d = 0; d < Depth; ++d) row[static_cast<std::size_t>(j)] += at(x, i * Depth + d) * at(y, j * Depth + d);
                wrong_c += at(c, i * keys + j) != row[static_cast<std::size_t>(j)];
            }
            for (int d = 0; d < Depth; ++d) {
                float sum = 0;
                for (int j = 0; j < keys; ++j)
                    if (!hides || i != 21 || j != 3) sum += static_cast<float>(E(row[static_cast<std::size_t>(j)])) * at(z, j * Depth + d);
                const float got = at(o, i * Depth + d);
                wrong_o += got != sum && (got == got || sum == sum);
            }
        }
        CHECK(wrong_c == 0);
        CHECK(wrong_o == 0);
    }
}

}  // namespace

TEST_CASE("descriptors: every part has its bits") {
    constexpr matrix_descriptor d{0x1230, 0x4560, 0x7890, 5, swizzle::of_64};
    static_assert(d.bits() == (0x123ull | 0x456ull << 16 | 0x789ull << 32 | 5ull << 49 | 2ull << 62));
    constexpr matrix_descriptor same = matrix_descriptor::of(d.bits());
    static_assert(same.address == d.address && same.leading == d.leading && same.stride == d.stride && same.base_offset == 5 && same.swizzle == swizzle::of_64);
    static_assert(matrix_descriptor::of(moved(d.bits(), 32)).address == 0x1250);
    // Address 0x400, lines of 8 rows 1024 bytes apart, swizzle of 128 bytes: as libraries write it for K-major tiles.
    static_assert(matrix_descriptor{0x400, 16, 1024, 0, swizzle::of_128}.bits() == 0x4000004000010040ull);
    for (std::uint32_t a = 0; a < 4096; a += 16) {
        CHECK(swizzled(swizzle::none, a) == a);
        CHECK(static_cast<int>(swizzled(swizzle::of_32, a)) == swizzled_place(1, static_cast<int>(a / 32), static_cast<int>(a % 32)));
    }
}
TEST_CASE("descriptors of a tile lead to what was written there, K-major and MN-major") {
    check_tile<32, 32>();
    check_tile<64, 32>();
    check_tile<128, 32>();
    check_tile<64, 64>();
    check_tile<128, 64>();
    check_tile<64, 128>();
    check_tile<128, 128>();
    // With lines of 64 and 128 bytes, the permutation is the one that warps read by themselves.
    for (int row = 0; row < 64; ++row)
        for (int chunk = 0; chunk < 8; ++chunk) {
            CHECK(swizzled_tile<bf16, 64, 64>::offset(row, chunk) == shared_tile<bf16, 64>::offset(row, chunk));
            if (chunk < 4) CHECK(swizzled_tile<bf16, 64, 32>::offset(row, chunk) == shared_tile<bf16, 32>::offset(row, chunk));
        }
}
TEST_CASE("two products by warpgroups are what plain loops make of them, and every element is held once") {
    check_products<bf16, 64, 32>();
    check_products<bf16, 32, 64>();
    check_products<bf16, 64, 64>();
    check_products<bf16, 128, 128>();
    check_products<fp16, 64, 64>();
    check_products<fp16, 32, 128>();
}
TEST_CASE("weights by polynomial are those of the exponential to 1e-4") {
    double worst = 0;
    for (float x = 0; x > -126; x -= 0.0137f) worst = std::max(worst, std::abs(exp2_by_polynomial(x) / std::exp2(double{x}) - 1));
    CHECK(worst < 1e-4);
    CHECK(worst > 1e-6);
    CHECK(exp2_by_polynomial(0) <= 1);
    for (const float x : {-127.0f, -128.0f, -1e30f, -INFINITY}) CHECK(exp2_by_polynomial(x) == 0);
    CHECK(std::isnan(exp2_by_polynomial(std::nanf(""))));
}
TEST_CASE("attention by warpgroups: stages are used again, whether copies come as late as can be or at once") {
    for (const sizes& n : {sizes{1, 30, 330, 1, 32, 32}, sizes{1, 300, 30, 1, 16, 64}, sizes{1, 20, 400, 1, 128, 72}}) {
        const values x(n);
        const auto window = [](const auto& o) { return where(position<key>() < position<query>() + 100 && position<key>() != 3, dot<depth>(o.q, o.k) * 0.3f, -infinity); };
        const auto plain = [](const auto& o) { return dot<depth>(o.q, o.k) * 0.3f; };
        const results right = compute(operands<double>(x), window, {}, true), right_plain = compute(operands<double>(x), plain, {}, true);
        const with_warpgroups has;
        for (const bool at_once : {false, true}) {
            INFO(n << (at_once ? ", at once" : ""));
            simulated::block::lands_at_once = at_once;
            simulated::tile_copies::copied = 0;
            check_close(compute(operands<bf16>(x), window, {}, true), right, 2e-2);
            check_close(compute(operands<bf16>(x), plain, {}, true), right_plain, 2e-2);
            CHECK(simulated::tile_copies::copied > 0);
        }
        simulated::block::lands_at_once = false;
    }
}
TEST_CASE("attention by warpgroups: hidden rows of values are not finite for some warps of a warpgroup alone") {
    // Row r sees keys from r on: what is not finite lies before the rows of some warps, in tiles that all of them meet.
    values x({1, 128, 128, 1, 32, 32});
    const auto later = [](const auto& o) { return where(position<key>() >= position<query>() && position<key>() != 0, dot<depth>(o.q, o.k) * 0.3f, -infinity); };
    const results right = compute(operands<double>(x), later, {}, false);
    for (int h = 0; h < 2; ++h)
        for (int c = 0; c < 32; ++c) x.v(0, h, 0, c) = INFINITY;
    const with_warpgroups has;
    CHECK(worst(compute(operands<bf16>(x), later, {}, false).out, right.out) <= 2e-2);
}
TEST_CASE("attention by warpgroups: which operands maps say, and what runs where none does") {
    const auto bytes_of = [](auto&& statement) {
        simulated::tile_copies::copied = 0;
        statement();
        return simulated::tile_copies::copied;
    };
    const with_warpgroups has;
    const auto scaled = [](const auto& o) { return dot<depth>(o.q, o.k) * 0.3f; };
    const operands<bf16> whole(values({1, 5, 70, 1, 32, 64})), askew(values({1, 5, 70, 1, 20, 64})), shared(values({1, 5, 70, 2, 32, 32}));
    // Two tiles of 64 keys, two heads, depth and values padded to 64: rows, keys and values of 16 bits.
    const long forward = 2 * 2 * 2 * 64 * 64 * 2, to_queries = forward, to_keys = 2 * 2 * 64 * 64 * 2;
    CHECK(bytes_of([&] { compute(whole, scaled, {}, false); }) == forward);
    CHECK(bytes_of([&] { compute(whole, scaled, {}, true); }) == forward + to_queries + to_keys);
    CHECK(bytes_of([&] { compute(askew, scaled, {}, true); }) == 0);            // lines of 40 bytes
    CHECK(bytes_of([&] { compute(shared, scaled, {}, true); }) == 2 * (2 * 2 * 2 * 64 * 32 * 2));     // but for keys' gradients: queries in groups
    const results right = compute(operands<double>(values({1, 5, 70, 1, 20, 64})), scaled, {}, true);
    check_close(compute(askew, scaled, {}, true), right, 2e-2);
}
TEST_CASE("attention by warpgroups: three axes of problems in any order, and four, which no map says") {
    struct first : axis<2> {};
    struct second : axis<3> {};
    struct third : axis<2> {};
    const auto check_axes = [&]<class... Axes>(axes<Axes...>, bool mapped) {
        heed::tensor<float, query, Axes..., depth> q(query{5}, batch{2}, depth{16});
        heed::tensor<float, Axes..., key, depth> k(batch{2}, key{9}, depth{16}), v(batch{2}, key{9}, depth{16});
        for (std::ptrdiff_t i = 0; i < q.size(); ++i) q.data()[i] = attention_cases::number(1, i);
        for (std::ptrdiff_t i = 0; i < k.size(); ++i) k.data()[i] = attention_cases::number(2, i), v.data()[i] = attention_cases::number(3, i);
        const heed::tensor<float, query, Axes..., depth> right = dot<key>(softmax<key>(dot<depth>(q, k) * 0.5f), v);
        const cuda::tensor<bf16, query, Axes..., depth> q2 = eval(as<bf16>(q));
        const cuda::tensor<bf16, Axes..., key, depth> k2 = eval(as<bf16>(k)), v2 = eval(as<bf16>(v));
        const with_warpgroups has;
        simulated::tile_copies::copied = 0;
        const cuda::tensor<bf16, query, Axes..., depth> out = dot<key>(softmax<key>(dot<depth>(q2, k2) * 0.5f), v2);
        CHECK((simulated::tile_copies::copied > 0) == mapped);
        CHECK(worst(to_host(out), {right.data(), right.data() + right.size()}) <= 2e-2);
    };
    check_axes(axes<first, batch, third>(), true);
    check_axes(axes<first, batch, second, third>(), false);
}
TEST_CASE("attention by warpgroups: tiles that are ruled out are not copied; floats do not go this way") {
    const with_warpgroups has;
    const auto causal = [](const auto& o) { return where(position<key>() <= position<query>(), dot<depth>(o.q, o.k) * 0.3f, -infinity); };
    const values square({1, 256, 256, 1, 32, 32});
    simulated::tile_copies::copied = 0;
    compute(operands<float>(square), causal, {}, false);
    CHECK(simulated::tile_copies::copied == 0);
    compute(operands<bf16>(square), causal, {}, false);
    CHECK(simulated::tile_copies::copied == 2 * (2 + 4) * 2 * 64 * 32 * 2);          // two heads, blocks of 128 rows, tiles of 64 keys, keys and values
}
