/// The backend of a GPU: which kernel a call runs as, and over how many blocks.
///
/// `Device` runs them: the GPU itself (device.cuh), or threads of the host in turn, in tests. Of it is asked
///     launch(kernel, blocks)           the kernel on so many blocks, after all that was launched before
///     take(bytes), give_back(p)        memory for as long as a statement runs
///     note()                           where kernels note a fault, which is thrown when the host next waits
///     bounds(offsets, count)           the host's bounds of ragged sequences, where kernels can read them
///     multiply(call)                   a contraction by the device's library; false where that has none for it
#pragma once

#include <heed/eval/cuda/attention_launch.hpp>
#include <heed/eval/cuda/contract.hpp>
#include <heed/eval/cuda/elementwise.hpp>
#include <heed/eval/cuda/ids.hpp>
#include <heed/eval/cuda/rows.hpp>
#include <heed/eval/cuda/space.hpp>
#include <heed/eval/evaluate.hpp>

#include <vector>

namespace heed::inline HEED_TARGET::cuda {

[[noreturn, gnu::cold]] inline void throw_too_large(index places) {
    throw shape_error("a statement of " + std::to_string(places) + " elements; a kernel counts up to 2^31");
}

/// A tree's bounds of sequences, which the host has, where kernels can read them.
template <class Device, class X>
void move_bounds(X& x) {
    if constexpr (requires { x.offsets; }) x.offsets = Device::bounds(x.offsets, x.segments + 1);
    if constexpr (requires { x.x; }) move_bounds<Device>(x.x);
    if constexpr (requires { x.ids; }) move_bounds<Device>(x.ids);
    if constexpr (requires { x.left; }) move_bounds<Device>(x.left), move_bounds<Device>(x.right);
    if constexpr (requires { x.condition; }) move_bounds<Device>(x.condition), move_bounds<Device>(x.yes), move_bounds<Device>(x.no);
}

/// Floats: how attention of floats is multiplied.
template <class Device, precision Floats = precision::exact>
struct backend {
    /// The temporaries of a statement.
    class temporaries {
    public:
        temporaries() = default;
        temporaries(const temporaries&) = delete;
        temporaries& operator=(const temporaries&) = delete;
        ~temporaries() {
            for (void* p : held_) Device::give_back(p);
        }
        template <class T> T* temporary(index count) {
            held_.push_back(nullptr);
            held_.back() = Device::take(sizeof(T) * static_cast<std::size_t>(std::max<index>(count, 1)));
            return static_cast<T*>(held_.back());
        }

    private:
        std::vector<void*> held_;
    };
    static constexpr bool finishes_tiles = false;
    /// Attention of bf16 is computed from bf16, and summed in float.
    static constexpr bool attends_bf16 = true;
    static constexpr int padded_depth(index depth) { return cuda::padded_depth(depth); }
    template <class T> struct packs {
        template <class> static void pack(const auto&, int) {}
        static void clear() {}
        static bool empty() { return true; }
    };

    template <bool Wide, class Shape, class Tree, class T>
    static void rows(lowered::loops l, Tree tree, const lowered::target<T>& target) {
        using F = std::conditional_t<Wide, double, float>;
        lowered::walk walks[Tree::walk_count + 1] = {target.walks()}, *last = walks + 1;
        tree.walks(last);
        lowered::simplify(l, walks, last);
        if (const index places = lowered::count_places(l, 0, l.slots); places > most_places) throw_too_large(places);
        move_bounds<Device>(tree);
        if constexpr (Tree::reduction_count == 0) elementwise_of<F, Shape>(l, tree, target);
        else if constexpr (Shape::by_columns) {
            if (l.within == Shape::lane || l.segment == Shape::lane) by_rows_of<F, Shape::last, Shape>(l, tree, target);
            else by_columns_of<F, Shape>(l, tree, target);
        } else by_rows_of<F, Shape::lane, Shape>(l, tree, target);
    }

    template <int R>
    static void check_ids(const detail::strided<const on<std::int32_t>, R>& ids, index rows, std::string_view axis) {
        if (rows == 0 && ids.count() > 0) throw value_error("axis " + std::string(axis) + " has size 0: no id is a row of it");
        launch(cuda::check_ids<R>{ids, ids.count(), rows, axis.data(), axis.size(), Device::note()}, ids.count());
    }
    template <class T>
    static void contract(const detail::contraction_call<T>& call) {
        if (call.rows.total() * call.columns.total() * call.batch.total() == 0) return;
        if (Device::multiply(call)) return;
        contract_elements<T> kernel{call, call.batch.total() * call.rows.total() * call.columns.total(), call.a, call.b, call.c, call.bias, call.accumulate};
        launch(kernel, kernel.count);
    }

