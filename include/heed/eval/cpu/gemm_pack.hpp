/// Where the numbers of a contraction lie, and how they are brought into the order in which its kernel reads them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "gemm_kernel.hpp"
#include "parallel.hpp"
#include "workspace.hpp"

namespace heed::inline HEED_TARGET::cpu {

/// One of the roles of a contraction: some axes, outer to inner, with the distance in elements between neighbours of each
/// in a, b and c. An operand that lacks the role has zeros there. Distances may be negative.
struct axis_group {
    static constexpr int most = 6;

    int count = 0;
    std::ptrdiff_t size[most] = {};
    std::ptrdiff_t stride_a[most] = {};
    std::ptrdiff_t stride_b[most] = {};
    std::ptrdiff_t stride_c[most] = {};

    /// Appends an axis inside of those that are there. There is room for six.
    void add(std::ptrdiff_t n, std::ptrdiff_t a, std::ptrdiff_t b, std::ptrdiff_t c) {
        size[count] = n;
        stride_a[count] = a;
        stride_b[count] = b;
        stride_c[count] = c;
        ++count;
    }

    /// How many places there are in all, flattened in row-major order; 1 without axes.
    std::ptrdiff_t total() const {
        std::ptrdiff_t n = 1;
        for (int i = 0; i < count; ++i) n *= size[i];
        return n;
    }
};

namespace detail {

/// The same places with as few axes as possible: those of size 1 are left out, and two become one where every operand
/// steps from the last of the inner to the next of the outer as within the inner.
inline axis_group coalesced(const axis_group& g) {
    axis_group r;
    for (int i = 0; i < g.count; ++i) {
        if (g.size[i] == 1) continue;
        const int o = r.count - 1;
        if (o >= 0 && r.stride_a[o] == g.size[i] * g.stride_a[i] && r.stride_b[o] == g.size[i] * g.stride_b[i] && r.stride_c[o] == g.size[i] * g.stride_c[i]) {
            r.size[o] *= g.size[i];
            r.stride_a[o] = g.stride_a[i];
            r.stride_b[o] = g.stride_b[i];
            r.stride_c[o] = g.stride_c[i];
        } else {
            r.add(g.size[i], g.stride_a[i], g.stride_b[i], g.stride_c[i]);
        }
    }
    return r;
}

/// The axes of one operand in one role. `offset` gives the distance of a flattened place from the first.
struct places {
    int count = 0;
    const std::ptrdiff_t* size = nullptr;
    const std::ptrdiff_t* stride = nullptr;

    std::ptrdiff_t offset(std::ptrdiff_t i) const {
        if (count == 1) return i * stride[0];
        std::ptrdiff_t sum = 0;
        for (int d = count - 1; d >= 0; --d) {
            sum += i % size[d] * stride[d];
            i /= size[d];
        }
        return sum;
    }

    /// Distances of places first to first + n.
    void offsets(std::ptrdiff_t first, std::ptrdiff_t n, std::ptrdiff_t* out) const {
        if (count == 1) {
            for (std::ptrdiff_t i = 0; i < n; ++i) out[i] = (first + i) * stride[0];
            return;
        }
        for (std::ptrdiff_t i = 0; i < n;) {
            // One division for each run along the innermost axis.
            const std::ptrdiff_t inner = count == 0 ? 1 : size[count - 1], step = count == 0 ? 0 : stride[count - 1];
            const std::ptrdiff_t start = offset(first + i), run = std::min(n - i, inner - (first + i) % inner);
            for (std::ptrdiff_t j = 0; j < run; ++j) out[i + j] = start + j * step;
            i += run;
        }
    }

