/// Memory that kernels borrow for a call: one stack a thread, which grows and never shrinks.
///
/// So the second step of a training loop, and every one after it, asks the system for nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "../../target.hpp"

namespace heed::inline HEED_TARGET::cpu {

/// A thread's stack of blocks. A request that does not fit the block in use goes to the next one; whoever holds memory
/// of an earlier block keeps it. Once all is returned, several blocks become one of their whole size, so that the same
/// requests find room in it from then on.
class workspace {
public:
    static constexpr std::size_t alignment = 64;

    /// The stack of the thread that calls.
    static workspace& of_this_thread() {
        thread_local workspace stack;
        return stack;
    }

    /// Bytes owned by this thread's stack.
    std::size_t capacity() const {
        std::size_t total = 0;
        for (const block& b : blocks_) total += b.size;
        return total;
    }

    struct mark { std::size_t block, used; };

    mark top() const { return {current_, used_}; }

    std::byte* take(std::size_t bytes) {
        bytes = (bytes + alignment - 1) / alignment * alignment;
        while (current_ < blocks_.size() && blocks_[current_].size - used_ < bytes) {
            ++current_;
            used_ = 0;
        }
        if (current_ == blocks_.size()) add_block(std::max({bytes, blocks_.empty() ? 0 : 2 * blocks_.back().size, smallest_block}));
        std::byte* p = blocks_[current_].bytes.get() + used_;
        used_ += bytes;
        return p;
    }

    void give_back(mark m) noexcept {
        current_ = m.block;
        used_ = m.used;
        if (current_ == 0 && used_ == 0 && blocks_.size() > 1) {
            const std::size_t size = capacity();
            if (void* const p = ::operator new(size, std::align_val_t{alignment}, std::nothrow)) {
                blocks_.clear();
                blocks_.push_back({size, memory(static_cast<std::byte*>(p))});  // there is room for it
            }
        }
    }

private:
    static constexpr std::size_t smallest_block = std::size_t(1) << 22;  // of addresses: memory is used when it is touched

    struct release { void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{alignment}); } };
    using memory = std::unique_ptr<std::byte, release>;
    struct block { std::size_t size; memory bytes; };

    void add_block(std::size_t size) {
        blocks_.push_back({size, memory(static_cast<std::byte*>(::operator new(size, std::align_val_t{alignment})))});
        used_ = 0;
    }

    std::vector<block> blocks_;
    std::size_t current_ = 0;
    std::size_t used_ = 0;
};

/// n elements of T for as long as this object lives, aligned to 64 bytes, not initialized. Returned in the opposite order
/// of taking (they are local variables), on the thread that took them.
template <class T> class scratch {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

public:
    explicit scratch(std::size_t n)
        : stack_(workspace::of_this_thread()), mark_(stack_.top()), data_(reinterpret_cast<T*>(stack_.take(n * sizeof(T)))), size_(n) {}
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    ~scratch() { stack_.give_back(mark_); }

    T* data() { return data_; }
    const T* data() const { return data_; }
    std::size_t size() const { return size_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }

private:
    workspace& stack_;
    workspace::mark mark_;
    T* data_;
    std::size_t size_;
};

/// The temporaries of a statement: they live until it is done.
class temporaries {
public:
    [[gnu::noinline]] temporaries() : stack_(workspace::of_this_thread()), mark_(stack_.top()) {}
    temporaries(const temporaries&) = delete;
    temporaries& operator=(const temporaries&) = delete;
    [[gnu::noinline]] ~temporaries() { stack_.give_back(mark_); }

    template <class T> T* temporary(std::ptrdiff_t count) { return reinterpret_cast<T*>(bytes(sizeof(T) * static_cast<std::size_t>(std::max<std::ptrdiff_t>(count, 1)))); }

private:
    [[gnu::noinline]] std::byte* bytes(std::size_t size) { return stack_.take(size); }
    workspace& stack_;
    workspace::mark mark_;
};

}  // namespace heed::inline HEED_TARGET::cpu
