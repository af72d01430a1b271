/// The greatest of many numbers without sorting them: a row in blocks whose maxima are known, so that a search for what
/// reaches a limit reads only the blocks that have some of it.
#pragma once

#include <heed/eval/cpu/simd.hpp>
#include <heed/eval/cpu/workspace.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>

namespace heed::inline HEED_TARGET::cpu {

/// A row of numbers as registers, a block after the other.
class row_blocks {
public:
    using index = std::ptrdiff_t;
    static constexpr index block = 256;

    explicit row_blocks(std::span<const float> row) : row_(row.data()), size_(static_cast<index>(row.size())) {}

    index size() const { return size_; }
    index blocks() const { return (size_ + block - 1) / block; }
    index end_of(index b) const { return std::min((b + 1) * block, size_); }
    float operator[](index place) const { return row_[place]; }

    /// f(place, register, i) for the registers of a block, the last one filled up with -infinity; i is 0, 1, 2, 3, 0 ..., so
    /// that sums can be kept in four registers side by side.
    template <class F> HEED_INLINE void visit(index b, F&& f) const {
        constexpr int width = simd<float>::lanes;
        const index end = end_of(b);
        index place = b * block;
        if (end - place == block) [[likely]] {
            for (; place < end; place += 4 * width) {
                f(place, simd<float>::load(row_ + place), 0);
                f(place + width, simd<float>::load(row_ + place + width), 1);
                f(place + 2 * width, simd<float>::load(row_ + place + 2 * width), 2);
                f(place + 3 * width, simd<float>::load(row_ + place + 3 * width), 3);
            }
            return;
        }
        for (; place + width <= end; place += width) f(place, simd<float>::load(row_ + place), 0);
        const int left = static_cast<int>(end - place);
        if (left > 0) f(place, select(simd_mask<float>::first(left), simd<float>::load(row_ + place, left), simd<float>(-std::numeric_limits<float>::infinity())), 0);
    }

private:
    const float* row_;
    index size_;
};

/// The same with the maximum of each block, found in one pass.
class surveyed_row : public row_blocks {
public:
    /// So many numbers are put in order without more ado.
    static constexpr index few = 128;

    /// Where a number stands in the row.
    struct entry {
        float value;
        index place;
        /// The order of choice: the greater first, and of equal ones the first in the row.
        friend bool operator<(const entry& a, const entry& b) { return a.value != b.value ? a.value > b.value : a.place < b.place; }
    };
    /// What reaches a limit: an amount (of whatever is searched for), and how many numbers.
    struct reach { double amount, count; };
    /// A search that came down to the numbers in [low, high): `above` reach high, `inside` more of them low.
    struct interval { float low, high; reach above; index inside; };

    [[gnu::flatten]] explicit surveyed_row(std::span<const float> row) : row_blocks(row), maxima_(static_cast<std::size_t>(blocks())) {
        simd_mask<float> are_numbers = simd_mask<float>::first(simd<float>::lanes);
        for (index b = 0; b < blocks(); ++b) {
            simd<float> most[4];
            for (auto& m : most) m = -infinity;
            visit(b, [&](index, simd<float> x, int i) {
                most[i] = max(most[i], x);
                are_numbers = are_numbers & (x == x);
            });
            maxima_[static_cast<std::size_t>(b)] = reduce_max(max(max(most[0], most[1]), max(most[2], most[3])));
        }
        for (const float m : maxima_) top_ = std::max(top_, m);
        if (!all(are_numbers)) top_ = std::numeric_limits<float>::quiet_NaN();
    }

    /// The greatest number; NaN if there is one in the row, -infinity if the row is empty.
    float top() const { return top_; }
    float maximum(index b) const { return maxima_[static_cast<std::size_t>(b)]; }

    /// The place of the first of the greatest numbers.
    index first_of_top() const {
        index place = std::find(maxima_.data(), maxima_.data() + blocks(), top_) - maxima_.data();
        for (place *= block; (*this)[place] != top_;) ++place;
        return place;
    }

