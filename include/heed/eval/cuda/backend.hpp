/// The backend of a GPU: which kernel a call runs as, and over how many blocks.
///
/// `Device` runs them: the GPU itself (device.cuh), or threads of the host in turn, in tests. Of it is asked
///     name()                           in words, for `explain`
///     launch(kernel, blocks)           the kernel on so many blocks, after all that was launched before
///     take(bytes), give_back(p)        memory
///     copy, fill, from_host, to_host   of bytes; to_host waits
///     note()                           where kernels note a fault, which is thrown when the host next waits
///     bounds(offsets, count)           the host's bounds of ragged sequences, where kernels can read them
///     multiply(product)                one launch of a product by the device's library; false where that has none for it
///     copies_from                      operations of a product from which copies of operands for that library pay
#pragma once

#include <heed/eval/cuda/attention_elements.hpp>
#include <heed/eval/cuda/contract.hpp>
#include <heed/eval/cuda/elementwise.hpp>
#include <heed/eval/cuda/ids.hpp>
#include <heed/eval/cuda/product.hpp>
#include <heed/eval/cuda/row_parts.hpp>
#include <heed/eval/cuda/rows.hpp>
#include <heed/eval/cuda/scatter.hpp>
#include <heed/eval/cuda/sort.hpp>
#include <heed/eval/cuda/space.hpp>
#include <heed/eval/cuda/touched_rows.hpp>
#include <heed/eval/cuda/update.hpp>
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

