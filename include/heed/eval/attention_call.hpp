/// What a plan asks of a backend's attention: sizes, and where each operand lies, without names.
#pragma once

#include <heed/eval/lowered.hpp>
#include <heed/random.hpp>

#include <cstdint>

namespace heed::inline HEED_TARGET::detail {

/// An operand's first element and its step along each axis; 0 along an axis that it lacks.
template <class T>
struct attention_memory {
    T* data = nullptr;
    index batch[4] = {}, row[3] = {}, key = 0, inner[2] = {0, 1};
};

/// What a row's log-sum-exp is kept in: gradients subtract it from scores, where the eight bits of a bf16, or the eleven of an fp16, are too few.
template <class T> using log_sum_exp_of = std::conditional_t<is_half<T>, in_space_of<float, T>, T>;

/// Dropout of the weights of attention: of a pair of row and key, a function of seed, step, its problem and itself.
///
/// Which pairs are left is drawn from the blocks {key / 4, row, problem, 0} of Philox, a word for each key, so that a tile
/// draws its own numbers, and the backward the forward's.
struct weight_dropout {
    double rate = 0;
    philox_key key = {};

    weight_dropout() = default;
    weight_dropout(double dropped, std::uint64_t seed, std::uint64_t step) : rate(dropped), key(key_of(seed, step, 0x64726f70)) {}

    /// What the weight of a pair is multiplied by: 0, or 1 / (1 - rate).
    template <class T>
    HEED_HOST_DEVICE T factor(index problem, index row, index at_key) const {
        const auto block = philox(key, {low_word(static_cast<std::uint64_t>(at_key / 4)), low_word(static_cast<std::uint64_t>(row)), low_word(static_cast<std::uint64_t>(problem)), 0});
        return uniform_from(block[static_cast<std::size_t>(at_key % 4)]) >= static_cast<float>(rate) ? static_cast<T>(1 / (1 - rate)) : T(0);
    }
    /// What the weights of keys key0 .. key0 + n of a row are multiplied by: 0, or 1 / (1 - rate).
    template <class T>
    void factors(index problem, index row, index key0, T* factor, index n) const {
        const T kept = static_cast<T>(1 / (1 - rate));
        const float least = static_cast<float>(rate);
        constexpr int group = 4, together = 16;
        for (index first = key0 / group * group; first < key0 + n; first += group * together) {
            std::uint32_t words[4][together];
            for (int i = 0; i < together; ++i) {
                words[0][i] = low_word(static_cast<std::uint64_t>(first / group + i)), words[1][i] = low_word(static_cast<std::uint64_t>(row));
                words[2][i] = low_word(static_cast<std::uint64_t>(problem)), words[3][i] = 0;
            }
            philox(key, words);
            T drawn[group * together];
            for (int i = 0; i < together; ++i)
                for (int w = 0; w < group; ++w) drawn[group * i + w] = uniform_from(words[w][i]) >= least ? kept : T(0);
            const index begin = first > key0 ? first : key0, end = first + group * together < key0 + n ? first + group * together : key0 + n;
            for (index j = begin; j < end; ++j) factor[j - key0] = drawn[j - first];
        }
    }
};

/// For every place of the batch axes: scores s[row, key] = f(sum over depth of q[row] k[key]), weights = softmax over the
/// keys, some of which are dropped, out[row, value] = sum over the keys of weights v[key, value]. Axes that a use lacks have size 1.
template <class T>
struct attention_call {
    index batch[4] = {1, 1, 1, 1}, row[3] = {1, 1, 1}, key = 0, depth = 0, value[2] = {1, 1};
    /// The batch axis that counts ragged sequences, or -1. Sequence s has rows query_offsets[s] to query_offsets[s + 1]
    /// of row axis 0, and keys likewise.
    int segment_axis = -1;
    const index* query_offsets = nullptr;
    const index* key_offsets = nullptr;

    weight_dropout drop;
    attention_memory<const T> q, k, v;
    attention_memory<T> out;
    attention_memory<log_sum_exp_of<T>> log_sum_exp;
    // backward only
    attention_memory<const T> d_out;
    attention_memory<T> dq, dk, dv;

    HEED_HOST_DEVICE bool ragged() const { return segment_axis >= 0; }
    HEED_HOST_DEVICE index rows_of(const index* place) const { return (ragged() ? query_offsets[place[segment_axis] + 1] - query_offsets[place[segment_axis]] : row[0]) * row[1] * row[2]; }
    HEED_HOST_DEVICE index keys_of(const index* place) const { return ragged() ? key_offsets[place[segment_axis] + 1] - key_offsets[place[segment_axis]] : key; }
    HEED_HOST_DEVICE index batches() const { return batch[0] * batch[1] * batch[2] * batch[3]; }
    HEED_HOST_DEVICE void place_of(index number, index* at) const {
        for (int i = 4; i-- > 0; number /= batch[i]) at[i] = number % batch[i];
    }
    HEED_HOST_DEVICE index number_of(const index* at) const { return ((at[0] * batch[1] + at[1]) * batch[2] + at[2]) * batch[3] + at[3]; }
    /// Pairs of rows and keys over all problems.
    double pairs() const {
        double sum = 0;
        for (index p = 0; p < batches(); ++p) {
            index at[4];
            place_of(p, at);
            sum += static_cast<double>(rows_of(at)) * static_cast<double>(keys_of(at));
        }
        return sum;
    }
};

/// The tree of an equation without a mask.
struct no_mask {
    static constexpr int reduction_count = 0;
    template <int> HEED_HOST_DEVICE void seek(const index*, index) {}
};

/// The slots of a score tree: batch axes, row axes, the key. Padded: what a backend pads depth and values to whose sizes are part
/// of their types; 0 where only the run knows them, or the backend does not ask.
template <int Batch, int Rows, int Padded = 0>
struct score_slots {
    static constexpr int batch = Batch, rows = Rows, key = Batch + Rows, padded = Padded;
};

}  // namespace heed::inline HEED_TARGET::detail