    /// Sums over all blocks that reach the limit; f(place, register, sums) adds a register's numbers. A block's sums are of
    /// floats, lane by lane; those of the row are of doubles, in order.
    template <int N, class F> [[gnu::flatten]] std::array<double, N> sums(float limit, F&& f) const {
        std::array<double, N> total{};
        for (index b = 0; b < blocks(); ++b) {
            if (!(maximum(b) >= limit)) continue;
            std::array<simd<float>, N> of_block;
            of_block.fill(simd<float>(0));
            visit(b, [&](index place, simd<float> x, int) { f(place, x, of_block); });
            for (std::size_t i = 0; i < N; ++i) total[i] += static_cast<double>(reduce_add(of_block[i]));
        }
        return total;
    }

    /// How many numbers reach the limit, which is not -infinity.
    double count(float limit) const {
        return sums<1>(limit, [&](index, simd<float> x, auto& sum) { sum[0] += select(x >= simd<float>(limit), simd<float>(1), simd<float>(0)); })[0];
    }

    /// Narrows [low, high) down to a few numbers, or to equal ones, for the greatest limit there that the amount `wanted`
    /// reaches. `measure(limit)` says what reaches a limit: for low as much as is wanted, for high less.
    template <class Measure> interval search(float low, float high, double wanted, Measure&& measure) const {
        reach at_low = measure(low), at_high{0, 0};
        while (at_low.count - at_high.count > static_cast<double>(few)) {
            const float middle = halfway(low, high);
            if (middle <= low || middle >= high) break;
            const reach here = measure(middle);
            (here.amount < wanted ? high : low) = middle;
            (here.amount < wanted ? at_high : at_low) = here;
        }
        return {low, high, at_high, static_cast<index>(at_low.count - at_high.count)};
    }

    /// Writes the numbers of an interval in the order of the row: as many as are `inside`.
    [[gnu::flatten]] void gather(const interval& wanted, entry* to) const {
        for (index b = 0; b < blocks(); ++b) {
            if (!(maximum(b) >= wanted.low)) continue;
            visit(b, [&](index place, simd<float> x, int) {
                if (!any((x >= simd<float>(wanted.low)) & (x < simd<float>(wanted.high)))) return;
                float numbers[simd<float>::lanes];
                x.store(numbers);
                for (const float number : numbers) {
                    if (number >= wanted.low && number < wanted.high) *to++ = {number, place};
                    ++place;
                }
            });
        }
    }

    /// The k-th greatest number, k from 1; the lowest finite one a float can be where fewer than k are above -infinity.
    float kth_greatest(index k) const {
        float low = std::numeric_limits<float>::lowest();
        if (k <= blocks()) {        // as many blocks, so at least as many numbers, reach the k-th greatest of the maxima
            scratch<float> maxima(maxima_.size());
            std::copy_n(maxima_.data(), blocks(), maxima.data());
            std::nth_element(maxima.begin(), maxima.begin() + (k - 1), maxima.end(), std::greater{});
            low = std::max(low, maxima[static_cast<std::size_t>(k - 1)]);
        }
        const auto measure = [&](float limit) { const double n = count(limit); return reach{n, n}; };
        const interval found = search(low, above_top(), static_cast<double>(k), measure);
        if (found.above.count + static_cast<double>(found.inside) < static_cast<double>(k)) return low;
        scratch<entry> inside(static_cast<std::size_t>(found.inside));
        gather(found, inside.data());
        entry* const kth = inside.begin() + (k - 1 - static_cast<index>(found.above.count));
        std::nth_element(inside.begin(), kth, inside.end());
        return kth->value;
    }

    /// A limit that nothing reaches.
    float above_top() const { return std::nextafter(top_, infinity); }

private:
    static constexpr float infinity = std::numeric_limits<float>::infinity();

    /// A float between two, found soon whatever they are: their mean, or where they lie far apart the one that as many
    /// floats are below as above.
    static float halfway(float low, float high) {
        if (high - low < 1000) return low + (high - low) / 2;
        const auto ordered = [](std::int32_t bits) { return bits < 0 ? bits ^ 0x7fffffff : bits; };
        const std::int64_t sum = std::int64_t(ordered(std::bit_cast<std::int32_t>(low))) + ordered(std::bit_cast<std::int32_t>(high));
        return std::bit_cast<float>(ordered(static_cast<std::int32_t>(sum >> 1)));
    }

    scratch<float> maxima_;
    float top_ = -infinity;
};

}  // namespace heed::inline HEED_TARGET::cpu
