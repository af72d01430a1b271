// Products by warpgroups for the simulator: what descriptors say is where they read, and nothing is there before it is waited for.
#pragma once

#include <heed/bf16.hpp>
#include <heed/eval/cuda/block.hpp>

#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace simulated {

/// Where dynamic shared memory begins, as a GPU gives it to a block.
inline constexpr std::uint32_t first_shared_address = 1024;

/// The number that 16 bits are.
template <class E> float number_of(std::uint16_t bits) {
    E x;
    x.bits = bits;
    return static_cast<float>(x);
}

/// A product that a thread began: c (+)= a b, a from its warp's registers or through a descriptor.
struct begun_product {
    float* c;
    int columns;
    bool adds, a_in_registers;
    float (*number)(std::uint16_t);
    std::array<std::uint32_t, 4> a_registers;
    std::uint64_t a, b;

    bool same_as(const begun_product& x) const { return columns == x.columns && adds == x.adds && number == x.number && a_in_registers == x.a_in_registers && a == x.a && b == x.b; }
};

/// What a warpgroup's threads have begun and not waited for.
struct warpgroup_state {
    std::vector<begun_product> begun[heed::cuda::warpgroup];
    std::vector<std::size_t> ends[heed::cuda::warpgroup];       // of groups among these
    bool ready[heed::cuda::warpgroup] = {};     // registers are, of those that begin
    bool holds[2][heed::cuda::warpgroup] = {};
    unsigned turn[heed::cuda::warpgroup] = {};
};

/// Shared memory as descriptors reach it.
struct descriptor_reader {
    const std::byte* shared;
    std::size_t bytes;

    std::uint16_t at(std::uint32_t address) const {
        if (address < first_shared_address || address - first_shared_address + 2 > bytes) throw std::logic_error("a descriptor leads out of shared memory");
        std::uint16_t bits;
        std::memcpy(&bits, shared + (address - first_shared_address), 2);
        return bits;
    }
    /// 16 numbers of a row's sum.
    std::array<float, 16> row(const begun_product& p, std::uint64_t descriptor, int row, bool by_rows) const {
        const auto d = heed::cuda::matrix_descriptor::of(descriptor);
        if (d.base_offset != 0 || d.address % 16 != 0) throw std::logic_error("a descriptor whose atoms lie askew");
        std::array<float, 16> all;
        for (int k = 0; k < 16; ++k) all[static_cast<std::size_t>(k)] = p.number(at(by_rows ? d.by_rows(row, k) : d.by_k(row, k)));
        return all;
    }
};

/// Computes what thread `mine` of a warpgroup holds of a product that all of it began as their number i.
inline void multiply(const warpgroup_state& group, const descriptor_reader& read, int mine, std::size_t number) {
    const begun_product& p = group.begun[mine][number];
    const int lane = mine % 32, first_lane = lane / 4 * 4 + mine / 32 * 32;
    std::array<float, 16> a[2];
    for (int h = 0; h < 2; ++h)
        if (!p.a_in_registers) a[h] = read.row(p, p.a, 16 * (mine / 32) + lane / 4 + 8 * h, false);
        else
            for (int k = 0; k < 16; ++k) {
                const std::uint32_t bits = group.begun[first_lane + k % 8 / 2][number].a_registers[static_cast<std::size_t>(h + k / 8 * 2)];
                a[h][static_cast<std::size_t>(k)] = p.number(static_cast<std::uint16_t>(k % 2 ? bits >> 16 : bits));
            }
    for (int n = 0; n < p.columns; ++n)
        for (int e = 0; e < 2; ++e) {
            const auto b = read.row(p, p.b, 8 * n + 2 * (lane % 4) + e, p.a_in_registers);
            for (int h = 0; h < 2; ++h) {
                float& c = p.c[4 * n + 2 * h + e];
                float sum = p.adds ? c : 0;
                for (std::size_t k = 0; k < 16; ++k) sum += a[h][k] * b[k];
                c = sum;
            }
        }
}

}  // namespace simulated