    /// All places lie at equal distances.
    bool even() const { return count <= 1; }
    std::ptrdiff_t innermost_stride() const { return count == 0 ? 0 : stride[count - 1]; }
};

inline places in_a(const axis_group& g) { return {g.count, g.size, g.stride_a}; }
inline places in_b(const axis_group& g) { return {g.count, g.size, g.stride_b}; }
inline places in_c(const axis_group& g) { return {g.count, g.size, g.stride_c}; }

/// The numbers are neighbours: offset[i] = offset[0] + i.
inline bool neighbours(const std::ptrdiff_t* offset, int n) {
    for (int i = 1; i < n; ++i)
        if (offset[i] != offset[0] + i) return false;
    return true;
}

template <class T> HEED_INLINE void copy_numbers(T* to, const T* from, std::ptrdiff_t n) {
    constexpr int lanes = simd<T>::lanes;
    std::ptrdiff_t i = 0;
    for (; i + lanes <= n; i += lanes) simd<T>::load(from + i).store(to + i);
    if (i < n) simd<T>::load(from + i, static_cast<int>(n - i)).store(to + i, static_cast<int>(n - i));
}

/// Packs a strip: to[k * step + lane] = from[along_depth[k] + across[lane]] for lane below `width`, zero from there to
/// `step`. This serves b (a strip is a tile's columns) and a (a tile's rows).
template <class T>
void pack_strip(T* to, int width, int step, const T* from, const std::ptrdiff_t* across, const std::ptrdiff_t* along_depth, std::ptrdiff_t depth) {
    constexpr int lanes = simd<T>::lanes;
    if (neighbours(across, width)) {
        from += across[0];
        if (width == tile_rows && step == tile_rows) {  // of a known length, a copy is two moves
            for (std::ptrdiff_t k = 0; k < depth; ++k, to += step) std::memcpy(to, from + along_depth[k], tile_rows * sizeof(T));
            return;
        }
        for (std::ptrdiff_t k = 0; k < depth; ++k, to += step) {
            copy_numbers(to, from + along_depth[k], width);
            for (int lane = width; lane < step; ++lane) to[lane] = T(0);
        }
        return;
    }
    int lane = 0;
    const std::ptrdiff_t along = depth > 1 ? along_depth[1] - along_depth[0] : 0;
    if (lanes > 1 && along == 1) {
        // The depth is contiguous (in runs): squares of lanes x lanes are transposed in registers.
        for (; lane + lanes <= width; lane += lanes) {
            std::ptrdiff_t k = 0;
            while (k < depth) {
                if (k + lanes <= depth && along_depth[k + lanes - 1] == along_depth[k] + lanes - 1) {
                    simd<T> square[lanes];
#pragma GCC unroll 16
                    for (int i = 0; i < lanes; ++i) square[i] = simd<T>::load(from + across[lane + i] + along_depth[k]);
                    transpose(square);
#pragma GCC unroll 16
                    for (int i = 0; i < lanes; ++i) square[i].store(to + (k + i) * step + lane);
                    k += lanes;
                } else {
                    for (int i = 0; i < lanes; ++i) to[k * step + lane + i] = from[across[lane + i] + along_depth[k]];
                    ++k;
                }
            }
        }
    }
    for (std::ptrdiff_t k = 0; k < depth; ++k)
        for (int i = lane; i < step; ++i) to[k * step + i] = i < width ? from[across[i] + along_depth[k]] : T(0);
}

/// The columns of tile p, of n in all, and how many the kernel computes, which is also the width of its packed strip.
template <class T> int columns_of_tile(std::ptrdiff_t n, std::ptrdiff_t p) {
    return static_cast<int>(std::min<std::ptrdiff_t>(tile_columns<T>, n - p * tile_columns<T>));
}
template <class T> int packed_width(int columns) { return vectors_of<T>(columns) * simd<T>::lanes; }

/// Packs tiles first to last of b, which has n columns, for depth places k to k + depth. Tile p lands at
/// to + (p - first) * tile_columns * depth.
template <class T>
void pack_columns(T* to, const T* b, const places& columns, std::ptrdiff_t n, std::ptrdiff_t first, std::ptrdiff_t last,
                  const std::ptrdiff_t* along_depth, std::ptrdiff_t depth) {
    const std::ptrdiff_t start = first * tile_columns<T>, end = std::min(n, last * tile_columns<T>);
    scratch<std::ptrdiff_t> across(static_cast<std::size_t>(end - start));
    columns.offsets(start, end - start, across.data());
    // Memory is read in its own order: some lines of b across all tiles, or one tile after the other along the depth.
    const bool lines = columns.innermost_stride() == 1;
    const std::ptrdiff_t tiles_at_once = lines ? last - first : 1, depth_at_once = lines ? 64 : depth;
    const std::ptrdiff_t tile_parts = (last - first) / std::max<std::ptrdiff_t>(1, tiles_at_once), depth_parts = (depth + depth_at_once - 1) / std::max<std::ptrdiff_t>(1, depth_at_once);
    const std::ptrdiff_t* const offsets = across.data();
    parallel_for(tile_parts * depth_parts, 4.0 * static_cast<double>(tile_columns<T> * tiles_at_once * depth_at_once), [=](std::ptrdiff_t i) {
        const std::ptrdiff_t k = i % depth_parts * depth_at_once, size = std::min(depth_at_once, depth - k);
        const std::ptrdiff_t from = first + i / depth_parts * tiles_at_once;
        for (std::ptrdiff_t p = from; p < from + tiles_at_once; ++p) {
            const int width = columns_of_tile<T>(n, p), step = packed_width<T>(width);
            pack_strip(to + (p - first) * tile_columns<T> * depth + k * step, width, step, b, offsets + (p * tile_columns<T> - start), along_depth + k, size);
        }
    });
}

}  // namespace detail

/// The right-hand side of a contraction in the order in which the kernel reads it: packed once, used by many products.
/// It owns its memory, which is kept when a matrix of the same size or smaller is packed again.
template <class T> class packed_matrix {
public:
    std::ptrdiff_t columns() const { return columns_; }
    std::ptrdiff_t depth() const { return depth_; }
    bool empty() const { return columns_ == 0 || depth_ == 0; }

    /// Packs b, at sizes and distances size[] and stride_b[] of the two groups.
    void pack(const T* b, const axis_group& columns, const axis_group& depth) {
        using namespace detail;
        columns_ = columns.total();
        depth_ = depth.total();
        const std::ptrdiff_t tiles = (columns_ + tile_columns<T> - 1) / tile_columns<T>;
        const std::size_t needed = static_cast<std::size_t>(tiles * tile_columns<T> * depth_ + numbers_in_line - 1) / numbers_in_line;
        if (needed > lines_.size()) lines_.resize(needed);
        if (empty()) return;
        axis_group across, along;  // only b counts here
        for (int i = 0; i < columns.count; ++i) across.add(columns.size[i], 0, columns.stride_b[i], 0);
        for (int i = 0; i < depth.count; ++i) along.add(depth.size[i], 0, depth.stride_b[i], 0);
        across = coalesced(across);
        along = coalesced(along);
        scratch<std::ptrdiff_t> along_depth(static_cast<std::size_t>(depth_));
        in_b(along).offsets(0, depth_, along_depth.data());
        pack_columns(lines_.data()->number, b, in_b(across), columns_, 0, tiles, along_depth.data(), depth_);
    }

    /// Rounds every number to bf16.
    void round() {
        for (line& l : lines_)
            for (T& number : l.number) number = static_cast<T>(static_cast<float>(bf16(static_cast<float>(number))));
    }

    /// The strip of tile p from depth place k on.
    const T* strip(std::ptrdiff_t p, std::ptrdiff_t k) const {
        const int width = detail::packed_width<T>(detail::columns_of_tile<T>(columns_, p));
        return lines_.empty() ? nullptr : lines_.data()->number + p * detail::tile_columns<T> * depth_ + k * width;
    }

private:
    static constexpr int numbers_in_line = 64 / sizeof(T);
    struct alignas(64) line { T number[numbers_in_line]; };

    std::vector<line> lines_;
    std::ptrdiff_t columns_ = 0;
    std::ptrdiff_t depth_ = 0;
};

}  // namespace heed::inline HEED_TARGET::cpu