    template <class Slots, class T, class Tree, class Mask>
    static void attend(attention_call<T> call, Tree tree, Mask mask) {
        const index rows = most_rows(call), keys = most_keys(call);
        prepare(call, tree, mask);
        attention_launch<Device, Floats, Slots, T, Tree, Mask>{call, tree, mask, rows, keys}.forward();
    }
    template <class Slots, class T, class Tree, class Mask>
    static void attend_backward(attention_call<T> call, Tree tree, Mask mask) {
        const index rows = most_rows(call), keys = most_keys(call);
        prepare(call, tree, mask);
        const attention_launch<Device, Floats, Slots, T, Tree, Mask> kernels{call, tree, mask, rows, keys};
        temporaries held;
        kernels.backward(held.template temporary<row_sums>(kernels.sums_count()));
    }

    /// Statements of rows alike run one after another, each over all rows.
    static void by_rows(index rows, const auto& f) { f(0, rows); }

    template <int Lane, class Tree, class T> static void finish_row(const Tree&, T*, index, index, bool, int, index) {}

private:
    template <class F, class Shape, class Tree, class T>
    static void elementwise_of(lowered::loops l, const Tree& tree, const lowered::target<T>& target) {
        constexpr int lane = Shape::last, slots = Shape::last + 1;
        const index count = lowered::count_places(l, 0, l.slots);
        if (lies_in_groups<lane>(tree, target, l, true)) {
            to_device(l);
            l.size[lane] /= neighbours;
            launch(elementwise<lanes<F, lane, neighbours, true>, slots, Tree, T>{l, static_cast<number>(count / neighbours), tree, target}, count / neighbours);
        } else {
            to_device(l);
            launch(elementwise<lanes<F, lane>, slots, Tree, T>{l, static_cast<number>(count), tree, target}, count);
        }
    }
    template <class F, int Lane, class Shape, class Tree, class T>
    static void by_rows_of(lowered::loops l, const Tree& tree, const lowered::target<T>& target) {
        static_assert(Lane == Shape::last);
        const index rows = lowered::count_places(l, 0, l.outer), elements = lowered::count_places(l, 0, l.slots);
        if (rows == 0) return;
        const bool wide = lies_in_groups<Lane>(tree, target, l, Shape::writes_inner);
        const int warps = elements / rows > 2048 || (rows == 1 && elements > 256) ? row_warps : 1;
        to_device(l);
        const auto run = [&](auto context) {
            using C = decltype(context);
            program_by_rows<C, Shape, Tree, T> kernel{{l, static_cast<number>(rows), tree, target, {}}, warps};
            lowered::find_repeats(tree, kernel.same_as);
            kernel.l.size[Lane] /= C::width;
            Device::launch(kernel, (rows + row_warps / warps - 1) / (row_warps / warps));
        };
        if (wide) run(lanes<F, Lane, neighbours, true>{});
        else run(lanes<F, Lane>{});
    }
    template <class F, class Shape, class Tree, class T>
    static void by_columns_of(lowered::loops l, const Tree& tree, const lowered::target<T>& target) {
        using kernel_type = program_by_columns<lanes<F, Shape::lane>, Shape, Tree, T>;
        const index rows = lowered::count_places(l, 0, l.outer);
        if (rows == 0) return;
        to_device(l);
        kernel_type kernel{{l, static_cast<number>(rows), tree, target, {}}};
        lowered::find_repeats(tree, kernel.same_as);
        Device::launch(kernel, (rows + kernel_type::across - 1) / kernel_type::across);
    }

    static void to_device(lowered::loops& l) {
        if (l.within >= 0) l.offsets = Device::bounds(l.offsets, l.segments() + 1);
    }
    template <class T, class Tree, class Mask>
    static void prepare(attention_call<T>& call, Tree& tree, Mask& mask) {
        move_bounds<Device>(tree);
        move_bounds<Device>(mask);
        if (call.ragged()) call.query_offsets = call.key_offsets = Device::bounds(call.query_offsets, call.batch[call.segment_axis] + 1);
    }
    template <class T> static index most_rows(const attention_call<T>& call) { return longest(call, call.query_offsets, call.row[0]) * call.row[1] * call.row[2]; }
    template <class T> static index most_keys(const attention_call<T>& call) { return longest(call, call.key_offsets, call.key); }
    template <class T> static index longest(const attention_call<T>& call, const index* offsets, index plain) {
        if (!call.ragged()) return plain;
        index most = 0;
        for (index s = 0; s < call.batch[call.segment_axis]; ++s) most = std::max(most, offsets[s + 1] - offsets[s]);
        return most;
    }
    /// A kernel with a thread for each of n.
    template <class Kernel> static void launch(const Kernel& kernel, index n) {
        if (n > 0) Device::launch(kernel, (n + Kernel::threads - 1) / Kernel::threads);
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
