/// The sizes and strides of an attention, and how its work is cut into pieces that threads can take.
///
///     score[i, j] = f(sum_d q[i, d] k[j, d])    weight = softmax_j(score)    out[i, c] = sum_j weight[i, j] v[j, c]
///
/// once for every place of the batch axes (batch and head, say). A row i may itself be several axes (grouped queries: a
/// query and the group that shares its keys). Each operand has strides of its own for every axis, so tensors are read
/// and written where they lie, whatever their order, heads interleaved or not.
#pragma once

#include <algorithm>
#include <cstddef>

#include "attention_tiles.hpp"

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
    /// arrays have batch[segment_axis] + 1 entries that do not fall. row[0] and key are then not read, nor is any
    /// operand's stride along that batch axis.
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

/// What a score policy knows of a rectangle of rows and keys: every pair hidden, some, or every pair visible.
enum class tile_verdict { none, some, all };

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

/// Keys of a problem, on average.
inline double mean_keys(const attention_shape& s) {
    if (s.segment_axis < 0) return static_cast<double>(s.key);
    const std::ptrdiff_t segments = s.batch[s.segment_axis];
    return segments > 0 ? static_cast<double>(s.key_offsets[segments] - s.key_offsets[0]) / static_cast<double>(segments) : 0;
}

/// The problems of a shape cut into blocks of rows, or of rows and keys, of one size. Blocks are numbered without a
/// table: a sequence's numbers begin at (rows before it) / block + (keys before it) / block + its own number, which leaves
/// at least as many numbers as it has blocks; the numbers left over are empty.
class blocks {
public:
    blocks(const attention_shape& s, std::ptrdiff_t block, bool by_key_too) : shape_(s), block_(block), by_key_too_(by_key_too) {
        for (int a = 0; a < attention_shape::batch_axes; ++a)
            if (a != s.segment_axis) others_ *= s.batch[a];
        inner_rows_ = s.row[1] * s.row[2];
        if (ragged()) {
            const std::ptrdiff_t segments = s.batch[s.segment_axis];
            slots_ = segments > 0 ? first_slot(segments) - first_slot(0) : 0;
        } else {
            slots_ = block_count(s.row[0] * inner_rows_, s.key);
        }
    }

    /// Numbers in all, empty ones included.
    std::ptrdiff_t count() const { return others_ * slots_; }

    /// How many problems there are.
    std::ptrdiff_t problems() const { return others_ * (ragged() ? shape_.batch[shape_.segment_axis] : 1); }

    /// How many blocks the largest problem has.
    std::ptrdiff_t most() const {
        if (!ragged()) return slots_;
        std::ptrdiff_t most = 0;
        for (std::ptrdiff_t s = 0; s < shape_.batch[shape_.segment_axis]; ++s) most = std::max(most, blocks_of_segment(s));
        return most;
    }

    /// The problem and the block within it of a number; false where the number is empty. Neighbouring numbers are
    /// different problems, and later blocks come first: those are the long ones under a causal mask.
    bool find(std::ptrdiff_t number, problem& p, std::ptrdiff_t& block) const {
        const attention_shape& s = shape_;
        std::ptrdiff_t slot = slots_ - 1 - number / others_, segment = 0;
        p.first_row = p.first_key = 0;
        std::ptrdiff_t length = s.row[0];
        p.keys = s.key;
        if (ragged()) {
            slot += first_slot(0);
            std::ptrdiff_t last = s.batch[s.segment_axis];   // the sequence is in [segment, last)
            while (last - segment > 1) {
                const std::ptrdiff_t middle = segment + (last - segment) / 2;
                (first_slot(middle) <= slot ? segment : last) = middle;
            }
            slot -= first_slot(segment);
            p.first_row = s.query_offsets[segment];
            p.first_key = s.key_offsets[segment];
            length = s.query_offsets[segment + 1] - p.first_row;
            p.keys = s.key_offsets[segment + 1] - p.first_key;
        }
        p.row_sizes[0] = length;
        p.row_sizes[1] = s.row[1];
        p.row_sizes[2] = s.row[2];
        p.rows = length * inner_rows_;
        std::ptrdiff_t other = number % others_;
        for (int a = attention_shape::batch_axes - 1; a >= 0; --a) {
            if (a == s.segment_axis) {
                p.index[a] = segment;
            } else {
                p.index[a] = other % s.batch[a];
                other /= s.batch[a];
            }
        }
        block = slot;
        return block < block_count(p.rows, p.keys);
    }

private:
    bool ragged() const { return shape_.segment_axis >= 0; }

    std::ptrdiff_t block_count(std::ptrdiff_t rows, std::ptrdiff_t keys) const {
        return ((by_key_too_ ? std::max(rows, keys) : rows) + block_ - 1) / block_;
    }

    std::ptrdiff_t blocks_of_segment(std::ptrdiff_t s) const {
        return block_count((shape_.query_offsets[s + 1] - shape_.query_offsets[s]) * inner_rows_, shape_.key_offsets[s + 1] - shape_.key_offsets[s]);
    }

    std::ptrdiff_t first_slot(std::ptrdiff_t segment) const {
        const std::ptrdiff_t by_rows = shape_.query_offsets[segment] * inner_rows_ / block_ + segment;
        return by_key_too_ ? by_rows + shape_.key_offsets[segment] / block_ : by_rows;
    }

    const attention_shape& shape_;
    std::ptrdiff_t block_;
    bool by_key_too_;
    std::ptrdiff_t others_ = 1, inner_rows_ = 1, slots_ = 0;
};

}  // namespace attention_detail

}  // namespace heed::inline HEED_TARGET::cpu
