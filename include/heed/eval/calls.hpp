/// What a plan asks of a backend, beside row programs: contractions and attention, without names.
#pragma once

#include <heed/eval/lowered.hpp>

namespace heed::inline HEED_TARGET::detail {

/// Some axes of a contraction, outer to inner, with the steps of the operands and the result along each.
struct axis_set {
    static constexpr int most = 6;
    int count = 0;
    index size[most] = {}, a[most] = {}, b[most] = {}, c[most] = {};

    void push(index n, index in_a, index in_b, index in_c) {
        if (count == most) throw shape_error("a dot of more than " + std::to_string(most) + " axes of one kind");
        size[count] = n, a[count] = in_a, b[count] = in_b, c[count++] = in_c;
    }
    HEED_HOST_DEVICE index total() const {
        index n = 1;
        for (int i = 0; i < count; ++i) n *= size[i];
        return n;
    }
    /// The steps of a number that counts through these axes, the last the fastest.
    index offset(const index* stride, index number) const {
        index sum = 0;
        for (int i = count; i-- > 0; number /= size[i]) sum += number % size[i] * stride[i];
        return sum;
    }
};

/// What is done to a finished tile before it is stored: rows and columns are numbered through their axis sets.
template <class T>
struct epilogue {
    void (*apply)(const void* context, index batch, index row, index column, index rows, index columns, T* tile, index tile_stride) = nullptr;
    const void* context = nullptr;
};

/// The element types that every backend multiplies as they lie; others go through float.
template <class T> inline constexpr bool multiplies_floats = std::is_same_v<value_of<T>, float> || std::is_same_v<value_of<T>, double>;

/// The axes of a contraction by their parts in it.
struct contraction_axes {
    axis_set batch, rows, columns, depth;

    double flops() const { return 2.0 * static_cast<double>(batch.total()) * static_cast<double>(rows.total()) * static_cast<double>(columns.total()) * static_cast<double>(depth.total()); }
};

/// c[batch, row, column] = (or +=) bias[column] + sum over depth of a[batch, row, depth] * b[batch, depth, column]
template <class T, class Factor = T>
struct contraction_call : contraction_axes {
    const Factor* a = nullptr;
    const Factor* b = nullptr;
    T* c = nullptr;
    bool accumulate = false;
    const T* bias = nullptr;                 // bias[column] is added to every sum
    epilogue<T> finish;
    const void* packs = nullptr;             // what the backend has packed of the tensor in b, as its packs<T>
};

}  // namespace heed::inline HEED_TARGET::detail
