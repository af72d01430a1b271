#include <heed/eval/cpu/select.hpp>

#include <catch2/catch.hpp>

#include <heed/random.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

using namespace heed;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<float> normal_numbers(std::size_t n, std::uint64_t seed) {
    random_stream random(seed);
    std::vector<float> row(n);
    for (float& x : row) x = static_cast<float>(3 * random.normal());
    return row;
}

/// Rows that a search may get wrong.
std::vector<std::vector<float>> rows() {
    std::vector<std::vector<float>> all;
    for (const std::size_t n : {1, 2, 15, 16, 17, 255, 256, 257, 1000, 5000}) {
        all.push_back(normal_numbers(n, n));
        auto row = all.back();
        for (float& x : row) x = std::round(x);
        all.push_back(row);                                                 // many ties
        std::ranges::sort(row, std::greater{});
        all.push_back(row);                                                 // the greatest ones in the first block
        for (std::size_t i = 0; i < n; i += 3) row[i] = -infinity;
        row[n - 1] = 1;
        all.push_back(row);
        for (std::size_t i = 0; i < n; i += 2) row[i] = -1e9f;
        all.push_back(row);
        row.assign(n, 0.0f);
        all.push_back(row);
        row[n / 2] = 3e38f, row[n / 3] = -3e38f;
        all.push_back(row);
    }
    return all;
}

}  // namespace

TEST_CASE("the greatest number of a row, and where it stands first") {
    for (const auto& row : rows()) {
        const cpu::surveyed_row survey(row);
        CHECK(survey.top() == std::ranges::max(row));
        CHECK(survey.first_of_top() == std::ranges::max_element(row) - row.begin());
        for (std::ptrdiff_t b = 0; b < survey.blocks(); ++b)
            CHECK(survey.maximum(b) == *std::max_element(row.begin() + b * survey.block, row.begin() + survey.end_of(b)));
    }
}

TEST_CASE("a NaN anywhere in a row is found") {
    for (const std::size_t n : {1, 17, 256, 300, 513}) {
        for (std::size_t i = 0; i < n; i += 5) {
            auto row = normal_numbers(n, 1);
            row[i] = std::numeric_limits<float>::quiet_NaN();
            CHECK(std::isnan(cpu::surveyed_row(row).top()));
        }
    }
}

TEST_CASE("the k-th greatest number is the one that sorting puts there, for every k") {
    for (const auto& row : rows()) {
        auto sorted = row;
        std::ranges::sort(sorted, std::greater{});
        const cpu::surveyed_row survey(row);
        const auto size = static_cast<std::ptrdiff_t>(row.size());
        for (std::ptrdiff_t k = 1; k <= size; k += size < 1000 ? 1 : 37) {
            const float found = survey.kth_greatest(k);
            const float wanted = sorted[static_cast<std::size_t>(k - 1)];
            if (wanted == -infinity) CHECK(survey.count(found) == std::ranges::count_if(row, [](float x) { return x > -infinity; }));
            else CHECK(found == wanted);
        }
    }
}

TEST_CASE("counting and gathering what lies between two limits") {
    for (const auto& row : rows()) {
        const cpu::surveyed_row survey(row);
        for (const float low : {-100.0f, -1.0f, 0.0f, 0.5f, 7.0f}) {
            std::vector<cpu::surveyed_row::entry> wanted;
            for (std::size_t i = 0; i < row.size(); ++i)
                if (row[i] >= low && row[i] < 3) wanted.push_back({row[i], static_cast<std::ptrdiff_t>(i)});
            CHECK(survey.count(low) == std::ranges::count_if(row, [&](float x) { return x >= low; }));
            std::vector<cpu::surveyed_row::entry> found(wanted.size());
            survey.gather({.low = low, .high = 3, .above = {}, .inside = static_cast<std::ptrdiff_t>(wanted.size())}, found.data());
            CHECK(std::ranges::equal(found, wanted, [](const auto& a, const auto& b) { return a.value == b.value && a.place == b.place; }));
        }
    }
}
