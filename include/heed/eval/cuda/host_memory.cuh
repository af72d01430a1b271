/// Memory of the host that the device reads and writes by itself, and copies that nobody waits for.
///
///     cuda::host_memory<float> memory(32 * 256);
///     view<float, batch, model> here(memory.data(), batch{32}, model{256});
///     here(0, 0) = 1;
///     cuda::copy_async(there, here);      // there: a cuda::tensor or view of the same axes and sizes
///     s.wait();                           // until then `here` is not to be touched
#pragma once

#include <heed/eval/cuda/device.cuh>

namespace heed::inline HEED_TARGET::cuda {

/// Page-locked memory of the host, zeroed.
template <class T>
class host_memory {
public:
    explicit host_memory(index count) : count_(count) {
        require_device();
        HEED_CUDA(cudaMallocHost(reinterpret_cast<void**>(&data_), sizeof(T) * static_cast<std::size_t>(std::max<index>(count, 1))));
        std::fill_n(data_, count, T{});
    }
    host_memory(const host_memory&) = delete;
    host_memory& operator=(const host_memory&) = delete;
    ~host_memory() { cudaFreeHost(data_); }

    T* data() const { return data_; }
    T* begin() const { return data_; }
    T* end() const { return data_ + count_; }
    index size() const { return count_; }

private:
    T* data_ = nullptr;
    index count_;
};

/// to = from, one on the host and one on the device, of the same axes in the same order: asked of the stream of this thread's
/// statements, and not waited for. Memory of the host that is not page-locked is copied as well, but may be waited for.
template <class To, class From>
void copy_async(To&& to, const From& from) {
    const auto target = to.memory();
    const auto source = from.memory();
    using to_type = std::remove_cvref_t<decltype(*target.data)>;
    using from_type = std::remove_cvref_t<decltype(*source.data)>;
    static_assert(std::is_same_v<typename std::remove_cvref_t<To>::items, typename From::items>, "heed: copy_async copies between the same axes in the same order");
    static_assert(std::is_same_v<value_of<to_type>, value_of<from_type>>, "heed: copy_async copies elements as they are; convert by as<T> on one side");
    static_assert(is_on_host<to_type> != is_on_host<from_type>, "heed: copy_async copies between the host and the device");
    for (int i = 0; i < From::items::size; ++i)
        if (target.size[i] != source.size[i]) throw shape_error("copy_async: item " + std::to_string(i) + " has size " + std::to_string(source.size[i]) + " here and " + std::to_string(target.size[i]) + " there");
    if (!is_dense(target) || !is_dense(source)) throw shape_error("copy_async copies memory that lies together; this is a part of a tensor");
    HEED_CUDA(cudaMemcpyAsync(target.data, source.data, sizeof(to_type) * static_cast<std::size_t>(source.count()), is_on_host<to_type> ? cudaMemcpyDeviceToHost : cudaMemcpyHostToDevice, device::stream()));
}

}  // namespace heed::inline HEED_TARGET::cuda
