/// Posts in the order in which a training reads them, cut into batches by a budget of tokens.
#pragma once

#include <feed/levels.hpp>
#include <feed/post.hpp>

#include <heed/random.hpp>
#include <heed/train/batches.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
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
        : posts_(std::move(posts)), fields_(fields), order_(order), batches_(posts_.count, {order.seed, order.passes, order.tokens}) {}

    /// The next batch; false at the end.
    bool next(batch& into) {
        into.clear();
        return batches_.next([&](auto at) { return take(at), post_.tokens.size(); }, [&](auto) { into.add(post_, fields_); });
    }

    std::size_t done() const { return batches_.done(); }
    std::size_t total() const { return batches_.total(); }

    /// Goes on as after that many posts, where a batch ended.
    void seek(std::size_t done) { batches_.seek(done); }

private:
    void take(heed::train::batches::place at) {
        posts_.read(at.example, post_);
        if (order_.word_dropout <= 0) return;
        heed::random_stream random(order_.seed ^ 0x776f726473, at.pass, at.example);
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
    heed::train::batches batches_;
    post post_;
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
