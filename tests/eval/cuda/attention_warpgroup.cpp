// Attention by warpgroups, run on the host: how matrices lie for their products, the products, and the cases of all attention.
#include "attention_cases.hpp"

#include <heed/eval/cuda/attention_warpgroup.hpp>

#include <random>
#include <set>

using namespace attention_cases;
using namespace heed::cuda;

namespace {

/// Devices have warpgroups while this lives.
struct with_warpgroups {
    with_warpgroups() { simulated::device::warpgroups = true; }
    ~with_warpgroups() { simulated::device::warpgroups = false; }
};

/// bf16 by warpgroups, forward, against one thread an output in double.
template <class Scores> void check_forward(const values& x, Scores&& scores, const weight_dropout& drop = {}) {
    INFO(x.n);
    const results right = compute(operands<double>(x), scores, drop, false);
    const with_warpgroups has;
    const results got = compute(operands<bf16>(x), scores, drop, false);
    CHECK(worst(got.out, right.out) <= 2e-2);
    CHECK(worst(got.log_sum_exp, right.log_sum_exp) <= 2e-2);
}

/// Where the manual's figures have an element of an atom, in bytes: K-major a row is a line, MN-major a place of K is. Of Swizzle<B, 4, 3>
/// that CuTe describes atoms by: bits 4 to 4 + B - 1 are exclusive-ored with bits 7 to 7 + B - 1.
int swizzled_place(int bits, int line, int byte_of_line) {
    const int linear = line * (16 << bits) + byte_of_line, mask = ((1 << bits) - 1) << 7;
    return linear ^ (linear & mask) >> 3;
}

template <int Rows, int Depth> void check_tile() {
    using tile = swizzled_tile<Rows, Depth>;
    std::vector<std::byte> memory(tile::bytes(Rows) + 1024);
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
            const auto k_major = matrix_descriptor::of(moved(t.by_depth(block, row / 64 * 64), tile::depth_step(d / 16)));
            by_depth = by_depth && k_major.by_k(row % 64, d % 16) == right;
            const auto mn_major = matrix_descriptor::of(moved(t.by_rows(block), tile::row_step(row / 16)));
            by_rows = by_rows && mn_major.by_rows(d, row % 16) == right;
            const int bits = Depth < 64 ? 2 : 3, width = Depth < 64 ? 32 : 64;
            by_figures = by_figures && static_cast<int>(right) == 2048 + d / width * Rows * 2 * width + row / 8 * (128 << bits) + swizzled_place(bits, row % 8, 2 * (d % width));
        }
    CHECK(places.size() == static_cast<std::size_t>(Rows * Depth));
    CHECK(*places.rbegin() + 2 == 2048 + tile::bytes(Rows));
    CHECK(by_depth);
    CHECK(by_rows);
    CHECK(by_figures);
}

/// c = x y^T and o = c z by two warpgroups, through swizzled tiles.
template <int Depth, bool Simple>
struct two_products {
    using ways = warpgroups<Depth, Simple>;
    static constexpr int threads = ways::threads, rows = ways::rows, Keys = ways::keys, N = Keys / 8, C = Depth / 8;
    using query_tile = swizzled_tile<rows, Depth>;
    using key_tile = swizzled_tile<Keys, Depth>;
    static constexpr std::size_t shared_bytes = query_tile::bytes(rows) + 2 * key_tile::bytes(Keys);
    const bf16 *x, *y, *z;
    float *c, *o;
    bool hides;

    template <class Block> void operator()(Block& block) const {
        const query_tile a{block.shared()};
        const key_tile b{a.base + query_tile::bytes(rows)}, v{b.base + key_tile::bytes(Keys)};
        for (int i = block.thread(); i < rows * Depth; i += threads) a.at(i / Depth, i % Depth) = x[i];
        for (int i = block.thread(); i < Keys * Depth; i += threads) b.at(i / Depth, i % Depth) = y[i], v.at(i / Depth, i % Depth) = z[i];
        ways::wait_for_copies(block);
        block.barrier();
        const int lane = block.thread() % warp, line = block.thread() / warp * 16;
        float s[1][N][4], sum[1][C][4] = {};
        ways::scores(block, s, a, line, b);
        bool hidden = false;
        for (int n = 0; n < N; ++n)
            for (int i = 0; i < 4; ++i) {
                c[(line + fragment::line(lane, i)) * Keys + 8 * n + fragment::column(lane, i)] += s[0][n][i];        // every element is held once
                // One row of one warp hides a key, and a whole warpgroup goes the longer way for it.
                if (hides && line + fragment::line(lane, i) == 21 && 8 * n + fragment::column(lane, i) == 3) s[0][n][i] = hidden_weight(), hidden = true;
            }
        hidden = block.vote(hidden) != 0;
        ways::weighted(block, sum, s, v, !hides ? hidden_pairs::of_no_warp : hidden ? hidden_pairs::of_this_warp : hidden_pairs::of_others_at_most);
        for (int n = 0; n < C; ++n)
            for (int i = 0; i < 4; ++i) o[(line + fragment::line(lane, i)) * Depth + 8 * n + fragment::column(lane, i)] += sum[0][n][i];
    }
};

