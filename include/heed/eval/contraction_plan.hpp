/// A contraction lowered to one call, with what is elementwise around it as its epilogue.
#pragma once

#include <heed/eval/calls.hpp>
#include <heed/eval/product_finish.hpp>
#include <heed/eval/temporaries.hpp>

namespace heed::inline HEED_TARGET::detail {

/// Where each axis of a list stands in another; -1 where it is not there.
template <class From, class In> inline constexpr int places_in[1] = {};
template <class A, class... As, class In> inline constexpr int places_in<axes<A, As...>, In>[] = {place_or_none<A, In>, place_or_none<As, In>...};
/// The same of axes that are summed; -2 of others.
template <class Gone, class A, class In> inline constexpr int summed_place = lists::inside<typename lists::names_of_item<A>::type, Gone> ? place_or_none<A, In> : -2;
template <class Gone, class From, class In> inline constexpr int summed_places[1] = {};
template <class Gone, class A, class... As, class In> inline constexpr int summed_places<Gone, axes<A, As...>, In>[] = {summed_place<Gone, A, In>, summed_place<Gone, As, In>...};

struct nothing {};

/// How an operand lies in memory, whatever its axes.
struct layout {
    int rank;
    const index *size, *stride;
    template <class T, int R> explicit layout(const strided<T, R>& m) : rank(R), size(m.size), stride(m.stride) {}
    index step(int place) const { return place < 0 ? 0 : stride[place]; }
};

/// The axes of a contraction, sorted by which operands have them. Where those of the result stand in x and in y, and those of x
/// that are summed in y, the lists say.
[[gnu::noinline]] inline void sort_axes(contraction_axes& sorted, const layout& to, const layout& x, const layout& y, const int* in_x, const int* in_y, const int* summed_in_y) {
    for (int i = 0; i < to.rank; ++i) {
        axis_set& set = in_x[i] >= 0 && in_y[i] >= 0 ? sorted.batch : in_x[i] >= 0 ? sorted.rows : sorted.columns;
        set.push(to.size[i], x.step(in_x[i]), y.step(in_y[i]), to.stride[i]);
    }
    for (int i = 0; i < x.rank; ++i)
        if (summed_in_y[i] > -2) sorted.depth.push(x.size[i], x.stride[i], y.step(summed_in_y[i]), 0);
}

/// The type that the operands of a contraction are multiplied in: bf16 or fp16 where both are and the backend multiplies that, else T.
template <class Exec, class T, class X, class Y> constexpr auto factor_type() {
    if constexpr (is_half<X> && std::is_same_v<X, Y> && std::is_same_v<value_of<T>, float> && Exec::template multiplies<X>) return std::type_identity<X>{};
    else return std::type_identity<T>{};
}

/// c = (or +=) sum over the summed axes of x y: one contraction, its operands in memory. Of what the backend's library may do
/// to the sums by itself: whether it did.
template <class Exec, class T, int R, class Items, class Node, class Names, class Library = nothing>
bool assign_contraction(Exec& exec, const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes, auto add, epilogue<T> finish = {}, const T* bias = nullptr,
                        Library library = {}) {
    using x_node = std::remove_cvref_t<decltype(factors<Node>::x(node))>;
    using y_node = std::remove_cvref_t<decltype(factors<Node>::y(node))>;
    using factor = typename decltype(factor_type<Exec, T, typename x_node::element_type, typename y_node::element_type>())::type;
    const auto x = as_leaf<factor>(exec, factors<Node>::x(node), sizes);
    const auto y = as_leaf<factor>(exec, factors<Node>::y(node), sizes);
    using x_items = typename decltype(x)::items;
    using y_items = typename decltype(y)::items;
    contraction_call<T, factor> call;
    const auto xm = x.memory();
    const auto ym = y.memory();
    call.a = xm.data, call.b = ym.data, call.c = to.data;
    call.accumulate = add;
    call.finish = finish;
    call.bias = bias;
    if constexpr (requires { y.holder.packs; }) call.packs = y.holder.packs;
    using gone = typename factors<Node>::gone;
    const auto sort = [&](contraction_axes& sorted, const layout& result) {
        sort_axes(sorted, result, layout(xm), layout(ym), places_in<Items, x_items>, places_in<Items, y_items>, summed_places<gone, x_items, y_items>);
    };
    sort(call, layout(to));
    if constexpr (!std::is_same_v<Library, nothing>) {
        for (int i = 0; i < library.operands; ++i) {
            layout beside(to);
            beside.stride = library.operand[i].by_item;
            sort(library.operand[i].axes, beside);
        }
        if (exec.contract(call, library)) return true;
    }
    exec.contract(call);
    return false;
}

/// The tree with its contraction replaced by what the contraction came to.
template <class T, class Node, class With>
auto replace_hard(const Node& node, const With& with) {
    if constexpr (is_hard<Node>) return with;
    else if constexpr (count_hard<Node>() == 0) return node;
    else return node.map([&](const auto& x) { return replace_hard<T>(x, with); });
}

/// Numbers that count through some slots, the last the fastest; the rows of a ragged pair count as one.
struct slot_numbers {
    int slot[axis_set::most], count = 0;

