/// A tensor as the right-hand side of products, packed once for many of them.
#pragma once

#include <heed/eval/cpu/gemm.hpp>
#include <heed/shape.hpp>

namespace heed::inline HEED_TARGET::cpu {

/// The pack of a tensor as a matrix: its first axes are summed, the others are columns. Elements of other types than float
/// and double are read where they lie.
template <class T>
class packs {
public:
    template <class As> void pack(const auto&, int) {}
    void clear() {}
    static bool empty() { return true; }
};

template <class T>
    requires(std::is_same_v<T, float> || std::is_same_v<T, double>)
class packs<T> {
public:
    /// Packs memory of which the first axes, so many, are summed; as bf16, in pairs where that is faster, else as floats.
    template <class As, int Rank> void pack(const heed::detail::strided<const T, Rank>& memory, int summed) {
        columns_ = depth_ = {};
        for (int i = 0; i < Rank; ++i) (i < summed ? depth_ : columns_).add(memory.size[i], 0, memory.stride[i], 0);
        columns_ = detail::coalesced(columns_);
        depth_ = detail::coalesced(depth_);
        matrix_.pack(memory.data, columns_, depth_);
        empty_ = matrix_.empty();
        in_pairs_ = false;
        if constexpr (std::is_same_v<As, bf16> && std::is_same_v<T, float>) {
            in_pairs_ = pairs_pay();
            if (in_pairs_) pairs_.pack(matrix_);
            else matrix_.round();
        }
    }
    void clear() { empty_ = true; }
    bool empty() const { return empty_; }

    /// Hands the pack to a product of which it is the right-hand side.
    void serve(contraction<T>& x) const {
        if (empty_ || !same(x.columns, columns_) || !same(x.depth, depth_)) return;
        if (in_pairs_) x.pairs = &pairs_;
        else x.packed = &matrix_;
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
    packed_pairs pairs_;
    bool in_pairs_ = false;
    axis_group columns_, depth_;
    bool empty_ = true;
};

}  // namespace heed::inline HEED_TARGET::cpu
