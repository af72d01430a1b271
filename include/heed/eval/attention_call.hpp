/// What a plan asks of a backend's attention: sizes, and where each operand lies, without names.
#pragma once

#include <heed/eval/lowered.hpp>

namespace heed::inline HEED_TARGET::detail {

/// An operand's first element and its step along each axis; 0 along an axis that it lacks.
template <class T>
struct attention_memory {
    T* data = nullptr;
    index batch[4] = {}, row[3] = {}, key = 0, inner[2] = {0, 1};
};

/// For every place of the batch axes: scores s[row, key] = f(sum over depth of q[row] k[key]), weights = softmax over the
/// keys, out[row, value] = sum over the keys of weights v[key, value]. Axes that a use lacks have size 1.
template <class T>
struct attention_call {
    index batch[4] = {1, 1, 1, 1}, row[3] = {1, 1, 1}, key = 0, depth = 0, value[2] = {1, 1};
    /// The batch axis that counts ragged sequences, or -1. Sequence s has rows query_offsets[s] to query_offsets[s + 1]
    /// of row axis 0, and keys likewise.
    int segment_axis = -1;
    const index* query_offsets = nullptr;
    const index* key_offsets = nullptr;

    attention_memory<const T> q, k, v;
    attention_memory<T> out, log_sum_exp;
    // backward only
    attention_memory<const T> d_out;
    attention_memory<T> dq, dk, dv;

    bool ragged() const { return segment_axis >= 0; }
    index rows_of(const index* place) const { return (ragged() ? query_offsets[place[segment_axis] + 1] - query_offsets[place[segment_axis]] : row[0]) * row[1] * row[2]; }
    index keys_of(const index* place) const { return ragged() ? key_offsets[place[segment_axis] + 1] - key_offsets[place[segment_axis]] : key; }
    index batches() const { return batch[0] * batch[1] * batch[2] * batch[3]; }
    void place_of(index number, index* at) const {
        for (int i = 4; i-- > 0; number /= batch[i]) at[i] = number % batch[i];
    }
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
    template <int> void seek(const index*, index) {}
};

/// The slots of a score tree: batch axes, row axes, the key.
template <int Batch, int Rows>
struct score_slots {
    static constexpr int batch = Batch, rows = Rows, key = Batch + Rows;
};

}  // namespace heed::inline HEED_TARGET::detail
