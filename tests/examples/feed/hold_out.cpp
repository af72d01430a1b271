#include <feed/hold_out.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <vector>

#include "made_up_posts.hpp"

namespace {

constexpr std::size_t age = 4;

feed::columns with_age() {
    auto fields = made_up::fields();
    fields[age].age = true;
    return fields;
}

/// Posts whose only word is their number.
feed::post_source aged(std::size_t count, const std::function<float(std::size_t)>& age_of) {
    return {count, [age_of](std::size_t number, feed::post& p) {
                p = made_up::post(number);
                p.tokens = {static_cast<int>(number)};
                p.metadata[age] = age_of(number);
            }};
}

/// Number and age of each post.
std::map<std::size_t, float> content(const feed::post_source& posts) {
    std::map<std::size_t, float> all;
    feed::post p;
    for (std::size_t i = 0; i < posts.count; ++i) {
        posts.read(i, p);
        all[static_cast<std::size_t>(p.tokens.front())] = p.metadata[age];
    }
    CHECK(all.size() == posts.count);
    return all;
}

void every_post_is_learnt_from_or_watched(const feed::training_part& parts, std::size_t count) {
    const auto all = content(parts.all), watched = content(parts.watched), held_out = content(parts.held_out);
    CHECK(all.size() + watched.size() == count);
    CHECK(!watched.empty());
    for (const auto& [number, unused] : watched) {
        CHECK(all.count(number) == 0);
        CHECK(held_out.count(number) == 1);
    }
}

}  // namespace

TEST_CASE("settings are chosen by the newest posts, of which candidates have learnt nothing") {
    const auto age_of = [](std::size_t number) { return number % 10 == 3 ? feed::missing : static_cast<float>((number * 7919) % 2003); };
    const auto parts = feed::hold_out(aged(2003, age_of), with_age());
    CHECK(parts.by_age);
    CHECK(parts.held_out.count == 100);
    const auto older = content(parts.older), held_out = content(parts.held_out);
    float newest_older = 1e9F;
    for (const auto& [number, seen] : older) {
        CHECK(seen == age_of(number));          // so none of unknown age, which may be new
        newest_older = std::min(newest_older, seen);
    }
    for (const auto& [number, seen] : held_out) {
        CHECK(age_of(number) < newest_older);
        CHECK(seen == newest_older);            // no model knows what a later age means
    }
    const std::size_t unknown = 200;
    CHECK(older.size() + held_out.size() + unknown == 2003);
    every_post_is_learnt_from_or_watched(parts, 2003);
}

TEST_CASE("where ages are rough, no post as old as one that is held out is learnt from by candidates") {
    const auto quarter = [](std::size_t number) { return static_cast<float>(1 + number % 5); };
    const auto parts = feed::hold_out(aged(1000, quarter), with_age());
    const auto older = content(parts.older), held_out = content(parts.held_out);
    CHECK(older.size() == 800);
    CHECK(held_out.size() == 50);
    for (const auto& [number, unused] : older) CHECK(quarter(number) > 1);
    for (const auto& [number, unused] : held_out) CHECK(quarter(number) == 1);
    CHECK(held_out.begin()->first < 100);       // from the whole file, not from an end of it
    CHECK(held_out.rbegin()->first > 900);
    every_post_is_learnt_from_or_watched(parts, 1000);
}

TEST_CASE("without ages, or where they say nothing, the last 5 % are held out") {
    const auto same = [](std::size_t) { return 1.0F; };
    const auto unknown = [](std::size_t) { return feed::missing; };
    for (const auto& parts : {feed::hold_out(aged(1000, same), made_up::fields()), feed::hold_out(aged(1000, same), with_age()), feed::hold_out(aged(1000, unknown), with_age())}) {
        CHECK(!parts.by_age);
        const auto older = content(parts.older), held_out = content(parts.held_out);
        CHECK(older.size() == 950);
        CHECK(older.rbegin()->first == 949);
        CHECK(held_out.size() == 50);
        CHECK(held_out.begin()->first == 950);
        every_post_is_learnt_from_or_watched(parts, 1000);
    }
}

TEST_CASE("no more posts are watched than the curve needs") {
    const auto parts = feed::hold_out(aged(50'000, [](std::size_t number) { return static_cast<float>(number); }), with_age());
    CHECK(parts.held_out.count == 2500);
    CHECK(parts.watched.count == feed::most_watched);
}
