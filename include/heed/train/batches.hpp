/// Examples in the order in which a training reads them, cut into batches by what they weigh.
#pragma once

#include <heed/error.hpp>
#include <heed/random.hpp>
#include <heed/target.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace heed::inline HEED_TARGET::train {

/// A permutation of 0 ... count - 1 that needs no memory: four Feistel rounds on the numbers' halves, and again wherever
/// the result lies beyond the count. M. Luby, C. Rackoff, "How to construct pseudorandom permutations", 1988.
class permutation {
public:
    permutation(std::size_t count, std::uint64_t seed, std::uint64_t which)
        : count_(count), half_(count > 2 ? (static_cast<int>(std::bit_width(count - 1)) + 1) / 2 : 1), key_{low_word(seed), high_word(seed)}, which_(which) {}

    std::size_t operator()(std::size_t i) const {
        do i = mixed(i);
        while (i >= count_);
        return i;
    }

private:
    static constexpr std::uint32_t stream = 0x66656564;         // apart from other draws of the seed

    std::size_t mixed(std::size_t i) const {
        const std::uint64_t mask = (std::uint64_t{1} << half_) - 1;
        std::uint64_t left = i >> half_, right = i & mask;
        for (std::uint32_t round = 0; round < 4; ++round) {
            const auto drawn = philox(key_, {low_word(right), round, low_word(which_), stream});
            left = std::exchange(right, left ^ (drawn[0] & mask));
        }
        return left << half_ | right;
    }

    std::size_t count_;
    int half_;
    philox_key key_;
    std::uint64_t which_;
};

/// The batches of a whole training: every pass has all examples in an order of its own, and a batch takes them until their
/// weights fill its budget. With sequences that lie one after another without padding, the weight is their number of tokens:
/// batches then cost alike, long and short texts may share one, and none need be sorted by length.
///
///     train::batches order(texts.size(), {.seed = 1, .passes = 3, .budget = 4096});
///     std::vector<std::size_t> chosen;
///     while (order.next([&](auto at) { return texts[at.example].size(); }, [&](auto at) { chosen.push_back(at.example); })) {
///         ...
///         chosen.clear();
///     }
///
/// All of it is a function of the seed and of how many examples went before, so that a training can go on from any place.
class batches {
public:
    struct plan {
        std::uint64_t seed = 0;
        double passes = 1;              ///< 1.5: every example once, half of them twice
        std::size_t budget = 4096;      ///< of a batch; an example that weighs more has one of its own
    };
    struct place { std::size_t pass, example; };

    /// Throws value_error where the passes are negative or not finite.
    batches(std::size_t examples, plan p) : examples_(examples), plan_(p) {
        if (!(p.passes >= 0 && p.passes < 1e9)) throw value_error("batches: " + std::to_string(p.passes) + " passes cannot be counted.");
        total_ = static_cast<std::size_t>(p.passes * static_cast<double>(examples));
    }

    /// Calls add(place) for the examples of the next batch; false at the end. weight(place) is asked once for each example,
    /// before it is added, and is the last that was asked when it is: so that it may read the example for add.
    bool next(const auto& weight, const auto& add) {
        std::size_t held = 0;
        bool any = false;
        for (; done_ < total_; ++done_, any = true) {
            const std::size_t pass = done_ / examples_;
            const place at{pass, permutation(examples_, plan_.seed, pass)(done_ % examples_)};
            if (!waits_) weight_ = static_cast<std::size_t>(weight(at));
            waits_ = any && held + weight_ > plan_.budget;
            if (waits_) break;
            held += weight_;
            add(at);
        }
        return any;
    }

    /// Examples that batches had, of so many in all passes.
    std::size_t done() const { return done_; }
    std::size_t total() const { return total_; }

    /// Goes on as after that many examples, where a batch ended.
    void seek(std::size_t done) {
        done_ = done;
        waits_ = false;
    }

private:
    std::size_t examples_, total_ = 0, done_ = 0;
    plan plan_;
    std::size_t weight_ = 0;
    bool waits_ = false;            // the next example has been weighed: the batch before had no room for it
};

}  // namespace heed::inline HEED_TARGET::train