/// Small whole numbers: exact in every format, products and their sums as well.
std::vector<bf16> draw(std::mt19937& random, int count) {
    std::vector<bf16> x(static_cast<std::size_t>(count));
    for (bf16& e : x) e = bf16(static_cast<float>(static_cast<int>(random() % 5) - 2));
    return x;
}

template <int Depth, bool Simple = true> void check_products() {
    using kernel = two_products<Depth, Simple>;
    constexpr int keys = kernel::Keys;
    std::mt19937 random(Depth);
    for (const bool hides : {false, true}) {
        const auto x = draw(random, kernel::rows * Depth), y = draw(random, keys * Depth);
        auto z = draw(random, keys * Depth);
        if (hides) z[3 * Depth + 1] = bf16(INFINITY), z[3 * Depth + 2] = bf16(std::nanf(""));
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
                    if (!hides || i != 21 || j != 3) sum += static_cast<float>(bf16(row[static_cast<std::size_t>(j)])) * at(z, j * Depth + d);
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
    check_tile<64, 32>();
    check_tile<128, 32>();
    check_tile<64, 64>();
    check_tile<128, 64>();
    check_tile<64, 128>();
    check_tile<128, 128>();
    // With lines of 64 and 128 bytes, the permutation is the one that warps read by themselves.
    for (int row = 0; row < 64; ++row)
        for (int chunk = 0; chunk < 8; ++chunk) {
            CHECK(swizzled_tile<64, 64>::offset(row, chunk) == shared_tile<bf16, 64>::offset(row, chunk));
            if (chunk < 4) CHECK(swizzled_tile<64, 32>::offset(row, chunk) == shared_tile<bf16, 32>::offset(row, chunk));
        }
}
TEST_CASE("two products by warpgroups are what plain loops make of them, and every element is held once") {
    check_products<32>();
    check_products<64>();
    check_products<128>();
    check_products<128, false>();
}
TEST_CASE("attention by warpgroups: scaled products of every size, and negative scales") {
    for (const sizes& n : all_sizes) check_forward(values(n), [](const auto& o) { return dot<depth>(o.q, o.k) * 0.3f; });
    check_forward(values({1, 130, 200, 1, 72, 7}), [](const auto& o) { return dot<depth>(o.q, o.k) * -0.1f; });
}
TEST_CASE("attention by warpgroups: causal, of every size, with dropout and without") {
    const auto causal = [](const auto& o) { return where(position<key>() <= position<query>(), dot<depth>(o.q, o.k) / -2.5f, -infinity); };
    for (const sizes& n : all_sizes) check_forward(values(n), causal);
    check_forward(values({2, 65, 70, 2, 32, 32}), causal, {0.3, 5, 6});
    check_forward(values({1, 200, 270, 1, 64, 64}), causal);
}
TEST_CASE("attention by warpgroups: a window, rows that see nothing, a bias of which some is -infinity, a soft cap") {
    const auto window = [](const auto& o) { return where(abs(position<query>() - position<key>()) < 9 && position<query>() != 3, dot<depth>(o.q, o.k) * 0.4f, -infinity); };
    for (const sizes& n : {sizes{1, 150, 150, 1, 32, 32}, sizes{1, 40, 20, 2, 16, 8}}) check_forward(values(n), window);
    for (const sizes& n : {sizes{2, 33, 70, 2, 20, 24}, sizes{1, 130, 65, 1, 64, 5}}) {
        values x(n);
        for (int i = 0; i < n.queries; ++i) x.bias.data()[i * n.keys + 7 * i % n.keys] = -INFINITY;
        for (int j = 0; j < n.keys; ++j) x.bias.data()[3 * n.keys + j] = -INFINITY;
        check_forward(x, [](const auto& o) { return dot<depth>(o.q, o.k) * 0.3f + o.bias; });
        check_forward(x, [](const auto& o) { return where(o.may, 4 * tanh(dot<depth>(o.q, o.k) / 4), -infinity); }, {0.25, 1, 2});
    }
}
TEST_CASE("attention by warpgroups: padding, and what is not finite behind it and before") {
    for (const sizes& n : {sizes{3, 5, 70, 2, 32, 16}, sizes{2, 66, 130, 1, 33, 40}, sizes{1, 20, 150, 1, 66, 70}}) {
        values x(n);
        const auto padded = [](const auto& o) { return where(position<key>() < o.length && position<key>() != 2, dot<depth>(o.q, o.k) * 0.3f, -infinity); };
        x.length.data()[0] = n.keys - 9;
        check_forward(x, padded);
        const results right = compute(operands<double>(x), padded, {}, false);
        for (int b = 0; b < n.batches; ++b)
            for (int j = 0; j < n.keys; ++j)
                if (j == 2 || j >= x.length.data()[b])
                    for (int h = 0; h < 2; ++h) {
                        for (int d = 0; d < n.depth; ++d) x.k(b, j, h, d) = std::nanf("");
                        for (int c = 0; c < n.value; ++c) x.v(b, h, j, c) = c % 2 ? INFINITY : std::nanf("");
                    }
        const with_warpgroups has;
        const results got = compute(operands<bf16>(x), padded, {}, false);
        CHECK(worst(got.out, right.out) <= 2e-2);
        CHECK(worst(got.log_sum_exp, right.log_sum_exp) <= 2e-2);
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
TEST_CASE("attention by warpgroups: ragged batches, and the gradients of what it made") {
    struct token : axis<> {};
    struct other : axis<> {};
    using texts = ragged<batch, token>;
    const texts lengths{3, 0, 170, 1, 33};
    heed::tensor<float, texts, head, depth> q(lengths, depth{24}), k(lengths, depth{24}), v(lengths, depth{24});
    int salt = 0;
    for (auto* t : {&q, &k, &v}) {
        ++salt;
        for (std::ptrdiff_t i = 0; i < t->size(); ++i) t->data()[i] = attention_cases::number(salt, i);
    }
    const auto attend = [](const auto& a, const auto& b, const auto& c) {
        return dot<other>(softmax<other>(where(position<other>() <= position<token>(), dot<depth>(a, rename<token, other>(b)) * 0.4f, -infinity)), rename<token, other>(c));
    };
    const heed::tensor<float, texts, head, depth> right = attend(q, k, v);
    const auto there = [](const auto& x) { return cuda::tensor<bf16, texts, head, depth>(eval(as<bf16>(x))); };
    const cuda::tensor<bf16, texts, head, depth> q2 = there(q), k2 = there(k), v2 = there(v);
    const with_warpgroups has;
    const cuda::tensor<bf16, texts, head, depth> out = attend(q2, k2, v2);
    CHECK(worst(to_host(out), {right.data(), right.data() + right.size()}) <= 2e-2);

    const values x({1, 65, 70, 1, 64, 32});
    const auto causal = [](const auto& o) { return where(position<key>() <= position<query>(), dot<depth>(o.q, o.k) * 0.3f, -infinity); };
    check_close(compute(operands<bf16>(x), causal, {}, true), compute(operands<double>(x), causal, {}, true), 2e-2);
}
TEST_CASE("attention by warpgroups: tiles that are ruled out are not loaded; floats do not go this way") {
    const with_warpgroups has;
    const auto causal = [](const auto& o) { return where(position<key>() <= position<query>(), dot<depth>(o.q, o.k) * 0.3f, -infinity); };
    const values square({1, 256, 256, 1, 32, 32});
    const operands<bf16> o(square);
    simulated::block::copies = 0;
    compute(o, causal, {}, false);
    // Blocks of 128 rows, tiles of 64 keys; 4 copies a line of depth 32; 2 heads; keys and values.
    CHECK(simulated::block::copies == 2 * 4 * (256 + 2 * 64 * (2 + 4)));
    check_close(compute(operands<float>(square), causal, {}, false), compute(operands<double>(square), causal, {}, false), 1e-5);
}
