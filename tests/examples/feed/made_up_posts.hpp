/// A small world of posts for the tests of training and scoring: some 60 words, of which 7 and 11 and their order matter.
#pragma once

#include <feed/batches.hpp>
#include <feed/levels.hpp>
#include <feed/post.hpp>

#include <heed/random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace made_up {

inline constexpr int vocabulary = 60;

inline feed::columns fields() {
    feed::columns all;
    for (std::size_t c = 0; c < feed::metadata_columns; ++c) all[c] = {"field_" + std::to_string(c), c < 2 ? 5 : 0};
    return all;
}

inline feed::post post(std::uint64_t number) {
    heed::random_stream random(77, number);
    feed::post p;
    p.tokens.resize(1 + random.below(40));
    for (int& token : p.tokens) token = static_cast<int>(random.below(vocabulary));
    for (std::size_t c = 0; c < feed::metadata_columns; ++c)
        p.metadata[c] = random.below(10) == 0 ? feed::missing : c < 2 ? static_cast<float>(random.below(5)) : random.uniform();
    const auto at = [&](int token) { return std::find(p.tokens.begin(), p.tokens.end(), token) - p.tokens.begin(); };
    p.label = at(7) < at(11) || p.metadata[3] > 0.9F ? 1 : 0;
    return p;
}

inline feed::post_source posts(std::size_t count, std::uint64_t first = 0) {
    return {count, [first](std::size_t number, feed::post& p) { p = post(first + number); }};
}

inline feed::field_levels levels() {
    std::vector<float> cells;
    for (std::uint64_t i = 0; i < 500; ++i) {
        const auto p = post(i);
        cells.insert(cells.end(), p.metadata.begin(), p.metadata.end());
    }
    return {fields(), cells};
}

}  // namespace made_up
