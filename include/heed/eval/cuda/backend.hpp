/// The backend of a GPU: which kernel a call runs as, and over how many blocks.
///
/// `Device` runs them: the GPU itself (device.cuh), or threads of the host in turn, in tests. Of it is asked
///     floats()                         how products of floats are multiplied, a precision
///     name()                           in words, for `explain`
///     launch(kernel, blocks)           the kernel on so many blocks, after all that was launched before
///     take(bytes), give_back(p)        memory
///     check_memory(p)                  throws where this is memory that its kernels cannot reach
///     copy, fill, from_host, to_host   of bytes; to_host waits
///     note()                           where kernels note a fault, which is thrown when the host next waits
///     has_warpgroups()                 whether warpgroups multiply, and tiles are copied by map
///     map(layout)                      how an operand lies, for copies of its tiles
///     bounds(offsets, count)           the host's bounds of ragged sequences, where kernels can read them
///     multiply(product)                one launch of a product by the device's library; false where that has none for it
///     copies_from                      operations of a product from which copies of operands for that library pay
#pragma once

#include <heed/eval/cuda/attention_launch.hpp>
#include <heed/eval/cuda/ids.hpp>
#include <heed/eval/cuda/product_launch.hpp>
#include <heed/eval/cuda/row_launch.hpp>
#include <heed/eval/cuda/scatter.hpp>
#include <heed/eval/cuda/space.hpp>
#include <heed/eval/cuda/touched_rows.hpp>
#include <heed/eval/cuda/update.hpp>
#include <heed/eval/evaluate.hpp>

#include <string>
#include <string_view>

namespace heed::inline HEED_TARGET::cuda {

template <class Bare, class Device = device_of<Bare>>
struct backend : row_launch<Device>, product_launch<Device>, attention_launch<Device>, update_launch<Device> {
    using temporaries = typename Device::temporaries;
    template <class T> using touched_rows = cuda::touched_rows<Device, T>;
    /// A weight is multiplied as it lies.
    template <class T> struct packs {
        template <class> static void pack(const auto&, int) {}
        static void clear() {}
        static bool empty() { return true; }
    };

    /// What is around a product runs after it, but for what the library does itself.
    static constexpr bool finishes_tiles = false;
    template <class T, class Tree> static constexpr bool finishes_products = heed::detail::finish_of<T, Tree>::matches;
    /// Products and attention of bf16 and fp16 are computed from these, and summed in float.
    template <class T> static constexpr bool multiplies = heed::detail::multiplies_floats<T> || is_half<T>;

    using product_launch<Device>::way_of, attention_launch<Device>::way_of;
    static std::string machine() { return Device::name(); }

    template <int R>
    static void check_ids(const heed::detail::strided<const on<std::int32_t>, R>& ids, index rows, std::string_view axis) {
        if (rows == 0 && ids.count() > 0) throw value_error("axis " + std::string(axis) + " has size 0: no id is a row of it");
        Device::launch_each(cuda::check_ids<R>{ids, ids.count(), {rows, axis, Device::note()}}, ids.count());
    }
    template <class Shape, class Source, class Ids, class T>
    static void scatter_add(const heed::detail::scatter_call<Shape, Source, Ids, T>& call) { cuda::scatter_add<Device>(call); }

    /// Statements of rows alike run one after another, each over all rows.
    static void by_rows(index rows, const auto& f) { f(0, rows); }
};

}  // namespace heed::inline HEED_TARGET::cuda
