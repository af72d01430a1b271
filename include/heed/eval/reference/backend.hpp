/// The reference: every call by plain loops, summed in double. The oracle of every other backend.
#pragma once

#include <heed/eval/cpu/workspace.hpp>
#include <heed/eval/evaluate.hpp>
#include <heed/eval/touched_rows.hpp>
#include <heed/eval/reference/attend.hpp>
#include <heed/eval/reference/contract.hpp>
#include <heed/eval/reference/rows.hpp>
#include <heed/eval/reference/update.hpp>

namespace heed::inline HEED_TARGET::reference {

struct backend {
    using temporaries = cpu::temporaries;
    /// An epilogue runs on each tile of a product while that is in the cache.
    static constexpr bool finishes_tiles = true;
    template <class T> using touched_rows = heed::detail::touched_rows<T>;
    template <class T> static constexpr bool multiplies = detail::multiplies_floats<T>;
    /// The reference reads every operand where it lies.
    template <class T> struct packs {
        template <class> static void pack(const auto&, int) {}
        static void clear() {}
        static bool empty() { return true; }
    };

    template <bool Wide, class Shape, class Tree, class T>
    static void rows(const lowered::loops& l, const Tree& tree, const lowered::target<T>& target) {
        reference::rows<Shape::writes_inner>(l, tree, target);
    }
    template <class T> static void contract(const detail::contraction_call<T>& call) { reference::contract(call); }
    template <class Slots, class T, class Tree, class Mask>
    static void attend(const detail::attention_call<T>& call, const Tree& tree, const Mask& mask) {
        reference::attend<Slots>(call, tree, mask);
    }
    /// Optimizers' updates, and the lengths of gradients.
    template <class T, int Moments, class Rule>
    static void update(std::span<const heed::detail::update_call<T, Moments, Rule>> calls, T scale) { reference::update(calls, scale); }
    template <class T>
    static void sums_of_squares(std::span<const heed::detail::gradient_numbers<T>> gradients, double* sums) { reference::sums_of_squares(gradients, sums); }

    static void by_rows(index rows, const auto& f) { f(0, rows); }
    template <int Lane, class Tree, class T>
    static void finish_row(const Tree& tree, T* row, index column, index columns, bool, int, index) {
        using context = lowered::numbers<Lane>;
        for (index j = 0; j < columns; ++j) {
            // The accumulated value is read at row[j]: the tree counts its lane from the column, the tile from its own start.
            row[j] = static_cast<T>(tree.template get<context>(lowered::spot{column + j, 1, row - column}));
        }
    }
};

/// The value of an expression by the reference.
template <operand X>
tensor_of<X> eval(const X& x) {
    tensor_of<X> result;
    detail::assign_tensor<backend>(result, detail::capture(x), detail::destination::just_made);
    return result;
}
/// to = e by the reference.
template <class T, class... Items, operand E>
void assign(tensor<T, Items...>& to, const E& e) {
    detail::assign_tensor<backend>(to, detail::capture(e));
}

}  // namespace heed::inline HEED_TARGET::reference
