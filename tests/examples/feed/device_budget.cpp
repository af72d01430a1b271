// What one GPU is said to score within the budget.
#include <feed/device_budget.hpp>

#include <catch2/catch.hpp>

#include <cmath>

TEST_CASE("the roofline takes longer for more posts, longer ones, and a slower device") {
    using feed::roofline_seconds;
    CHECK(roofline_seconds(feed::h200, {}, 2, 64) > roofline_seconds(feed::h200, {}, 1, 64));
    CHECK(roofline_seconds(feed::h200, {}, 1, 128) > roofline_seconds(feed::h200, {}, 1, 64));
    feed::device_figures half = feed::h200;
    half.operations /= 2, half.bytes /= 2;
    CHECK(roofline_seconds(half, {}, 1000, 256) > 1.9 * roofline_seconds(feed::h200, {}, 1000, 256));
    // 1,000 posts of 256: two layers of 2 n (4 128^2 + 2 128 512) + 4 n 256 128 operations alone.
    const double n = 256'000, least = 2 * (2 * n * (4 * 128 * 128 + 2 * 128 * 512) + 4 * n * 256 * 128) / feed::h200.operations;
    CHECK(roofline_seconds(feed::h200, {}, 1000, 256) > least);
    CHECK(roofline_seconds(feed::h200, {}, 1000, 256) < 3 * least);
}

TEST_CASE("the largest batch is the last within the budget") {
    for (const std::size_t limit : {0, 1, 5, 64, 1000}) {
        const auto found = feed::detail::largest_batch(16, static_cast<double>(limit), 4096, [](std::size_t posts) { return static_cast<double>(posts); });
        CHECK(found.batch == limit);
        CHECK((limit == 0 ? std::isnan(found.milliseconds) : found.milliseconds == static_cast<double>(limit)));
    }
    CHECK(feed::detail::largest_batch(16, 1e9, 4096, [](std::size_t) { return 1.0; }).batch == 4096);
}

TEST_CASE("a computed budget says that it is") {
    const auto budget = feed::computed_budget(20);
    CHECK_FALSE(budget.measured);
    CHECK(budget.source.find("computed, not measured") == 0);
    CHECK(budget.rows.size() == 5);
    for (std::size_t i = 1; i < budget.rows.size(); ++i) CHECK(budget.rows[i].batch < budget.rows[i - 1].batch);
    for (const auto& row : budget.rows) CHECK(row.milliseconds <= 20);
}
