/// Decoding: a language model that reads one token at a time, and keeps what it has read.
#pragma once

#include <heed/nn/decoder.hpp>
#include <heed/error.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace heed::inline HEED_TARGET::generate {

namespace caching {

/// The keys and values of one block, of all tokens so far. Places are the outermost axis, so that those in use are the
/// front of the memory.
template <class T, class Key, class Batch, class Head, class Depth>
struct memory {
    tensor<T, Key, Batch, Head, Depth> k, v;
};

/// The trace of an attention that reads earlier tokens too.
template <class Own, class Memory, class Key, class Batch>
struct recalling : Own {
    Memory* past = nullptr;
    const tensor<int, Batch>* starts = nullptr;
    const tensor<int, Batch>* counts = nullptr;
    int used = 0;                               ///< places that the longest sequence has, with the tokens that are read now

    /// The k and v of the new tokens of each sequence, put behind those of its earlier ones.
    void remember() {
        const auto width = extent_of<Key>(this->k) > 0 ? this->k.size() / (extent_of<Key>(this->k) * extent_of<Batch>(this->k)) : 0;
        for (std::ptrdiff_t s = 0; s < starts->size(); ++s)
            for (int t = 0; t < (*counts)(s); ++t) {
                const auto from = (s * extent_of<Key>(this->k) + t) * width;
                const auto to = (((*starts)(s) + t) * extent_of<Batch>(this->k) + s) * width;
                std::copy_n(this->k.data() + from, width, past->k.data() + to);
                std::copy_n(this->v.data() + from, width, past->v.data() + to);
            }
    }
    auto keys() const { return front(past->k); }
    auto values() const { return front(past->v); }

private:
    template <class T, class Head, class Depth>
    auto front(const tensor<T, Key, Batch, Head, Depth>& all) const {
        return view<const T, Key, Batch, Head, Depth>(all.data(), Key{used}, Batch{extent_of<Batch>(all)}, Head{extent_of<Head>(all)}, Depth{extent_of<Depth>(all)});
    }
};

}  // namespace caching

/// The earlier tokens of some sequences, as a decoder has read them: the keys and values of every block.
///
///     generate::cache<decltype(gpt), batch> cache(gpt, batch{2});
///     const auto& logits = cache.read({{5, 1, 7}, {4}});         // {batch, vocabulary}: what comes after each prompt
///     cache.read(std::array{3, 9});                              // one more token of each
///
/// The logits are those of the model's forward over the whole sequence, but each token is projected once: a token costs
/// what it weighs, not what stands before it, save the attention to that. Sequences may have any lengths. The model's
/// window holds: under it a token reads the last so many; the memory keeps all of them.
///
/// Memory: 2 x blocks x capacity x sequences x the width of all heads. A step of as many tokens as one before allocates
/// nothing. The model must outlive the cache, and must not learn meanwhile.
template <class Decoder, class Batch>
class cache {
    using T = typename Decoder::number;
    using Token = typename Decoder::token;
    using Key = typename Decoder::key;
    using Head = typename Decoder::head;
    using Depth = typename Decoder::depth;
    using Vocabulary = typename Decoder::vocabulary;

public:
    using ids_type = tensor<int, Batch, Token>;

    /// For so many sequences of at most `capacity` tokens; as many as the model has positions, if nothing is said.
    /// value_error where that is less than 1, or more than the positions.
    explicit cache(const Decoder& model, Batch sequences = Batch{}, std::optional<int> capacity = {})
        : model_(model), capacity_(capacity.value_or(model.places())), logits_(nn::tensor_with<T, Batch, Vocabulary>(sequences, Vocabulary{extent_of<Vocabulary>(model.tokens.value)})) {
        if (capacity_ < 1 || capacity_ > model.places())
            throw value_error("generate::cache: a capacity of " + std::to_string(capacity_) + " tokens; the model has positions for 1 to " + std::to_string(model.places()) + ".");
        const auto number = static_cast<std::size_t>(extent_of<Batch>(logits_));
        lengths_.assign(number, 0);
        count_.resize(sequences_axis());
        start_.resize(sequences_axis());
        for (const auto& block : model.blocks.blocks) {
            const auto& wq = block.attention.wq.value;
            auto& made = kept_.past.emplace_back();
            made.k = nn::tensor_with<T, Key, Batch, Head, Depth>(Key{capacity_}, sequences_axis(), Head{extent_of<Head>(wq)}, Depth{extent_of<Depth>(wq)});
            made.v = made.k;
        }
    }

