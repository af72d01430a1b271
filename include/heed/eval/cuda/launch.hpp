/// What all launches share: a device with its temporaries, and the bounds of sequences where kernels can read them.
#pragma once

#include <heed/error.hpp>
#include <heed/eval/cuda/block.hpp>
#include <heed/eval/loops.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace heed::inline HEED_TARGET::cuda {

[[noreturn, gnu::cold]] inline void throw_too_large(index places) {
    throw shape_error("a statement of " + std::to_string(places) + " elements; a kernel counts up to 2^31");
}

[[noreturn, gnu::cold]] inline void throw_other_device(int lives, int runs) {
    throw device_error("a statement on device " + std::to_string(runs) + " meets a tensor of device " + std::to_string(lives) + "; copy it through the host, or run the statement with device " +
                       std::to_string(lives) + " current");
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
    static void check(const void* p) { Device::check_memory(p); }
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

/// The same of the loops of a statement.
template <class Device>
void move_bounds(lowered::loops& l) {
    if (l.within >= 0) l.offsets = Device::bounds(l.offsets, l.segments() + 1);
}

/// How many blocks, pieces or launches of some size so many need.
constexpr index parts_of(index n, index size) { return (n + size - 1) / size; }

}  // namespace heed::inline HEED_TARGET::cuda
