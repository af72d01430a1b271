/// Contractions by the reference's element function, one thread an output: what no library takes.
#pragma once

#include <heed/eval/calls.hpp>
#include <heed/eval/cuda/lanes.hpp>

namespace heed::inline HEED_TARGET::cuda {

using heed::detail::axis_set, heed::detail::contraction_call;

/// The step to a place of an axis set, counted with the last axis the fastest.
HEED_HOST_DEVICE inline index offset_in(const axis_set& set, const index* stride, index place) {
    index sum = 0;
    for (int i = set.count; i-- > 0; place /= set.size[i]) sum += place % set.size[i] * stride[i];
    return sum;
}

/// c = (or +=) bias + sum a b, in double where T is, else in float.
template <class T, class Factor>
struct contract_elements {
    static constexpr int threads = 256;
    heed::detail::contraction_axes axes;
    index count;
    const Factor* a;
    const Factor* b;
    T* c;
    const T* bias;
    bool accumulate;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        using F = std::conditional_t<std::is_same_v<value_of<T>, double>, double, float>;
        using one = lanes<F, lowered::no_lane>;
        const index n = block.number() * threads + block.thread();
        if (n >= count) return;
        const index columns = axes.columns.total(), rows = axes.rows.total(), depth = axes.depth.total();
        const index j = n % columns, i = n / columns % rows, g = n / columns / rows;
        const Factor* const x = a + offset_in(axes.batch, axes.batch.a, g) + offset_in(axes.rows, axes.rows.a, i);
        const Factor* const y = b + offset_in(axes.batch, axes.batch.b, g) + offset_in(axes.columns, axes.columns.b, j);
        T* const to = c + offset_in(axes.batch, axes.batch.c, g) + offset_in(axes.rows, axes.rows.c, i) + offset_in(axes.columns, axes.columns.c, j);
        F sum = (accumulate ? one::read(*to) : F(0)) + (bias ? one::read(bias[j]) : F(0));
        for (index d = 0; d < depth; ++d) sum += one::read(x[offset_in(axes.depth, axes.depth.a, d)]) * one::read(y[offset_in(axes.depth, axes.depth.b, d)]);
        one::store(to, 0, pack<F, 1>(sum));
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