/// The temporaries of a statement.
template <class Device>
class statement_memory {
public:
    statement_memory() = default;
    statement_memory(const statement_memory&) = delete;
    statement_memory& operator=(const statement_memory&) = delete;
    ~statement_memory() {
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

/// The memory of tensors on a device.
template <class Device>
struct memory_of_device {
    static void* allocate(std::size_t bytes) { return Device::take(bytes); }
    static void release(void* p) noexcept { Device::give_back(p); }
    static void copy(void* to, const void* from, std::size_t bytes) { Device::copy(to, from, bytes); }
    static void zero(void* to, std::size_t bytes) { Device::fill(to, 0, bytes); }
    static void from_host(void* to, const void* from, std::size_t bytes) { Device::from_host(to, from, bytes); }
    static void to_host(void* to, const void* from, std::size_t bytes) { Device::to_host(to, from, bytes); }
};

/// A device, with what kernels are launched by.
template <class Bare>
struct device_of : Bare {
    using temporaries = statement_memory<Bare>;
    /// A kernel with a thread for each of n.
    template <class Kernel> static void launch_each(const Kernel& kernel, index n) {
        if (n > 0) Bare::launch(kernel, (n + Kernel::threads - 1) / Kernel::threads);
    }
};

template <class Bare>
struct backend {
    using Device = device_of<Bare>;
    using temporaries = typename Device::temporaries;
    template <class T> using touched_rows = cuda::touched_rows<Device, T>;
    static constexpr bool finishes_tiles = false;
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
        Device::launch_each(cuda::check_ids<R>{ids, ids.count(), rows, axis.data(), axis.size(), Device::note()}, ids.count());
    }
    template <class T> static constexpr bool multiplies = heed::detail::multiplies_floats<T> || std::is_same_v<value_of<T>, bf16>;
    template <class T, class Tree> static constexpr bool finishes_products = heed::detail::finish_of<T, Tree>::matches;

    template <class T, class Factor>
    static void contract(const contraction_call<T, Factor>& call) {
        if (results(call) == 0 || multiply(call, {}) || multiply_copies(call)) return;
        contract_elements<T, Factor> kernel{call, results(call), call.a, call.b, call.c, call.bias, call.accumulate};
        Device::launch_each(kernel, kernel.count);
    }
    /// With what the device's library does to the sums by itself; false where it does not, and nothing was done.
    template <class T, class Factor>
    static bool contract(const contraction_call<T, Factor>& call, const product_finish<T>& finish) { return results(call) == 0 || multiply(call, finish); }

    template <class Slots, class T, class Tree, class Mask>
    static void attend(attention_call<T> call, Tree tree, Mask mask) {
        using F = std::conditional_t<std::is_same_v<value_of<T>, double>, double, float>;
        const index rows = most_rows(call);
        prepare(call, tree, mask);
        Device::launch_each(attend_elements<F, Slots, T, Tree, Mask>{{call, tree, mask}, rows}, call.batches() * rows * call.value[0] * call.value[1]);
    }
    template <class Slots, class T, class Tree, class Mask>
    static void attend_backward(attention_call<T> call, Tree tree, Mask mask) {
        using F = std::conditional_t<std::is_same_v<value_of<T>, double>, double, float>;
        const index rows = most_rows(call), keys = most_keys(call), values = call.value[0] * call.value[1];
        prepare(call, tree, mask);
        Device::launch_each(attend_backward_elements<gradient_of::queries, F, Slots, T, Tree, Mask>{{call, tree, mask}, rows}, call.batches() * rows * call.depth);
        Device::launch_each(attend_backward_elements<gradient_of::keys, F, Slots, T, Tree, Mask>{{call, tree, mask}, keys}, call.batches() * keys * call.depth);
        Device::launch_each(attend_backward_elements<gradient_of::values, F, Slots, T, Tree, Mask>{{call, tree, mask}, keys}, call.batches() * keys * values);
    }

    template <class Shape, class Source, class Ids, class T>
    static void scatter_add(detail::scatter_call<Shape, Source, Ids, T> call) {
        using rows_type = sorted_rows<Shape, Source, T>;
        const index count = call.places(), columns = lowered::count_places(call.l, call.l.outer, call.l.slots);
        if (count == 0 || columns == 0) return;
        if (count > most_places) throw_too_large(count);
        temporaries memory;
        auto* const id = memory.template temporary<std::int32_t>(count);
        auto* const place = memory.template temporary<std::int32_t>(count);
        move_bounds<Device>(call.ids);
        to_device(call.l);
        Device::launch_each(number_ids<Shape, Ids>{call.l, call.ids, count, call.limit, call.axis.data(), call.axis.size(), Device::note(), id, place}, count);
        sort<Device>(id, place, count, call.limit);
        rows_type rows{call.l, call.source, call.target, count, columns, call.limit, call.step, id, place, nullptr};
        rows.parts = memory.template temporary<typename rows_type::F>(2 * rows.chunks() * columns);
        Device::launch_each(add_chunks<Shape, Source, T>{rows}, rows.chunks() * columns);
        if (rows.chunks() > 1) Device::launch_each(add_parts<Shape, Source, T>{rows}, rows.chunks() * columns);
    }

    template <class T, int Moments, class Rule>
    static void update(std::span<const update_call<T, Moments, Rule>> calls, value_of<T> scale) {
        using kernel = update_parameters<T, Moments, Rule>;
        in_batches(calls, [&](auto some) {
            kernel k{};
            k.scale = scale;
            for (const auto& call : some) {
                const index blocks = parts(kernel::numbers_of(call), kernel::at_once);
                if (blocks > 0) k.call[k.blocks.count] = call, k.blocks.add(blocks);
            }
            if (k.blocks.count > 0) Device::launch(k, k.blocks.first[k.blocks.count]);
        });
    }
    template <class T>
    static void sums_of_squares(std::span<const gradient_numbers<T>> gradients, double* sums) {
        using kernel = square_pieces<T>;
        in_batches(gradients, [&](auto some) {
            kernel k{};
            for (const auto& g : some) k.of[k.blocks.count] = g, k.blocks.add(std::max<index>(1, parts(g.count, kernel::at_once)));
            const index blocks = k.blocks.first[k.blocks.count];
            temporaries memory;
            k.sums = memory.template temporary<double>(blocks);
            Device::launch(k, blocks);
            std::vector<double> pieces(static_cast<std::size_t>(blocks));
            Device::to_host(pieces.data(), k.sums, sizeof(double) * pieces.size());
            for (int i = 0; i < k.blocks.count; ++i, ++sums) {
                *sums = 0;
                for (index b = k.blocks.first[i]; b < k.blocks.first[i + 1]; ++b) *sums += pieces[static_cast<std::size_t>(b)];
            }
        });
    }

    /// Statements of rows alike run one after another, each over all rows.
    static void by_rows(index rows, const auto& f) { f(0, rows); }

    template <int Lane, class Tree, class T> static void finish_row(const Tree&, T*, index, index, bool, int, index) {}

    // What `explain` asks.
    static std::string machine() { return Device::name(); }
    template <class T, class Factor>
    static std::string way_of(const contraction_call<T, Factor>& call) {
        if (plan_product(call).possible) return "by the device's library";
        if (call.flops() >= Device::copies_from && cheapest_copies(call) > 0) return "by the device's library, of copies";
        return "one thread an output";
    }
    template <class T, class Factor>
    static bool takes(const contraction_call<T, Factor>& call, const product_finish<T>& finish) {
        const auto beside = [&](int i) { return i < finish.operands ? &finish.operand[i].axes : nullptr; };
        return plan_product(call, beside(0), beside(1), finish.bend).possible;
    }

private:
    static index results(const contraction_axes& call) { return call.batch.total() * call.rows.total() * call.columns.total(); }
    template <class T, class Factor>
    static bool multiply(const contraction_call<T, Factor>& call, const product_finish<T>& finish) {
        const auto beside = [&](int i) { return i < finish.operands ? &finish.operand[i].axes : nullptr; };
        const product_plan plan = plan_product(call, beside(0), beside(1), finish.bend);
        return plan.possible && run_product(plan, call, finish, [](const auto& one) { return Device::multiply(one); });
    }
    /// Through dense copies of the operands that the device's library cannot read as they lie, where the product is worth it.
    template <class T, class Factor>
    static bool multiply_copies(const contraction_call<T, Factor>& call) {
        if (call.flops() < Device::copies_from || call.bias) return false;
        const int copies = cheapest_copies(call);
        if (copies == 0) return false;
        temporaries memory;
        index elements[3];
        contraction_call<T, Factor> dense = call;
        static_cast<contraction_axes&>(dense) = with_copies(call, copies, elements);
        if (copies & 1) dense.a = copy(memory, call.a, elements[0], &axis_set::a, call.batch, dense.batch, call.rows, dense.rows, call.depth, dense.depth);
        if (copies & 2) dense.b = copy(memory, call.b, elements[1], &axis_set::b, call.batch, dense.batch, call.columns, dense.columns, call.depth, dense.depth);
        if (copies & 4) dense.c = memory.template temporary<T>(elements[2]), dense.accumulate = false;
        if (!multiply(dense, product_finish<T>{})) return false;
        if (copies & 4) {
            copy_elements<T> back{dense.c, call.c, elements[2], call.accumulate};
            back.along(call.batch, dense.batch.c, call.batch.c), back.along(call.rows, dense.rows.c, call.rows.c), back.along(call.columns, dense.columns.c, call.columns.c);
            Device::launch_each(back, back.count);
        }
        return true;
    }
    template <class T>
    static const T* copy(temporaries& memory, const T* from, index elements, operand_steps steps, const auto&... parts) {
        copy_elements<T> kernel{from, memory.template temporary<T>(elements), elements, false};
        const axis_set* const all[] = {&parts...};
        for (int i = 0; i < 6; i += 2) kernel.along(*all[i], all[i]->*steps, all[i + 1]->*steps);
        Device::launch_each(kernel, elements);
        return kernel.to;
    }
    template <class F, class Shape, class Tree, class T>
    static void elementwise_of(lowered::loops l, const Tree& tree, const lowered::target<T>& target) {
        constexpr int lane = Shape::last, slots = Shape::last + 1;
        const index count = lowered::count_places(l, 0, l.slots);
        if (lies_in_groups<lane>(tree, target, l, true)) {
            to_device(l);
            l.size[lane] /= neighbours;
            Device::launch_each(elementwise<lanes<F, lane, neighbours, true>, slots, Tree, T>{l, static_cast<number>(count / neighbours), tree, target}, count / neighbours);
        } else {
            to_device(l);
            Device::launch_each(elementwise<lanes<F, lane>, slots, Tree, T>{l, static_cast<number>(count), tree, target}, count);
        }
    }
    template <class F, int Lane, class Shape, class Tree, class T>
    static void by_rows_of(lowered::loops l, const Tree& tree, const lowered::target<T>& target) {
        static_assert(Lane == Shape::last);
        const index rows = lowered::count_places(l, 0, l.outer), elements = lowered::count_places(l, 0, l.slots);
        if (rows == 0) return;
        const bool wide = lies_in_groups<Lane>(tree, target, l, Shape::writes_inner);
        if constexpr (has_one_reduction<Tree> && !Shape::writes_inner)
            if (rows < wanted_blocks && elements / rows >= 2 * least_part * (wide ? neighbours : 1)) {
                if (wide) in_parts<false, lanes<F, Lane, neighbours, true>, Shape>(l, tree, target, rows, elements / rows);
                else in_parts<false, lanes<F, Lane>, Shape>(l, tree, target, rows, elements / rows);
                return;
            }
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
        const index rows = lowered::count_places(l, 0, l.outer), elements = lowered::count_places(l, 0, l.slots);
        if (rows == 0) return;
        if constexpr (has_one_reduction<Tree> && !Shape::writes_inner)
            if (rows < wanted_blocks * kernel_type::across && elements / rows >= 2 * least_part)
                return in_parts<true, lanes<F, Shape::lane>, Shape>(l, tree, target, rows, elements / rows);
        to_device(l);
        kernel_type kernel{{l, static_cast<number>(rows), tree, target, {}}};
        lowered::find_repeats(tree, kernel.same_as);
        Device::launch(kernel, (rows + kernel_type::across - 1) / kernel_type::across);
    }

    /// A sum of so many elements for each of some rows, in parts. (Of rows of several lengths, that of their mean.)
    template <bool ByColumns, class C, class Shape, class Tree, class T>
    static void in_parts(lowered::loops l, const Tree& tree, const lowered::target<T>& target, index rows, index elements) {
        using kernel = sum_parts<ByColumns, C, Shape, Tree, T>;
        using F = typename C::scalar;
        const index groups = parts(rows, kernel::across);
        const index longest = l.within >= l.outer && l.segment < l.outer && l.segment >= 0 ? longest_row(l) : elements / C::width;
        const index count = std::max<index>(1, std::min(parts(wanted_blocks, groups), longest / least_part));
        temporaries memory;
        F* const sums = memory.template temporary<F>(count * rows);
        to_device(l);
        l.size[Shape::last] /= ByColumns ? 1 : C::width;
        Device::launch(kernel{{l, static_cast<number>(rows), tree, target, {}}, parts(longest, count), groups, sums}, groups * count);
        Device::launch_each(add_row_parts<F, Shape, Tree, T>{{l, static_cast<number>(rows), tree, target, {}}, count, ByColumns ? 1 : C::width, sums}, rows);
    }
    static index longest_row(const lowered::loops& l) {
        index most = 0, beside = 1;
        for (index s = 0; s < l.segments(); ++s) most = std::max(most, l.length(s));
        for (int s = l.outer; s < l.slots; ++s) beside *= s == l.within ? 1 : l.size[s];
        return most * beside;
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
    static index parts(index n, index of) { return (n + of - 1) / of; }
    /// f(some) for as many at a time as one launch takes.
    template <class X> static void in_batches(std::span<const X> all, auto&& f) {
        for (; !all.empty(); all = all.subspan(std::min<std::size_t>(all.size(), updates_at_once))) f(all.first(std::min<std::size_t>(all.size(), updates_at_once)));
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
