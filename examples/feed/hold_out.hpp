/// Which posts settings are chosen by: the newest, where a column tells how old posts are.
///
/// A feed scores posts that are newer than all that it has learnt from, and what is discussed changes. Posts held out at
/// random, from the same weeks, flatter every model, and most the one that remembers most: they ask for too many passes.
/// So candidates learn from older posts alone and are judged by newer ones; what was chosen then learns from all of them.
#pragma once

#include <feed/batches.hpp>
#include <feed/post.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace feed {

/// The posts of a training part, by what they are for.
struct training_part {
    post_source all;                    ///< what the final training learns from: every post but those watched
    post_source watched;                ///< for the curve: some of those held out
    post_source older;                  ///< what candidates learn from
    post_source held_out;               ///< what they are judged by: 5 % of the posts
    bool by_age = false;                ///< the posts held out are the newest
};

inline constexpr std::size_t most_watched = 2000;

/// The column that tells a post's age.
inline std::optional<std::size_t> age_column(const columns& fields) {
    const auto found = std::find_if(fields.begin(), fields.end(), [](const column& c) { return c.age; });
    if (found == fields.end()) return {};
    return found - fields.begin();
}

namespace detail {

/// So many of the numbers, evenly from first to last.
inline std::vector<std::uint32_t> some_of(const std::vector<std::uint32_t>& numbers, std::size_t count) {
    std::vector<std::uint32_t> some(std::min(count, numbers.size()));
    for (std::size_t i = 0; i < some.size(); ++i) some[i] = numbers[i * numbers.size() / some.size()];
    return some;
}

/// Where ages leave older posts and newer ones. The newer are the newest 5 % and all that are as old as the oldest of
/// them: ages may be rough. A post of unknown age may be newer than those held out, and is in neither. To the models a
/// held-out post is as old as the newest that they have learnt from: they cannot know an age that they have never seen.
inline std::optional<training_part> hold_out_newest(const post_source& posts, std::size_t age) {
    std::vector<float> ages(posts.count), known;
    post p;
    for (std::size_t i = 0; i < posts.count; ++i) {
        posts.read(i, p);
        ages[i] = p.metadata[age];
        if (!is_missing(ages[i])) known.push_back(ages[i]);
    }
    const std::size_t wanted = std::max<std::size_t>(1, posts.count / 20);
    if (known.size() < 2 * wanted) return {};
    std::nth_element(known.begin(), known.begin() + static_cast<std::ptrdiff_t>(wanted - 1), known.end());
    const float limit = known[wanted - 1];
    std::vector<std::uint32_t> older, newer;
    float newest_older = missing;
    for (std::size_t i = 0; i < posts.count; ++i) {
        if (is_missing(ages[i])) continue;
        (ages[i] <= limit ? newer : older).push_back(static_cast<std::uint32_t>(i));
        if (ages[i] > limit && !(newest_older <= ages[i])) newest_older = ages[i];
    }
    if (older.size() < newer.size()) return {};

    const auto held_out = some_of(newer, wanted), watched = some_of(held_out, most_watched);
    std::vector<std::uint32_t> others;
    for (std::size_t i = 0, w = 0; i < posts.count; ++i)
        if (w < watched.size() && watched[w] == i) ++w;
        else others.push_back(static_cast<std::uint32_t>(i));
    const auto judged = posts.chosen(held_out);
    const auto as_if_seen = [read = judged.read, age, newest_older](std::size_t number, post& into) {
        read(number, into);
        into.metadata[age] = newest_older;
    };
    return training_part{posts.chosen(std::move(others)), posts.chosen(watched), posts.chosen(std::move(older)), {judged.count, as_if_seen}, true};
}

}  // namespace detail

/// Posts of unknown times, or all of about the same age: the last 5 % are held out, as drawn as any.
inline training_part hold_out(const post_source& posts, const columns& fields) {
    if (const auto age = age_column(fields))
        if (auto parts = detail::hold_out_newest(posts, *age)) return *parts;
    const std::size_t held_out = std::max<std::size_t>(1, posts.count / 20), older = posts.count - held_out, watched = std::min(held_out, most_watched);
    return {posts.part(0, posts.count - watched), posts.part(posts.count - watched, watched), posts.part(0, older), posts.part(older, held_out), false};
}

}  // namespace feed
