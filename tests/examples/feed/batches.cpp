#include <feed/batches.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include "made_up_posts.hpp"

namespace {

struct seen_batches {
    std::vector<std::vector<int>> tokens, lengths, levels;
    bool operator==(const seen_batches&) const = default;
};

seen_batches rest_of(feed::batch_stream& stream) {
    seen_batches seen;
    for (feed::batch b; stream.next(b);) seen.tokens.push_back(b.tokens), seen.lengths.push_back(b.lengths), seen.levels.push_back(b.levels);
    return seen;
}

/// Posts of one token, which is their own number.
feed::post_source numbered(std::size_t count) {
    return {count, [](std::size_t number, feed::post& p) { p.tokens = {static_cast<int>(number)}; }};
}

}  // namespace

TEST_CASE("batches are a function of the seed") {
    const auto fields = made_up::levels();
    const feed::reading_order order{.seed = 5, .passes = 2, .tokens = 256, .word_dropout = 0.1};
    feed::batch_stream one(made_up::posts(300), fields, order), same(made_up::posts(300), fields, order);
    const auto batches = rest_of(one);
    CHECK(batches == rest_of(same));
    feed::batch_stream other(made_up::posts(300), fields, {.seed = 6, .passes = 2, .tokens = 256, .word_dropout = 0.1});
    CHECK(batches != rest_of(other));
}

TEST_CASE("batches go on from any place as if they had never stopped") {
    const auto fields = made_up::levels();
    const feed::reading_order order{.seed = 5, .passes = 1.5, .tokens = 200, .word_dropout = 0.2};
    feed::batch_stream whole(made_up::posts(200), fields, order);
    feed::batch b;
    for (int i = 0; i < 17; ++i) REQUIRE(whole.next(b));
    feed::batch_stream resumed(made_up::posts(200), fields, order);
    resumed.seek(whole.done());
    CHECK(rest_of(whole) == rest_of(resumed));
    CHECK(resumed.done() == 300);
    CHECK(resumed.total() == 300);
}

TEST_CASE("a batch keeps to its budget of tokens, and a longer post has one of its own") {
    const auto fields = made_up::levels();
    const feed::post_source posts{50, [](std::size_t number, feed::post& p) { p.tokens.assign(number == 20 ? 90 : 9, 1); }};
    feed::batch_stream stream(posts, fields, {.tokens = 50});
    bool alone = false;
    for (feed::batch b; stream.next(b);) {
        if (b.tokens.size() == 90) alone = b.size() == 1;
        else CHECK(b.tokens.size() <= 50);
        CHECK(b.levels.size() == 12 * b.size());
        CHECK(b.labels.size() == b.size());
    }
    CHECK(alone);
}

TEST_CASE("some words are left out, others in every pass, and no post loses all of them") {
    const auto fields = made_up::levels();
    feed::batch_stream stream(numbered(100), fields, {.tokens = 10, .word_dropout = 0.9});
    for (feed::batch b; stream.next(b);)
        for (const int length : b.lengths) CHECK(length == 1);

    const feed::post_source long_posts{4, [](std::size_t, feed::post& p) { p.tokens.assign(250, 3); }};
    feed::batch_stream thinned(long_posts, fields, {.passes = 2, .tokens = 1, .word_dropout = 0.5});
    std::set<int> lengths;
    for (feed::batch b; thinned.next(b);) {
        CHECK(b.lengths[0] > 80);
        CHECK(b.lengths[0] < 170);
        lengths.insert(b.lengths[0]);
    }
    CHECK(lengths.size() > 3);
}

TEST_CASE("posts are read for judging in their order, all of them, in batches of some size") {
    const auto fields = made_up::levels();
    std::vector<int> all;
    std::size_t batches = 0;
    feed::for_each_batch(numbered(1000), fields, [&](const feed::batch& b, std::size_t first) {
        CHECK(first == all.size());
        all.insert(all.end(), b.tokens.begin(), b.tokens.end());
        ++batches;
    }, 128);
    std::vector<int> expected(1000);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(all == expected);
    CHECK(batches == 8);
}
