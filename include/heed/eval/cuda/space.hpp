/// The memory of a GPU as a space: its elements, and the names of its tensors.
#pragma once

#include <heed/tensor.hpp>

namespace heed::inline HEED_TARGET::cuda {

/// The memory of the current device.
struct space {};

/// An element in the memory of a GPU. Kernels read its value; the host copies it: `tensor<float, ...> here = there`.
template <class T>
struct on {
    T value;
    on() = default;
    HEED_HOST_DEVICE constexpr on(T v) : value(v) {}
};

template <class T, class... Items> using tensor = heed::tensor<on<T>, Items...>;
template <class T, class... Items> using view = heed::view<on<T>, Items...>;

}  // namespace heed::inline HEED_TARGET::cuda

namespace heed {

template <class T>
struct element<cuda::on<T>> {
    using value = T;
    using space = cuda::space;
    template <class U> using with = cuda::on<U>;
};

}  // namespace heed
