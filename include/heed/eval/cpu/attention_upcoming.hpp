/// Rows of tensors that will be read or written soon, asked for from memory line by line while there is other work.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "attention_pack.hpp"
#include "attention_shape.hpp"

namespace heed::inline HEED_TARGET::cpu::attention_detail {

/// A list of such rows and how far it has been worked off. To ask for many lines at once would stop the work itself: a core
/// waits for some twenty at a time.
class upcoming {
public:
    void clear() { count_ = 0; }

    /// The next rows that are read or, with Write, written: `rows` of them from `row` on, where they lie at one distance.
    template <int Write, class T> void add(const T* row, std::ptrdiff_t stride, std::ptrdiff_t rows, const tiles::columns& inner) {
        if (rows <= 0 || inner.stride != 1) return;
        for (std::ptrdiff_t o = 0; o < inner.outer && count_ < most; ++o) {
            const T* const first = row + o * inner.outer_stride;
            const auto misaligned = static_cast<std::ptrdiff_t>(reinterpret_cast<std::uintptr_t>(first) % line);
            const std::ptrdiff_t bytes = inner.size * static_cast<std::ptrdiff_t>(sizeof(T)) + misaligned;
            lists_[count_++] = {reinterpret_cast<const char*>(first) - misaligned, stride * static_cast<std::ptrdiff_t>(sizeof(T)), rows, (bytes + line - 1) / line, Write == 1};
        }
    }

    /// The list is complete, and will be asked for in so many parts.
    void share_out(std::ptrdiff_t parts) {
        std::ptrdiff_t lines = 0;
        for (int i = 0; i < count_; ++i) lines += lists_[i].rows * lists_[i].lines;
        each_ = (lines + parts - 1) / std::max<std::ptrdiff_t>(parts, 1);
        at_ = 0;
        row_ = asked_ = 0;
    }

    /// Asks for the next part.
    HEED_INLINE void operator()() { ask(each_); }

    /// Asks for what is missing of so many parts.
    HEED_INLINE void reach(std::ptrdiff_t parts) { ask(parts * each_ - asked_); }

private:
    /// (Inlined since g++ drops calls of functions that do nothing but this.)
    HEED_INLINE void ask(std::ptrdiff_t lines) {
        while (lines > 0 && at_ < count_) {
            list& l = lists_[at_];
            for (; row_ < l.rows && lines > 0; ++row_, l.row += l.stride, lines -= l.lines, asked_ += l.lines)
                for (std::ptrdiff_t i = 0; i < l.lines; ++i) {
                    if (l.write) __builtin_prefetch(l.row + i * line, 1);
                    else __builtin_prefetch(l.row + i * line, 0, 2);
                }
            if (row_ == l.rows) row_ = 0, ++at_;
        }
    }

    static constexpr std::ptrdiff_t line = 64;
    static constexpr int most = 16;

    struct list { const char* row; std::ptrdiff_t stride, rows, lines; bool write; };
    list lists_[most];
    int count_ = 0, at_ = 0;
    std::ptrdiff_t each_ = 0, row_ = 0, asked_ = 0;
};

}  // namespace heed::inline HEED_TARGET::cpu::attention_detail
