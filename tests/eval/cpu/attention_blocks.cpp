// How the work of attention is cut: every block once, shares of about the same cost.
#include <catch2/catch.hpp>

#include <heed/eval/cpu/attention_blocks.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <tuple>
#include <vector>

using heed::cpu::attention_shape;
using heed::cpu::attention_detail::blocks;
using heed::cpu::attention_detail::problem;

namespace {

/// Sequences of these lengths, of several heads.
attention_shape sequences(const std::vector<std::ptrdiff_t>& offsets, std::ptrdiff_t heads) {
    attention_shape s;
    s.batch[0] = static_cast<std::ptrdiff_t>(offsets.size()) - 1;
    s.batch[1] = heads;
    s.segment_axis = 0;
    s.query_offsets = s.key_offsets = offsets.data();
    return s;
}

std::vector<std::ptrdiff_t> drawn_offsets(int count, double median) {
    std::mt19937 random(3);
    std::lognormal_distribution<double> length(std::log(median), 1);
    std::vector<std::ptrdiff_t> offsets = {0};
    for (int i = 0; i < count; ++i) offsets.push_back(offsets.back() + (i % 9 == 4 ? 0 : static_cast<std::ptrdiff_t>(length(random))));
    return offsets;
}

}  // namespace

TEST_CASE("shares hold every row of every sequence once, and each is told what comes next", "[attention]") {
    for (double median : {1.0, 40.0, 400.0}) {
        const std::vector<std::ptrdiff_t> offsets = drawn_offsets(50, median);
        const attention_shape shape = sequences(offsets, 3);
        for (std::ptrdiff_t block : {12, 96}) {
            const blocks work(shape, block, false);
            std::ptrdiff_t first[17];
            work.share(16, first);
            CHECK(first[0] == 0);
            CHECK(first[16] == work.count());
            std::set<std::tuple<std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t>> seen;
            std::ptrdiff_t rows = 0;
            for (int i = 0; i < 16; ++i) {
                std::ptrdiff_t promised_row = -1, promised_block = -1;
                work.each(first[i], first[i + 1], work.count(), [&](const problem& p, std::ptrdiff_t b, const problem* next, std::ptrdiff_t next_block) {
                    CHECK(seen.insert({p.first_row, p.index[1], b}).second);
                    rows += std::min(block, p.rows - b * block);
                    if (promised_row >= 0) CHECK((promised_row == p.first_row && promised_block == b));
                    promised_row = next ? next->first_row : -1;
                    promised_block = next_block;
                });
                CHECK(promised_row == -1);
            }
            CHECK(rows == 3 * offsets.back());
        }
    }
}

TEST_CASE("shares of uneven sequences cost about the same, however many tokens they have", "[attention]") {
    std::vector<std::ptrdiff_t> offsets = {0};
    for (int i = 0; i < 40; ++i) offsets.push_back(offsets.back() + (i % 10 == 0 ? 250 : 20));
    const attention_shape shape = sequences(offsets, 8);
    const blocks work(shape, 768, false);
    constexpr int parts = 8;
    std::ptrdiff_t first[parts + 1];
    const double pairs = work.share(parts, first);
    CHECK(pairs == 8.0 * (4 * 250.0 * 250 + 36 * 20.0 * 20));
    std::vector<double> cost(parts);
    for (int i = 0; i < parts; ++i)
        work.each(first[i], first[i + 1], work.count(), [&](const problem& p, std::ptrdiff_t, const problem*, std::ptrdiff_t) { cost[i] += static_cast<double>(p.rows * p.keys); });
    CHECK(*std::max_element(cost.begin(), cost.end()) <= pairs / parts * 1.2 + 250 * 250);
    // Short sequences cost more than their pairs: turning to them, and bringing their rows.
    CHECK(*std::min_element(cost.begin(), cost.end()) >= pairs / parts * 0.35);
}
