/// Posts in the order in which a training reads them, cut into batches.
///
/// Sequences of a batch lie one after another without padding, so that long and short posts may share one, and posts need
/// not be sorted by length: a batch takes posts, in shuffled order, until their tokens fill its budget. All of it is a
/// function of the seed and of how many posts went before, so that a training can go on from any place.
#pragma once

#include <feed/levels.hpp>
#include <feed/post.hpp>

#include <heed/random.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

namespace feed {

/// Posts that can be had by their number, in any order, and are not all held as objects: stored compactly, or made on demand.
struct post_source {
    std::size_t count = 0;
    std::function<void(std::size_t number, post& into)> read;

    /// `length` of them from `first` on.
    post_source part(std::size_t first, std::size_t length) const {
        return {length, [read = read, first](std::size_t number, post& into) { read(first + number, into); }};
    }

    /// Those of these numbers, in this order.
    post_source chosen(std::vector<std::uint32_t> numbers) const {
        const std::size_t length = numbers.size();
        return {length, [read = read, numbers = std::make_shared<const std::vector<std::uint32_t>>(std::move(numbers))](std::size_t number, post& into) { read((*numbers)[number], into); }};
    }
};

/// Posts as a model reads them: all tokens one after another, and the levels of 12 fields a post.
struct batch {
    std::vector<int> lengths, tokens, levels;
    std::vector<float> labels;

    std::size_t size() const { return lengths.size(); }
    void clear() { lengths.clear(), tokens.clear(), levels.clear(), labels.clear(); }

    void add(const post& p, const field_levels& fields) {
        lengths.push_back(static_cast<int>(p.tokens.size()));
        tokens.insert(tokens.end(), p.tokens.begin(), p.tokens.end());
        for (std::size_t c = 0; c < metadata_columns; ++c) levels.push_back(fields.level(c, p.metadata[c]));
        labels.push_back(static_cast<float>(p.label));
    }
};

/// A permutation of 0 ... count - 1 that needs no memory: four Feistel rounds on the numbers' halves, and again wherever
/// the result lies beyond the count. M. Luby, C. Rackoff, "How to construct pseudorandom permutations", 1988.
class permutation {
public:
    permutation(std::size_t count, std::uint64_t seed, std::uint64_t which)
        : count_(count), half_(count > 2 ? (static_cast<int>(std::bit_width(count - 1)) + 1) / 2 : 1),
          key_{heed::low_word(seed), heed::high_word(seed)}, which_(which) {}

    std::size_t operator()(std::size_t i) const {
        do i = mixed(i);
        while (i >= count_);
        return i;
    }

private:
    std::size_t mixed(std::size_t i) const {
        const std::uint64_t mask = (std::uint64_t{1} << half_) - 1;
        std::uint64_t left = i >> half_, right = i & mask;
        for (std::uint32_t round = 0; round < 4; ++round) {
            const auto drawn = heed::philox(key_, {heed::low_word(right), round, heed::low_word(which_), 0x66656564});
            left = std::exchange(right, left ^ (drawn[0] & mask));
        }
        return left << half_ | right;
    }

    std::size_t count_;
    int half_;
    heed::philox_key key_;
    std::uint64_t which_;
};

struct reading_order {
    std::uint64_t seed = 0;
    double passes = 1;                  ///< 1.5: every post once, half of them twice
    std::size_t tokens = 4096;          ///< in a batch; a longer post has one of its own
    double word_dropout = 0;            ///< the share of a post's tokens that are left out, drawn anew in every pass
};

/// The batches of a whole training.
class batch_stream {
public:
    batch_stream(post_source posts, const field_levels& fields, reading_order order)
        : posts_(std::move(posts)), fields_(fields), order_(order),
          total_(static_cast<std::size_t>(order.passes * static_cast<double>(posts_.count))) {}

    /// The next batch; false at the end.
    bool next(batch& into) {
        into.clear();
        while (done_ < total_) {
            if (!pending_) take();
            if (into.size() > 0 && into.tokens.size() + post_.tokens.size() > order_.tokens) return true;
            into.add(post_, fields_);
            pending_ = false;
            ++done_;
        }
        return into.size() > 0;
    }

    std::size_t done() const { return done_; }
    std::size_t total() const { return total_; }

    /// Goes on as after that many posts, where a batch ended.
    void seek(std::size_t done) {
        done_ = done;
        pending_ = false;
    }

private:
    void take() {
        const std::size_t pass = done_ / posts_.count;
        const std::size_t number = permutation(posts_.count, order_.seed, pass)(done_ % posts_.count);
        posts_.read(number, post_);
        pending_ = true;
        if (order_.word_dropout <= 0) return;
        heed::random_stream random(order_.seed ^ 0x776f726473, pass, number);
        const std::size_t kept_if_none = random.below(static_cast<std::uint32_t>(post_.tokens.size()));
        std::size_t kept = 0;
        const int only = post_.tokens[kept_if_none];
        for (const int token : post_.tokens)
            if (random.uniform() >= static_cast<float>(order_.word_dropout)) post_.tokens[kept++] = token;
        if (kept == 0) post_.tokens[kept++] = only;
        post_.tokens.resize(kept);
    }

    post_source posts_;
    const field_levels& fields_;
    reading_order order_;
    std::size_t total_, done_ = 0;
    post post_;
    bool pending_ = false;
};

/// Calls f(batch, first, numbers of posts) for all posts in their order, in batches of about so many tokens.
inline void for_each_batch(const post_source& posts, const field_levels& fields, const auto& f, std::size_t tokens = 8192) {
    batch b;
    post p;
    for (std::size_t first = 0, i = 0; i < posts.count;) {
        posts.read(i++, p);
        b.add(p, fields);
        if (b.tokens.size() < tokens && i < posts.count) continue;
        f(std::as_const(b), first);
        first = i;
        b.clear();
    }
}

}  // namespace feed