    /// The slots of a part; of those of one place, the last alone.
    slot_numbers(const lowered::loops& l, int part) {
        for (int s = 0; s < l.slots; ++s) {
            if (l.part[s] != part || s == l.segment) continue;
            if (count > 0 && l.size[slot[count - 1]] == 1 && slot[count - 1] != l.within) --count;
            slot[count++] = s;
        }
    }
    /// The slot that counts the fastest; any other where there are none.
    int last() const { return count > 0 ? slot[count - 1] : 0; }
    /// The place of a number, and how many places follow it, itself included, before the next outer one.
    index find(const lowered::loops& l, index number, lowered::cursor& c) const {
        if (count == 1 && slot[0] != l.within) {
            c.at[slot[0]] = number;
            return l.size[slot[0]] - number;
        }
        return find_among(l, number, c);
    }

private:
    [[gnu::noinline]] index find_among(const lowered::loops& l, index number, lowered::cursor& c) const {
        index run = 1;
        for (int i = count; i-- > 0;) {
            const int s = slot[i];
            const index size = s == l.within ? l.offsets[l.segments()] : l.size[s], here = number % size;
            number /= size;
            if (s == l.within) {
                lowered::find_row(l, here, c);
                if (i == count - 1) run = l.length(c.at[l.segment]) - c.at[s];
            } else {
                c.at[s] = here;
                if (i == count - 1) run = size - here;
            }
        }
        return run;
    }
};

/// What of a tree is added to a contraction in all rows alike: a bias, with which its sums can begin.
template <class Tree> struct bias_in { static constexpr unsigned slots = ~0u; };
template <class T, unsigned S> struct bias_in<lowered::binary<operations::add, lowered::kind::floating, lowered::accumulated<T>, lowered::leaf<T, S>>> {
    static constexpr unsigned slots = S;
    static const auto& of(const auto& tree) { return tree.right; }
};
template <class T, unsigned S> struct bias_in<lowered::binary<operations::add, lowered::kind::floating, lowered::leaf<T, S>, lowered::accumulated<T>>> {
    static constexpr unsigned slots = S;
    static const auto& of(const auto& tree) { return tree.left; }
};

// Of plan.hpp.
template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_rows(Exec& exec, const strided<T, R>& to, Items, const Node& whole, const statement<Names>& sizes);

/// A contraction with an elementwise tree around it by a library: what that does to the sums by itself, else the product first,
/// then one kernel on it, in place.
template <class Exec, class T, int R, class Items, class Node, class Hard, class Names>
void assign_finished(Exec& exec, const strided<T, R>& to, Items, const Node& node, const Hard& hard, const statement<Names>& sizes) {
    const auto tree = lower<lists::names<Items>, 0>(replace_hard<T>(node, contracted<T, typename Hard::items>{}), sizes);
    using tree_type = std::remove_const_t<decltype(tree)>;
    bool done = false;
    const auto alone = [&] { assign_contraction(exec, to, Items{}, hard, sizes, std::false_type()); };
    if constexpr (Exec::template finishes_products<T, tree_type>) {
        product_finish<T> library;
        finish_of<T, tree_type>::read(tree, library);
        if (library.find_steps(item_places<Items, lists::names<Items>>, R)) done = assign_contraction(exec, to, Items{}, hard, sizes, std::false_type(), {}, static_cast<const T*>(nullptr), library);
        else alone();
    } else alone();
    using self = leaf<by_pointer<T, R>, T, Items>;
    if (!done) assign_rows(exec, to, Items{}, replace_hard<T>(node, self(by_pointer<T, R>{to})), sizes);
}

/// A contraction with an elementwise tree around it, as its epilogue: on each finished tile, while that is in the cache.
template <class Exec, class T, int R, class Items, class Node, class Names>
void assign_fused(Exec& exec, const strided<T, R>& to, Items, const Node& node, const statement<Names>& sizes) {
    const auto& hard = find_hard(node);
    if constexpr (!Exec::finishes_tiles) {
        return assign_finished(exec, to, Items{}, node, hard, sizes);
    } else {
        using hard_node = std::remove_cvref_t<decltype(hard)>;
        using x_items = typename std::remove_cvref_t<decltype(factors<hard_node>::x(hard))>::items;
        using y_items = typename std::remove_cvref_t<decltype(factors<hard_node>::y(hard))>::items;
        using slots = lists::names<Items>;
        using columns = lists::names<lists::minus<Items, x_items>>;
        // Rows and columns as the contraction counts them; the backend may swap the operands, never the numbering.
        const auto inner = replace_hard<T>(node, contracted<T, typename hard_node::items>{});
        const auto tree = lower<slots, 0>(inner, sizes);
        constexpr int lane = lists::place<lists::last<columns>, slots>;
        lowered::loops l = make_loops(slots{}, slots::size, sizes);
        [&]<class... A>(axes<A...>) {
            ((l.part[lists::place<A, slots>] = lists::has<A, columns> ? 2 : lists::has<A, lists::names<y_items>> ? 0 : 1), ...);
        }(slots{});
        lowered::walk walks[decltype(tree)::walk_count + 1] = {}, *last = walks;
        tree.walks(last);
        lowered::simplify(l, walks, last);
        struct context {
            decltype(tree) low;
            lowered::loops l;
            slot_numbers batch, rows, columns;
            bool dense;
        } state{tree, l, {l, 0}, {l, 1}, {l, 2}, lowered::dense_along(lane, walks, last)};
        using bias = bias_in<std::remove_const_t<decltype(tree)>>;
        if constexpr ((bias::slots & ~slot_mask<slots, columns>) == 0)
            if (state.columns.count == 1 && bias::of(tree).stride[lane] == 1) return void(assign_contraction(exec, to, Items{}, hard, sizes, std::false_type(), {}, bias::of(tree).base));
        epilogue<T> finish;
        finish.context = &state;
        finish.apply = [](const void* from, index batch, index row, index column, index rows, index columns_here, T* tile, index tile_stride) {
            const context& c = *static_cast<const context*>(from);
            auto low = c.low;
            lowered::cursor place;
            c.batch.find(c.l, batch, place);
            for (index r = 0; r < rows; ++r, tile += tile_stride) {
                c.rows.find(c.l, row + r, place);
                for (index done = 0; done < columns_here;) {
                    const index run = std::min(c.columns.find(c.l, column + done, place), columns_here - done);
                    low.template seek<lane>(place.at, place.row);
                    Exec::template finish_row<lane>(low, tile + done, place.at[lane], run, c.dense, c.rows.last(), rows);
                    done += run;
                }
            }
        };
        assign_contraction(exec, to, Items{}, hard, sizes, std::false_type(), finish);
    }
}

}  // namespace heed::inline HEED_TARGET::detail
