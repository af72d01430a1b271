/// The sizes and strides of an attention, and where the rows of one of its problems lie.
///
///     score[i, j] = f(sum_d q[i, d] k[j, d])    weight = softmax_j(score)    out[i, c] = sum_j weight[i, j] v[j, c]
///
/// once for every place of the batch axes (batch and head, say). A row i may itself be several axes (grouped queries: a
/// query and the group that shares its keys). Each operand has strides of its own for every axis, so tensors are read
/// and written where they lie, whatever their order, heads interleaved or not.
#pragma once

#include <algorithm>
#include <cstddef>

#include "attention_pack.hpp"

namespace heed::inline HEED_TARGET::cpu {

/// Sizes. Axes that a use lacks stay at 1.
struct attention_shape {
    static constexpr int batch_axes = 4, row_axes = 3;

    std::ptrdiff_t batch[batch_axes] = {1, 1, 1, 1};
    std::ptrdiff_t row[row_axes] = {1, 1, 1};
    std::ptrdiff_t key = 0;
    std::ptrdiff_t depth = 0;
    std::ptrdiff_t value[2] = {1, 1};

    /// Ragged: the batch axis that counts sequences of their own lengths, or -1. Sequence s has the rows
    /// query_offsets[s] to query_offsets[s + 1] of row axis 0 and the keys key_offsets[s] to key_offsets[s + 1]; both
    /// arrays have batch[segment_axis] + 1 entries that do not fall. row[0] and key are then not read, and the operands'
    /// strides along that batch axis are 0.
    int segment_axis = -1;
    const std::ptrdiff_t* query_offsets = nullptr;
    const std::ptrdiff_t* key_offsets = nullptr;
};

/// Where an operand lies: its first element, and the distance in elements between neighbours along each axis.
/// What it lacks has stride 0: q, out and log_sum_exp have no key; k and v no row; log_sum_exp nothing inside a row.
/// Those that are written must keep different elements apart.
template <class T> struct attention_operand {
    T* data = nullptr;
    std::ptrdiff_t batch[attention_shape::batch_axes] = {};
    std::ptrdiff_t row[attention_shape::row_axes] = {};
    std::ptrdiff_t key = 0;
    /// Along depth (q, k: the second one) or along the two value axes (v, out).
    std::ptrdiff_t inner[2] = {0, 1};

    explicit operator bool() const { return data != nullptr; }
};

namespace attention_detail {

/// One place of the batch axes.
struct problem {
    std::ptrdiff_t index[attention_shape::batch_axes];
    std::ptrdiff_t row_sizes[attention_shape::row_axes];
    std::ptrdiff_t rows, keys;
    std::ptrdiff_t first_row, first_key;   // of the sequence, along row axis 0 and the key axis; 0 where not ragged

    template <class T> T* base(const attention_operand<T>& x) const {
        T* p = x.data + first_row * x.row[0] + first_key * x.key;
        for (int a = 0; a < attention_shape::batch_axes; ++a) p += index[a] * x.batch[a];
        return p;
    }
};

/// Walks over an operand's rows in their flattened order.
template <class T> class row_cursor {
public:
    row_cursor(const problem& p, const attention_operand<T>& x, std::ptrdiff_t row) : data_(p.base(x)) {
        for (int a = axes - 1; a >= 0; --a) {
            stride_[a] = x.row[a];
            size_[a] = p.row_sizes[a];
            index_[a] = a == 0 ? row : row % size_[a];
            row = a == 0 ? 0 : row / size_[a];
            data_ += index_[a] * stride_[a];
        }
    }

    T* operator*() const { return data_; }

    row_cursor& operator++() {
        for (int a = axes - 1;; --a) {
            data_ += stride_[a];
            if (++index_[a] < size_[a] || a == 0) return *this;
            data_ -= size_[a] * stride_[a];
            index_[a] = 0;
        }
    }

private:
    static constexpr int axes = attention_shape::row_axes;
    T* data_;
    std::ptrdiff_t stride_[axes], size_[axes], index_[axes];
};

inline tiles::columns depth_columns(const attention_shape& s, const std::ptrdiff_t (&stride)[2]) { return {1, s.depth, 0, stride[1]}; }

inline tiles::columns value_columns(const attention_shape& s, const std::ptrdiff_t (&stride)[2]) {
    if (s.value[0] == 1 || stride[0] == s.value[1] * stride[1]) return {1, s.value[0] * s.value[1], 0, stride[1]};
    return {s.value[0], s.value[1], stride[0], stride[1]};
}

/// True where the rows of an operand lie at one distance, which goes to `stride`.
template <class T> bool rows_are_even(const problem& p, const attention_operand<T>& x, std::ptrdiff_t& stride) {
    stride = 0;
    std::ptrdiff_t within = 1;   // rows that the axes so far make
    for (int a = attention_shape::row_axes - 1; a >= 0; --a) {
        if (p.row_sizes[a] == 1) continue;
        if (within == 1) stride = x.row[a];
        else if (x.row[a] != within * stride) return false;
        within *= p.row_sizes[a];
    }
    return true;
}

}  // namespace attention_detail

}  // namespace heed::inline HEED_TARGET::cpu