    /// Reads more tokens of every sequence: the first `counts[s]` of row s, at least one. Returns the logits of what comes
    /// after the last of each. value_error, and nothing is read, where a count is not in the row, a token is none of the
    /// vocabulary, or the cache is too full.
    const tensor<T, Batch, Vocabulary>& read(const ids_type& ids, std::span<const int> counts) {
        const int most = take(ids, counts);
        const auto places = position<Token>() + start_;
        kept_.x = model_.embed(ids, min(places, capacity_ - 1));            // beyond a sequence's count there may be no position
        kept_.block.attention.starts = &start_;
        kept_.block.attention.counts = &count_;
        kept_.block.attention.used = most;
        const auto& h = model_.blocks.forward(kept_.x, model_.mask(places), kept_);
        kept_.last = sum<Token>(where(position<Token>() == count_ - 1, h, 0.0));
        for (std::size_t s = 0; s < lengths_.size(); ++s) lengths_[s] += counts[s];
        return logits_ = model_.logits(kept_.last);
    }
    /// The next tokens of each sequence, of any number from one.
    const tensor<T, Batch, Vocabulary>& read(const std::vector<std::vector<int>>& tokens) {
        std::size_t most = 0;
        for (const auto& some : tokens) most = std::max(most, some.size());
        if (tokens.size() != lengths_.size()) wrong_number(tokens.size());
        given_.assign(tokens.size(), 0);
        ids_.resize(sequences_axis(), Token{static_cast<int>(most)});
        std::fill(ids_.begin(), ids_.end(), 0);
        for (std::size_t s = 0; s < tokens.size(); ++s) {
            std::copy(tokens[s].begin(), tokens[s].end(), ids_.begin() + s * most);
            given_[s] = static_cast<int>(tokens[s].size());
        }
        return read(ids_, given_);
    }
    /// The next token of each sequence.
    const tensor<T, Batch, Vocabulary>& read(std::span<const int> tokens) {
        if (tokens.size() != lengths_.size()) wrong_number(tokens.size());
        given_.assign(tokens.size(), 1);
        ids_.resize(sequences_axis(), Token{1});
        std::copy(tokens.begin(), tokens.end(), ids_.begin());
        return read(ids_, given_);
    }

    /// How many tokens each sequence has.
    std::span<const int> lengths() const { return lengths_; }
    int capacity() const { return capacity_; }
    /// Forgets everything; the memory stays.
    void clear() { std::ranges::fill(lengths_, 0); }

private:
    using vectors = nn::looked_up<T, ids_type, typename Decoder::model>;
    using memory = caching::memory<T, Key, Batch, Head, Depth>;
    using block_type = typename Decoder::blocks_type::block_type;

    /// What one block after the other computes with, each with its own memory.
    struct working {
        vectors x;
        tensor<T, Batch, typename Decoder::model> last;
        typename block_type::template scratch_of<vectors, caching::recalling<typename block_type::template attention_trace<vectors>, memory, Key, Batch>> block;
        typename nn::layer_norm<T, typename Decoder::model>::template scratch_of<vectors> norm;
        std::vector<memory> past;
        auto& of_block(std::size_t i) {
            block.attention.past = &past[i];
            return block;
        }
    };

    Batch sequences_axis() const { return Batch{extent_of<Batch>(logits_)}; }

    [[noreturn]] void wrong_number(std::size_t given) const {
        throw value_error("generate::cache: tokens for " + std::to_string(given) + " sequences are given to a cache of " + std::to_string(lengths_.size()) + ".");
    }

    /// Checks everything, and returns how many places are then in use.
    int take(const ids_type& ids, std::span<const int> counts) {
        if (counts.size() != lengths_.size() || static_cast<std::size_t>(extent_of<Batch>(ids)) != lengths_.size()) wrong_number(counts.size());
        int most = 0;
        for (std::size_t s = 0; s < lengths_.size(); ++s) {
            if (counts[s] < 1 || counts[s] > extent_of<Token>(ids))
                throw value_error("generate::cache: sequence " + std::to_string(s) + " is to read " + std::to_string(counts[s]) + " of " + std::to_string(extent_of<Token>(ids)) +
                                  " tokens; it takes at least one, and no more than there are.");
            if (counts[s] > capacity_ - lengths_[s])
                throw value_error("generate::cache: sequence " + std::to_string(s) + " has " + std::to_string(lengths_[s]) + " tokens, and " + std::to_string(counts[s]) +
                                  " more do not fit into its " + std::to_string(capacity_) + " places.");
            most = std::max(most, lengths_[s] + counts[s]);
        }
        std::ranges::copy(lengths_, start_.begin());
        std::ranges::copy(counts, count_.begin());
        return most;
    }

    const Decoder& model_;
    int capacity_;
    tensor<T, Batch, Vocabulary> logits_;
    std::vector<int> lengths_, given_;
    tensor<int, Batch> start_, count_;
    ids_type ids_;
    working kept_;
};

}  // namespace heed::inline HEED_TARGET::generate
