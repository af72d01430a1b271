/// A tensor as the right-hand side of products, packed once for many of them.
#pragma once

#include <heed/eval/cpu/gemm_pack.hpp>
#include <heed/shape.hpp>

namespace heed::inline HEED_TARGET::cpu {

/// The pack of a tensor as a matrix: its first axes are summed, the others are columns. Elements of other types than float
/// and double are read where they lie.
template <class T>
class packs {
public:
    void pack(const auto&, int) {}
    void clear() {}
    static bool empty() { return true; }
};

template <class T>
    requires(std::is_same_v<T, float> || std::is_same_v<T, double>)
class packs<T> {
public:
    /// Packs memory of which the first axes, so many, are summed.
    template <int Rank> void pack(const heed::detail::strided<const T, Rank>& memory, int summed) {
        columns_ = depth_ = {};
        for (int i = 0; i < Rank; ++i) (i < summed ? depth_ : columns_).add(memory.size[i], 0, memory.stride[i], 0);
        columns_ = detail::coalesced(columns_);
        depth_ = detail::coalesced(depth_);
        matrix_.pack(memory.data, columns_, depth_);
        empty_ = matrix_.empty();
    }
    void clear() { empty_ = true; }
    bool empty() const { return empty_; }

    /// The pack, if it is of these columns and this depth; else null.
    const packed_matrix<T>* of(const axis_group& columns, const axis_group& depth) const {
        return !empty_ && same(columns, columns_) && same(depth, depth_) ? &matrix_ : nullptr;
    }

private:
    static bool same(const axis_group& wanted, const axis_group& packed) {
        axis_group b;               // the steps of the other operands do not matter
        for (int i = 0; i < wanted.count; ++i) b.add(wanted.size[i], 0, wanted.stride_b[i], 0);
        b = detail::coalesced(b);
        bool same = b.count == packed.count;
        for (int i = 0; same && i < b.count; ++i) same = b.size[i] == packed.size[i] && b.stride_b[i] == packed.stride_b[i];
        return same;
    }

    packed_matrix<T> matrix_;
    axis_group columns_, depth_;
    bool empty_ = true;
};

}  // namespace heed::inline HEED_TARGET::cpu
