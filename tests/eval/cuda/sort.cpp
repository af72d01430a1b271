// Sorting and running sums on a GPU.
#include "simulator.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

using device = heed::cuda::device_of<simulated::device>;

TEST_CASE("sums of what comes before, of any length") {
    for (const int count : {1, 3, 1024, 1025, 5000}) {
        std::vector<std::int32_t> values(static_cast<std::size_t>(count)), expected(values.size());
        for (int i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = i * 7 % 11;
        std::exclusive_scan(values.begin(), values.end(), expected.begin(), 0);
        heed::cuda::sums_before<device>(values.data(), values.data(), count);
        CHECK(values == expected);
    }
}

TEST_CASE("numbers are sorted, equal ones as they stood") {
    std::mt19937 random(5);
    for (const auto& [count, greatest] : std::vector<std::pair<int, int>>{{1, 0}, {7, 3}, {2048, 255}, {2049, 256}, {5000, 70'000}}) {
        std::vector<std::pair<std::int32_t, std::int32_t>> both;
        for (int i = 0; i < count; ++i) both.emplace_back(random() % static_cast<unsigned>(greatest + 1), i);
        std::vector<std::int32_t> key, value;
        for (const auto& [k, v] : both) key.push_back(k), value.push_back(v);
        std::ranges::stable_sort(both, {}, &std::pair<std::int32_t, std::int32_t>::first);
        heed::cuda::sort<device>(key.data(), value.data(), count, greatest);
        bool same = true;
        for (std::size_t i = 0; i < both.size(); ++i) same = same && key[i] == both[i].first && value[i] == both[i].second;
        CHECK(same);
    }
}
