/// Statements that treat rows alike, run block by block: each block from the first statement to the last while it lies in the
/// cache.
///
///     h.resize(..), y.resize(..);
///     by_rows<model>(x, [&](auto rows) {
///         rows(h) = gelu(dot<model>(rows(x), w1));
///         rows(y) = rows(x) + dot<hidden>(rows(h), w2);
///     });
///
/// Two statements of their own would write all of h to memory, and read it again. In blocks, threads also meet once for all
/// statements, not once for each. The backend says how many rows a block has; the results do not depend on it.
#pragma once

#include <heed/eval/evaluate.hpp>
#include <heed/tensor.hpp>

namespace heed::inline HEED_TARGET {

namespace detail {

/// The axis of a block: what a tensor leads with, as one.
struct row : axis<> {};

/// Rows first to last of tensors that lead with the same `Lead` items.
template <int Lead>
struct row_block {
    index first, last, of_all;

    /// These rows: {row, what is left of the items}. The tensor has its sizes already; shape_error where its rows are others.
    template <class T, class... Items> auto operator()(tensor<T, Items...>& of) const { return part(of.memory(), axes<Items...>{}); }
    template <class T, class... Items> auto operator()(const tensor<T, Items...>& of) const { return part(of.memory(), axes<Items...>{}); }

private:
    template <class T, class... Items>
    auto part(const strided<T, sizeof...(Items)>& whole, axes<Items...>) const {
        static_assert(sizeof...(Items) >= Lead, "heed: by_rows takes rows of tensors that lead with the same axes");
        using items = lists::join<axes<row>, lists::behind<axes<Items...>, Lead>>;
        index count = 1;
        for (int i = 0; i < Lead; ++i) count *= whole.size[i];
        if (count != of_all) throw_sizes_differ("row", of_all, count);
        strided<T, items::size> rows;
        rows.stride[0] = 1;
        for (int i = Lead; i < static_cast<int>(sizeof...(Items)); ++i) {
            rows.size[1 + i - Lead] = whole.size[i], rows.stride[1 + i - Lead] = whole.stride[i];
            rows.stride[0] *= whole.size[i];
        }
        rows.size[0] = last - first;
        rows.data = whole.data + first * rows.stride[0];
        return view_over<T, items>(rows);
    }
};

/// In place of a block, where x does not lead with its rows: everything at once.
struct all_rows {
    auto& operator()(auto& of) const { return of; }
};

template <class X, class Inner> inline constexpr bool leads_with_rows = false;
template <class T, class... Items, class Inner> inline constexpr bool leads_with_rows<tensor<T, Items...>, Inner> = std::is_same_v<lists::last<axes<Items...>>, Inner>;

}  // namespace detail

/// f(rows) for blocks of the rows of x, in any order, on all threads: the positions of all its axes but Inner. rows(y), of a
/// tensor with the same rows, is a view of those in the block, which f may read and assign. x is a tensor with Inner as its
/// last axis; otherwise f is called once, and rows(y) is y.
template <axis_type Inner, class T, class... Items>
void by_rows(const tensor<T, Items...>& x, const auto& f) {
    if constexpr (detail::leads_with_rows<tensor<T, Items...>, Inner>) {
        constexpr int lead = static_cast<int>(sizeof...(Items)) - 1;
        const auto memory = x.memory();
        detail::index rows = 1;
        for (int i = 0; i < lead; ++i) rows *= memory.size[i];
        if (rows > 0) backend_of<space_of<T>>::by_rows(rows, [&](detail::index first, detail::index last) { f(detail::row_block<lead>{first, last, rows}); });
    } else f(detail::all_rows{});
}

/// Gives `to` the rows of x, for by_rows<Inner>(x, ..), each of these sizes; what it held is lost.
template <axis_type Inner, class T, class... Items, class U, class... ToItems>
void take_rows(tensor<U, ToItems...>& to, const tensor<T, Items...>& x, std::integral auto... sizes) {
    if constexpr (detail::leads_with_rows<tensor<T, Items...>, Inner>) {
        static_assert(sizeof...(ToItems) == sizeof...(Items) - 1 + sizeof...(sizes));
        const auto memory = x.memory();
        detail::index all[sizeof...(ToItems)];
        std::copy_n(memory.size, sizeof...(Items) - 1, all);
        int n = static_cast<int>(sizeof...(Items)) - 1;
        ((all[n++] = static_cast<detail::index>(sizes)), ...);
        to.resize(all, memory.offsets, memory.segments);
    }
}

}  // namespace heed::inline HEED_TARGET
