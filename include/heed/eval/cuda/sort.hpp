/// Sorting whole numbers on a GPU, equal ones as they stood, and sums of all that come before: what scatter and sparse tables are
/// made of. Every order follows from the numbers alone. (CUB has both, and with it a global namespace `cuda`, beside
/// which no program could say `using namespace heed`.)
#pragma once

#include <heed/eval/cuda/block.hpp>

#include <cstdint>
#include <utility>

namespace heed::inline HEED_TARGET::cuda {

/// Threads of a block of these kernels, and how many numbers a block takes.
inline constexpr int sort_threads = 256;
inline constexpr index sort_chunk = 2048, scan_chunk = 4 * sort_threads;
/// A digit of the numbers, of which a pass sorts by one.
inline constexpr int digit_bits = 8, digits = 1 << digit_bits;

/// What comes before each thread's number in its block, and the sum of all at the end of `sums`, of sort_threads + 1.
template <class Block>
HEED_HOST_DEVICE std::int32_t before_in_block(Block& block, std::int32_t* sums, std::int32_t own) {
    const int t = block.thread();
    if (t == 0) sums[0] = 0;
    sums[t + 1] = own;
    block.barrier();
    for (int step = 1; step < sort_threads; step *= 2) {
        const std::int32_t further = t + 1 > step ? sums[t + 1 - step] : 0;
        block.barrier();
        sums[t + 1] += further;
        block.barrier();
    }
    return sums[t];
}

/// The sum of each chunk.
struct sum_chunks {
    static constexpr int threads = sort_threads;
    static constexpr std::size_t shared_bytes = (sort_threads + 1) * sizeof(std::int32_t);
    const std::int32_t* values;
    index count;
    std::int32_t* sums;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        auto* const shared = reinterpret_cast<std::int32_t*>(block.shared());
        const index first = block.number() * scan_chunk + 4 * block.thread();
        std::int32_t own = 0;
        for (index i = first; i < first + 4 && i < count; ++i) own += values[i];
        before_in_block(block, shared, own);
        if (block.thread() == 0) sums[block.number()] = shared[sort_threads];
    }
};
/// What comes before each number of a chunk, from what comes before the chunk. In place, if wanted.
struct sum_within_chunks {
    static constexpr int threads = sort_threads;
    static constexpr std::size_t shared_bytes = (sort_threads + 1) * sizeof(std::int32_t);
    const std::int32_t* values;
    const std::int32_t* before_chunk;           // null for a single chunk
    index count;
    std::int32_t* sums;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        auto* const shared = reinterpret_cast<std::int32_t*>(block.shared());
        const index first = block.number() * scan_chunk + 4 * block.thread();
        std::int32_t value[4], own = 0;
        for (int i = 0; i < 4; ++i) value[i] = first + i < count ? values[first + i] : 0, own += value[i];
        std::int32_t sum = before_in_block(block, shared, own) + (before_chunk ? before_chunk[block.number()] : 0);
        for (int i = 0; i < 4; ++i) {
            if (first + i < count) sums[first + i] = sum;
            sum += value[i];
        }
    }
};

/// sums[i] = values[0] + ... + values[i - 1]; both may be the same memory.
template <class Device>
void sums_before(const std::int32_t* values, std::int32_t* sums, index count) {
    const index chunks = (count + scan_chunk - 1) / scan_chunk;
    if (chunks == 0) return;
    typename Device::temporaries memory;
    std::int32_t* of_chunks = nullptr;
    if (chunks > 1) {
        of_chunks = memory.template temporary<std::int32_t>(chunks);
        Device::launch(sum_chunks{values, count, of_chunks}, chunks);
        sums_before<Device>(of_chunks, of_chunks, chunks);
    }
    Device::launch(sum_within_chunks{values, of_chunks, count, sums}, chunks);
}

/// How often each digit occurs in each chunk: counts[digit][chunk].
struct count_digits {
    static constexpr int threads = sort_threads;
    static constexpr std::size_t shared_bytes = digits * sizeof(std::int32_t);
    const std::int32_t* key;
    index count;
    int shift;
    std::int32_t* counts;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        auto* const of_chunk = reinterpret_cast<std::int32_t*>(block.shared());
        of_chunk[block.thread()] = 0;
        block.barrier();
        const index first = block.number() * sort_chunk;
        for (index i = first + block.thread(); i < first + sort_chunk && i < count; i += threads) block.add(of_chunk[key[i] >> shift & (digits - 1)], 1);
        block.barrier();
        counts[block.thread() * block.blocks() + block.number()] = of_chunk[block.thread()];
    }
};
/// Numbers and what stands beside them to where their digit goes: a thread for each digit reads the chunk in order.
struct move_by_digit {
    static constexpr int threads = sort_threads;
    static constexpr std::size_t shared_bytes = sort_chunk;
    static_assert(digits == threads);
    const std::int32_t* key;
    const std::int32_t* value;
    index count;
    int shift;
    const std::int32_t* before;
    std::int32_t* key_to;
    std::int32_t* value_to;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        auto* const digit = reinterpret_cast<std::uint8_t*>(block.shared());
        const index first = block.number() * sort_chunk, here = count - first < sort_chunk ? count - first : sort_chunk;
        for (index i = block.thread(); i < here; i += threads) digit[i] = static_cast<std::uint8_t>(key[first + i] >> shift & (digits - 1));
        block.barrier();
        index to = before[block.thread() * block.blocks() + block.number()];
        for (index i = 0; i < here; ++i)
            if (digit[i] == block.thread()) key_to[to] = key[first + i], value_to[to] = value[first + i], ++to;
    }
};

/// Sorts keys, 0 <= key <= greatest, with what stands beside them.
template <class Device>
void sort(std::int32_t* key, std::int32_t* value, index count, index greatest) {
    const index chunks = (count + sort_chunk - 1) / sort_chunk;
    typename Device::temporaries memory;
    std::int32_t* other_key = memory.template temporary<std::int32_t>(2 * count);
    std::int32_t* other_value = other_key + count;
    std::int32_t* const counts = memory.template temporary<std::int32_t>(digits * chunks);
    std::int32_t *from = key, *beside = value;
    for (int shift = 0; shift == 0 || greatest >> shift > 0; shift += digit_bits) {
        Device::launch(count_digits{from, count, shift, counts}, chunks);
        sums_before<Device>(counts, counts, digits * chunks);
        Device::launch(move_by_digit{from, beside, count, shift, counts, other_key, other_value}, chunks);
        std::swap(from, other_key), std::swap(beside, other_value);
    }
    if (from == key) return;
    Device::copy(key, from, sizeof(std::int32_t) * static_cast<std::size_t>(count));
    Device::copy(value, beside, sizeof(std::int32_t) * static_cast<std::size_t>(count));
}

}  // namespace heed::inline HEED_TARGET::cuda
