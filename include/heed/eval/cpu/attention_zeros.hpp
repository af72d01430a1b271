/// Rows that see nothing, and keys that nothing sees: their places are set to zero, those of neighbouring heads in one go.
#pragma once

#include <algorithm>
#include <cstddef>

#include "attention_shape.hpp"

namespace heed::inline HEED_TARGET::cpu::attention_detail {

/// Gathers places that lie side by side, as the same rows of neighbouring heads do, and sets them to zero when others follow,
/// or at its end: memory takes whole rows faster than a few lines of each.
template <class T> class zeros {
public:
    zeros() = default;
    zeros(const zeros&) = delete;
    zeros& operator=(const zeros&) = delete;
    ~zeros() { write(); }

    /// Rows row0 to row1 of an operand.
    void rows(const problem& p, const attention_operand<T>& x, std::ptrdiff_t row0, std::ptrdiff_t row1, const tiles::columns& inner) {
        if (row0 == row1) return;
        std::ptrdiff_t stride = 0;
        row_cursor<T> row(p, x, row0);
        if (rows_are_even(p, x, stride)) return add(*row, stride, row1 - row0, inner);
        for (std::ptrdiff_t i = row0; i < row1; ++i, ++row) add(*row, 0, 1, inner);
    }

    /// Keys key0 to key1.
    void keys(const problem& p, const attention_operand<T>& x, std::ptrdiff_t key0, std::ptrdiff_t key1, const tiles::columns& inner) {
        if (key0 == key1) return;
        add(p.base(x) + key0 * x.key, x.key, key1 - key0, inner);
    }

private:
    void add(T* row, std::ptrdiff_t stride, std::ptrdiff_t rows, const tiles::columns& inner) {
        for (std::ptrdiff_t o = 0; o < inner.outer; ++o, row += inner.outer_stride) {
            if (inner.stride == 1) add(row, stride, rows, inner.size);
            else
                for (std::ptrdiff_t i = 0; i < inner.size; ++i) add(row + i * inner.stride, stride, rows, 1);
        }
    }

    void add(T* row, std::ptrdiff_t stride, std::ptrdiff_t rows, std::ptrdiff_t width) {
        if (rows == rows_ && stride == stride_ && row == row_ + width_) {
            width_ += width;
            return;
        }
        write();
        row_ = row, stride_ = stride, rows_ = rows, width_ = width;
    }

    void write() {
        if (width_ == stride_) width_ *= rows_, rows_ = std::min<std::ptrdiff_t>(rows_, 1);   // one row after the other
        for (; rows_ > 0; --rows_, row_ += stride_) std::fill(row_, row_ + width_, T(0));
    }

    T* row_ = nullptr;
    std::ptrdiff_t stride_ = 0, rows_ = 0, width_ = 0;
};

}  // namespace heed::inline HEED_TARGET::cpu::attention_detail
