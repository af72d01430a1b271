/// Learning which pieces of words to merge: the rule that word_piece_trainer and byte_pair_trainer share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace heed::tokenizers::detail {

/// How often each word occurs.
class word_counts {
    /// Lets a map of strings be asked for a view, without making a string of it.
    struct view_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };

public:
    void add(std::string_view text) {
        if (const auto found = counts_.find(text); found != counts_.end()) ++found->second;
        else counts_.emplace(text, 1);
    }
    const auto& all() const noexcept { return counts_; }

private:
    std::unordered_map<std::string, std::int64_t, view_hash, std::equal_to<>> counts_;
};

/// The words as rows of pieces, and the pairs of neighbours with their counts, kept up to date from merge to merge.
class piece_merger {
public:
    using neighbours = std::pair<int, int>;

    /// `join(left, right)`: the piece that two pieces become.
    piece_merger(std::vector<std::string> pieces, std::string (*join)(const std::string&, const std::string&)) : pieces_(std::move(pieces)), join_(join) {
        for (std::size_t id = 0; id < pieces_.size(); ++id) ids_.emplace(pieces_[id], static_cast<int>(id));
    }

    void add_word(std::span<const int> row, std::int64_t count) {
        const auto index = static_cast<std::uint32_t>(words_.size());
        words_.push_back({row_ids_.size(), static_cast<std::uint32_t>(row.size()), count});
        row_ids_.insert(row_ids_.end(), row.begin(), row.end());
        for (std::size_t i = 0; i + 1 < row.size(); ++i) change({row[i], row[i + 1]}, count, index);
    }

    /// Merges the most frequent pair, again and again, until there are `size` pieces or no pair is frequent enough.
    std::vector<std::string> merge(std::size_t size, std::int64_t min_frequency) {
        queue_grown(min_frequency);
        while (pieces_.size() < size && !queue_.empty()) {
            const candidate best = queue_.top();
            queue_.pop();
            const std::int64_t count = pairs_[best.index].count;
            if (count == best.count) {
                merge_pair(best.index);
                queue_grown(min_frequency);
            } else if (count < best.count && count >= min_frequency) {
                queue_.push({count, best.both, best.index});  // other merges took some of its places: it waits for its turn
            }
            // A pair that has grown since is in the queue once more, with what it has now.
        }
        return std::move(pieces_);
    }

    /// The pairs that were merged, in this order.
    const std::vector<neighbours>& merges() const noexcept { return merges_; }

private:
    struct pair_of_pieces {
        neighbours both;
        std::int64_t count = 0;
        bool is_listed = false;               // in grown_
        std::vector<std::uint32_t> words{};  // all that hold it, and some that no longer do
    };
    struct word_row {
        std::size_t begin;
        std::uint32_t size;
        std::int64_t count;
    };
    struct candidate {
        std::int64_t count;
        neighbours both;
        std::size_t index;
        /// The queue's top is the most frequent; at a tie that of the older pieces.
        bool operator<(const candidate& other) const { return std::tie(count, other.both) < std::tie(other.count, both); }
    };
    struct neighbours_hash {
        std::size_t operator()(const neighbours& both) const noexcept {
            const auto key = (static_cast<std::uint64_t>(both.first) << 32) | static_cast<std::uint32_t>(both.second);
            return static_cast<std::size_t>((key ^ (key >> 29)) * 0x9e3779b97f4a7c15u);
        }
    };

    void change(neighbours both, std::int64_t by, std::uint32_t word) {
        const auto [found, is_new] = pair_index_.try_emplace(both, pairs_.size());
        if (is_new) pairs_.push_back({both});
        pair_of_pieces& pair = pairs_[found->second];
        pair.count += by;
        if (by < 0) return;
        if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(word);
        if (!std::exchange(pair.is_listed, true)) grown_.push_back(found->second);
    }

    /// The number of the piece that a pair becomes. Two pairs may become the same: a + ##bc and ab + ##c.
    int merged(neighbours both) {
        std::string piece = join_(pieces_[static_cast<std::size_t>(both.first)], pieces_[static_cast<std::size_t>(both.second)]);
        const auto [found, is_new] = ids_.try_emplace(piece, static_cast<int>(pieces_.size()));
        if (is_new) pieces_.push_back(std::move(piece));
        return found->second;
    }

    void queue_grown(std::int64_t min_frequency) {
        for (const std::size_t i : grown_) {
            pairs_[i].is_listed = false;
            if (pairs_[i].count >= min_frequency) queue_.push({pairs_[i].count, pairs_[i].both, i});
        }
        grown_.clear();
    }

    void merge_pair(std::size_t index) {
        const neighbours both = pairs_[index].both;
        const int whole = merged(both);
        merges_.push_back(both);
        const auto words = std::exchange(pairs_[index].words, {});
        for (const std::uint32_t word : words) merge_in_word(word, both, whole);
    }

    /// Each merge in  ... before left right after ...  takes (before, left), (left, right), (right, after) away and brings
    /// (before, whole), (whole, after). The row is shortened in place.
    void merge_in_word(std::uint32_t word, neighbours both, int whole) {
        word_row& row = words_[word];
        int* const ids = row_ids_.data() + row.begin;
        std::uint32_t kept = 0;
        for (std::uint32_t i = 0; i < row.size; ++i) {
            if (i + 1 == row.size || ids[i] != both.first || ids[i + 1] != both.second) {
                ids[kept++] = ids[i];
                continue;
            }
            change(both, -row.count, word);
            if (kept > 0) {
                change({ids[kept - 1], both.first}, -row.count, word);
                change({ids[kept - 1], whole}, row.count, word);
            }
            if (i + 2 < row.size) {
                change({both.second, ids[i + 2]}, -row.count, word);
                change({whole, ids[i + 2]}, row.count, word);
            }
            ids[kept++] = whole;
            ++i;
        }
        row.size = kept;
    }

    std::vector<std::string> pieces_;
    std::string (*join_)(const std::string&, const std::string&);
    std::vector<neighbours> merges_;
    std::unordered_map<std::string, int> ids_;
    std::vector<int> row_ids_;
    std::vector<word_row> words_;
    std::vector<pair_of_pieces> pairs_;
    std::unordered_map<neighbours, std::size_t, neighbours_hash> pair_index_;
    std::vector<std::size_t> grown_;  // pairs that are not yet queued with what they have now
    std::priority_queue<candidate> queue_;
};

}  // namespace heed::tokenizers::detail
