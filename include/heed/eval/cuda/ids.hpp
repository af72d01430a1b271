/// Ids in the memory of a GPU: those that are no row of their table are noted, and thrown where the host next waits.
#pragma once

#include <heed/eval/cuda/block.hpp>
#include <heed/eval/cuda/space.hpp>
#include <heed/eval/lower.hpp>

#include <string_view>

namespace heed::inline HEED_TARGET::cuda {

/// The first fault that a kernel found, in memory that the host reads as well. Its text is the host's.
struct fault {
    int found = 0;
    index id = 0, rows = 0;
    const char* axis = nullptr;
    std::size_t letters = 0;
};

/// Whether a fault was found; as an exception, once.
inline void throw_fault(fault& of) {
    if (!of.found) return;
    const fault now = of;
    of.found = 0;
    heed::detail::throw_id_outside({now.axis, now.letters}, now.id, now.rows);
}

/// The axis of a table, which ids are to lie on, and where those that do not are noted.
struct id_limit {
    index rows;
    const char* axis;
    std::size_t letters;
    fault* note;

    id_limit(index rows_of_table, std::string_view name, fault* where) : rows(rows_of_table), axis(name.data()), letters(name.size()), note(where) {}
    /// Whether an id is no row; the first that is none is noted.
    template <class Block>
    HEED_HOST_DEVICE bool excludes(Block& block, index id) const {
        const bool outside = id < 0 || id >= rows;
        if (outside && block.claim(note->found)) note->id = id, note->rows = rows, note->axis = axis, note->letters = letters;
        return outside;
    }
};

/// Notes an id that is outside the axis of a table.
template <int R>
struct check_ids {
    static constexpr int threads = 256;
    heed::detail::strided<const on<std::int32_t>, R> ids;
    index count;
    id_limit limit;

    template <class Block>
    HEED_HOST_DEVICE void operator()(Block& block) const {
        const index n = block.number() * threads + block.thread();
        if (n >= count) return;
        index at = 0;
        for (index d = R, rest = n; d-- > 0; rest /= ids.size[d]) at += rest % ids.size[d] * ids.stride[d];
        limit.excludes(block, ids.data[at].value);
    }
};

}  // namespace heed::inline HEED_TARGET::cuda
