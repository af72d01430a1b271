/// What an optimizer keeps beside a parameter: numbers in the space of the model.
#pragma once

#include <heed/tensor.hpp>

#include <cstddef>
#include <type_traits>
#include <vector>

namespace heed::inline HEED_TARGET::train {

/// Numbers elsewhere than on the host, with what of a vector's members the trainers need.
template <class T>
class numbers_elsewhere {
public:
    bool empty() const { return memory_.size() == 0; }
    std::size_t size() const { return static_cast<std::size_t>(memory_.size()); }
    T* data() { return memory_.data(); }
    const T* data() const { return memory_.data(); }
    void clear() { memory_.resize(0); }
    void resize(std::size_t size) { memory_.resize(static_cast<std::ptrdiff_t>(size)); }
    /// So many zeros.
    void assign(std::size_t size, T) {
        resize(size);
        memory_.zero();
    }

private:
    heed::detail::buffer<T> memory_;
};

template <class T> using numbers = std::conditional_t<is_on_host<T>, std::vector<T>, numbers_elsewhere<T>>;

}  // namespace heed::inline HEED_TARGET::train
