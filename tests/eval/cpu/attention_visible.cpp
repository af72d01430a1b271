// The runs of keys that a group of rows sees, for masks of every kind.
#include <catch2/catch.hpp>

#include <heed/eval/cpu/attention_visible.hpp>

#include <functional>
#include <vector>

namespace {

using heed::cpu::tile_verdict;
using runs = heed::cpu::attention_detail::visible_runs<512>;

/// A mask by its pairs; verdicts are exact, or never more than `some`.
struct mask {
    static constexpr bool masked = true;
    std::function<bool(std::ptrdiff_t, std::ptrdiff_t)> visible;
    bool knows = true;
    mutable int asked = 0;

    tile_verdict verdict(std::ptrdiff_t row0, std::ptrdiff_t row1, std::ptrdiff_t key0, std::ptrdiff_t key1) const {
        ++asked;
        if (!knows) return tile_verdict::some;
        std::ptrdiff_t seen = 0;
        for (std::ptrdiff_t i = row0; i < row1; ++i)
            for (std::ptrdiff_t j = key0; j < key1; ++j) seen += visible(i, j);
        return seen == 0 ? tile_verdict::none : seen == (row1 - row0) * (key1 - key0) ? tile_verdict::all : tile_verdict::some;
    }
};

}  // namespace

TEST_CASE("runs hold every visible pair, and what is called whole is visible", "[attention]") {
    const std::vector<mask> masks = {
        {[](auto i, auto j) { return j <= i; }},
        {[](auto i, auto j) { return j <= i && i - j < 37; }},
        {[](auto, auto j) { return j < 83; }},
        {[](auto i, auto j) { return (i * 31 + j * 17) % 11 < 6; }},
        {[](auto i, auto j) { return i / 64 == j / 64; }},
        {[](auto, auto) { return false; }},
        {[](auto, auto) { return true; }},
        {[](auto i, auto j) { return j <= i; }, false},
    };
    for (const mask& m : masks)
        for (std::ptrdiff_t key0 : {0, 512})
            for (std::ptrdiff_t keys : {1, 16, 40, 129, 512}) {
                runs r;
                r.seek(m, 0, 600, key0, key0 + keys);
                for (std::ptrdiff_t row = 0; row < 600; row += 12) {
                    r.seek_rows(m, row, row + 12);
                    std::ptrdiff_t next = 0;   // what lies between runs is hidden
                    bool right = true;
                    const auto hidden = [&](std::ptrdiff_t last) {
                        for (; next < last; ++next)
                            for (std::ptrdiff_t i = row; i < row + 12; ++i) right &= !m.visible(i, key0 + next);
                    };
                    for (const auto& run : r) {
                        hidden(run.first);
                        for (; next < run.last; ++next)
                            for (std::ptrdiff_t i = row; run.whole && i < row + 12; ++i) right &= m.visible(i, key0 + next);
                        right &= run.first % runs::finest == 0 && (run.last % runs::finest == 0 || run.last == keys);
                    }
                    hidden(keys);
                    CHECK(right);
                }
            }
}

TEST_CASE("the mask's edge is found to within the finest panel", "[attention]") {
    const mask causal{[](auto i, auto j) { return j <= i; }};
    runs r;
    r.seek(causal, 0, 512, 0, 512);
    for (std::ptrdiff_t row = 0; row + 12 <= 512; row += 12) {
        r.seek_rows(causal, row, row + 12);
        std::ptrdiff_t whole = 0, computed = 0;
        for (const auto& run : r) (run.whole ? whole : computed) += run.last - run.first;
        CHECK(whole + computed <= row + 12 + runs::finest);
        CHECK(computed <= 2 * runs::finest);
    }
}

TEST_CASE("a mask without edges is not asked more than its panels are worth", "[attention]") {
    const mask scattered{[](auto, auto) { return true; }, false};
    runs r;
    r.seek(scattered, 0, 12, 0, 512);
    scattered.asked = 0;
    r.seek_rows(scattered, 0, 12);
    CHECK(scattered.asked <= 7 * 512 / runs::panel);
}

TEST_CASE("the end of what is visible is found whatever is guessed", "[attention]") {
    for (std::ptrdiff_t end = 3; end <= 40; ++end)
        for (std::ptrdiff_t guess = 0; guess <= 45; ++guess) {
            const std::ptrdiff_t found = heed::cpu::attention_detail::visible_end(3, 40, guess, [&](auto first, auto last) { return first >= end && first < last; });
            CHECK(found == end);
        }
}

TEST_CASE("what can be seen of a rectangle ends with the last row and the last key that are visible", "[attention]") {
    using heed::cpu::attention_detail::rectangle;
    const auto part = [](const mask& m, rectangle all, rectangle neighbour) {
        const rectangle r = visible_part(m, all, neighbour);
        return std::vector<std::ptrdiff_t>{r.row0, r.row1, r.key0, r.key1};
    };
    const mask corner = {[](auto i, auto j) { return i < 21 && j < 83; }};
    CHECK(part(corner, {10, 50, 64, 128}, {}) == std::vector<std::ptrdiff_t>{10, 21, 64, 83});
    CHECK(part(corner, {10, 50, 64, 128}, {0, 21, 0, 83}) == std::vector<std::ptrdiff_t>{10, 21, 64, 83});
    CHECK(part(corner, {0, 20, 0, 80}, {}) == std::vector<std::ptrdiff_t>{0, 20, 0, 80});
    CHECK(part(corner, {30, 50, 64, 128}, {}) == std::vector<std::ptrdiff_t>{30, 30, 64, 64});
    CHECK(part(corner, {10, 10, 64, 128}, {}) == std::vector<std::ptrdiff_t>{10, 10, 64, 64});
    CHECK(part({[](auto, auto) { return true; }, false}, {10, 50, 64, 128}, {}) == std::vector<std::ptrdiff_t>{10, 50, 64, 128});
}
