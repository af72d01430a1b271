/// Row programs by plain loops in double: for every row its reductions in order, then what is written of it.
#pragma once

#include <heed/eval/lowered.hpp>

namespace heed::inline HEED_TARGET::reference {

using detail::index;

/// Every place of slots [first, last), those of `skip` aside, from what c already fixes.
template <class F>
void each_place(const lowered::loops& l, int first, int last, lowered::cursor c, F&& f) {
    if (first == last) return f(c);
    index size = l.size[first];
    if (first == l.within) size = l.length(c.at[l.segment]);
    for (index i = 0; i < size; ++i) {
        c.at[first] = i;
        if (first == l.segment && l.within >= 0) c.row = l.offsets[i];
        each_place(l, first + 1, last, c, f);
    }
}

template <class T, class C, lowered::kind K, class V>
HEED_HOST_DEVICE void store(T& to, V value) {
    if constexpr (!is_on_host<T>) store<value_of<T>, C, K>(to.value, value);
    else if constexpr (is_mask<T>) to = C::to_mask(value);
    else if constexpr (is_integer<T>) to = static_cast<std::int32_t>(value);
    else if constexpr (is_half<T>) to = T(static_cast<float>(value));
    else to = static_cast<T>(value);
}

/// The value of a tree for each row of the loops, or for each place of each row where the target has the inner slots.
template <bool WritesInner, class Tree, class T>
void rows(const lowered::loops& l, Tree tree, lowered::target<T> out) {
    using context = lowered::numbers<lowered::no_lane>;
    double reduced[Tree::reduction_count + 1] = {};
    // A ragged pair is walked batch first, whatever the order of its slots.
    each_place(l, 0, l.outer, {}, [&](const lowered::cursor& row) {
        tree.reductions([&](auto& r) {
            using op = typename std::remove_cvref_t<decltype(r)>::operation;
            if constexpr (std::is_same_v<op, operations::once>) {
                r.x.template seek<lowered::no_lane>(row.at, row.row);
                reduced[r.number] = static_cast<double>(r.x.template get<context>(lowered::spot{0, 1, reduced}));
                return;
            }
            double sum = op::identity, count = 0;
            each_place(l, l.outer, l.slots, row, [&](const lowered::cursor& c) {
                r.x.template seek<lowered::no_lane>(c.at, c.row);
                sum = op::combine(sum, static_cast<double>(r.x.template get<context>(lowered::spot{0, 1, reduced})));
                ++count;
            });
            reduced[r.number] = op::finish(sum, count);
        });
        const auto write = [&](const lowered::cursor& c) {
            tree.template seek<lowered::no_lane>(c.at, c.row);
            out.template seek<lowered::no_lane>(c.at, c.row);
            store<T, context, Tree::result>(*out.here, tree.template get<context>(lowered::spot{0, 1, reduced}));
        };
        if constexpr (WritesInner) each_place(l, l.outer, l.slots, row, write);
        else write(row);
    });
}

}  // namespace heed::inline HEED_TARGET::reference
