#include <heed/train/batches.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

using namespace heed::train;

namespace {

/// Weights from 1 to 9, and a few of 90.
std::size_t weight_of(std::size_t example) { return example % 37 == 5 ? 90 : 1 + example * 7 % 9; }

using chosen = std::vector<std::vector<std::size_t>>;

chosen rest_of(batches& order) {
    chosen all;
    std::vector<std::size_t> one;
    while (order.next([](auto at) { return weight_of(at.example); }, [&](auto at) { one.push_back(at.example); })) all.push_back(std::exchange(one, {}));
    CHECK(one.empty());
    return all;
}
chosen all_of(std::size_t examples, batches::plan p) {
    batches order(examples, p);
    return rest_of(order);
}

}  // namespace

TEST_CASE("a permutation has every number once, for any count, and differs from pass to pass") {
    for (const std::size_t count : {1, 2, 3, 4, 5, 64, 65, 1000, 4097}) {
        std::vector<std::size_t> first, second;
        for (std::size_t i = 0; i < count; ++i) {
            first.push_back(permutation(count, 3, 0)(i));
            second.push_back(permutation(count, 3, 1)(i));
        }
        if (count >= 64) CHECK(first != second);
        for (auto* all : {&first, &second}) {
            std::sort(all->begin(), all->end());
            std::vector<std::size_t> expected(count);
            std::iota(expected.begin(), expected.end(), std::size_t{0});
            CHECK(*all == expected);
        }
    }
}

TEST_CASE("a permutation mixes: neighbours do not stay neighbours") {
    const permutation mixed(10'000, 1, 0);
    int close = 0;
    for (std::size_t i = 1; i < 10'000; ++i) close += std::max(mixed(i), mixed(i - 1)) - std::min(mixed(i), mixed(i - 1)) < 100;
    CHECK(close > 100);             // 2 % by chance
    CHECK(close < 300);
}

TEST_CASE("a pass has every example once, and half a pass more has half of them twice") {
    std::vector<int> times(101);
    for (const auto& batch : all_of(101, {.seed = 2, .passes = 1.5, .budget = 30}))
        for (const std::size_t example : batch) ++times[example];
    CHECK(std::count(times.begin(), times.end(), 2) == 50);
    CHECK(std::count(times.begin(), times.end(), 1) == 51);
}

TEST_CASE("a batch keeps to its budget, has no room for the next example, and a heavier one is alone") {
    const auto all = all_of(400, {.seed = 3, .passes = 2, .budget = 50});
    int alone = 0;
    for (std::size_t b = 0; b < all.size(); ++b) {
        std::size_t weight = 0;
        for (const std::size_t example : all[b]) weight += weight_of(example);
        REQUIRE(!all[b].empty());
        if (all[b].size() > 1) CHECK(weight <= 50);
        else alone += weight == 90;
        if (b + 1 < all.size()) CHECK(weight + weight_of(all[b + 1][0]) > 50);
    }
    CHECK(alone == 22);             // 5, 42, ... 375, twice
}

TEST_CASE("batches are a function of the seed, and each pass has an order of its own") {
    const batches::plan p{.seed = 5, .passes = 2, .budget = 40};
    CHECK(all_of(300, p) == all_of(300, p));
    CHECK(all_of(300, p) != all_of(300, {.seed = 6, .passes = 2, .budget = 40}));
    std::vector<std::size_t> in_order;
    for (const auto& batch : all_of(300, p)) in_order.insert(in_order.end(), batch.begin(), batch.end());
    REQUIRE(in_order.size() == 600);
    CHECK(!std::equal(in_order.begin(), in_order.begin() + 300, in_order.begin() + 300));
}

TEST_CASE("batches go on from any place as if they had never stopped") {
    const batches::plan p{.seed = 5, .passes = 2.5, .budget = 60};
    batches whole(200, p);
    for (int i = 0; i < 17; ++i) REQUIRE(whole.next([](auto at) { return weight_of(at.example); }, [](auto) {}));
    batches resumed(200, p);
    resumed.seek(whole.done());
    CHECK(rest_of(whole) == rest_of(resumed));
    CHECK(resumed.done() == 500);
    CHECK(resumed.total() == 500);
}

TEST_CASE("the weight of an example is asked once, and it is the last that was asked when it is added") {
    batches order(100, {.budget = 20});
    std::size_t asked = 0, last = 0, added = 0;
    while (order.next([&](auto at) { return ++asked, weight_of(last = at.example); }, [&](auto at) { CHECK(at.example == last); ++added; })) CHECK(asked <= added + 1);
    CHECK(asked == 100);
    CHECK(added == 100);
}

TEST_CASE("of no examples there are no batches, and passes that cannot be counted are refused") {
    CHECK(all_of(0, {}).empty());
    CHECK(all_of(10, {.passes = 0}).empty());
    for (const double passes : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) CHECK_THROWS_AS(batches(10, {.passes = passes}), heed::value_error);
}
