/// Which way a contraction goes: to the device's library as it lies, through copies, or one thread an output.
#pragma once

#include <heed/eval/cuda/contract.hpp>
#include <heed/eval/cuda/launch.hpp>
#include <heed/eval/cuda/product.hpp>

#include <string>

namespace heed::inline HEED_TARGET::cuda {

template <class Device>
struct product_launch {
    using temporaries = typename Device::temporaries;

    template <class T, class Factor>
    static void contract(const contraction_call<T, Factor>& call) {
        if (results(call) == 0 || multiply(call, {}) || multiply_copies(call)) return;
        contract_elements<T, Factor> kernel{call, results(call), call.a, call.b, call.c, call.bias, call.accumulate};
        Device::launch_each(kernel, kernel.count);
    }
    /// With what the device's library does to the sums by itself; false where it does not, and nothing was done.
    template <class T, class Factor>
    static bool contract(const contraction_call<T, Factor>& call, const product_finish<T>& finish) { return results(call) == 0 || multiply(call, finish); }

    /// The same in words.
    template <class T, class Factor>
    static std::string way_of(const contraction_call<T, Factor>& call) {
        if (plan_product(call).possible) return "by the device's library";
        if (call.flops() >= Device::copies_from && cheapest_copies(call) > 0) return "by the device's library, of copies";
        return "one thread an output";
    }
    template <class T, class Factor>
    static bool takes(const contraction_call<T, Factor>& call, const product_finish<T>& finish) { return plan_of(call, finish).possible; }

private:
    static index results(const contraction_axes& call) { return call.batch.total() * call.rows.total() * call.columns.total(); }
    template <class T>
    static product_plan plan_of(const contraction_axes& call, const product_finish<T>& finish) {
        const auto beside = [&](int i) { return i < finish.operands ? &finish.operand[i].axes : nullptr; };
        return plan_product(call, beside(0), beside(1), finish.bend);
    }
    template <class T, class Factor>
    static bool multiply(const contraction_call<T, Factor>& call, const product_finish<T>& finish) {
        const product_plan plan = plan_of(call, finish);
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
};

}  // namespace heed::inline HEED_TARGET::cuda
