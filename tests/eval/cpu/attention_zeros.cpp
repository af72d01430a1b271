// Places that are set to zero, neighbouring heads together, and nothing beside them.
#include <catch2/catch.hpp>

#include <heed/eval/cpu/attention_zeros.hpp>

#include <vector>

namespace {

using namespace heed::cpu;
using namespace heed::cpu::attention_detail;

/// {rows, heads, width} with gaps: `head_stride` from head to head, `row_stride` from row to row, columns `step` apart.
struct memory {
    std::ptrdiff_t head_stride, row_stride, step = 1;
    std::vector<float> numbers = std::vector<float>(4000, 1.0f);

    attention_operand<float> operand() {
        attention_operand<float> x;
        x.data = numbers.data();
        x.batch[0] = head_stride;
        x.row[0] = x.key = row_stride;
        x.inner[1] = step;
        return x;
    }
};

}  // namespace

TEST_CASE("the rows and keys that are named become zero, and no others", "[attention]") {
    constexpr std::ptrdiff_t heads = 3, rows = 10, width = 5;
    attention_shape shape;
    shape.value[1] = width;
    const memory all[] = {{width, heads * width}, {rows * width, width}, {width + 2, heads * (width + 2)}, {1, heads * width, heads}, {width, heads * width + 1}};
    for (const bool by_key : {false, true})
        for (memory m : all) {
            const attention_operand<float> x = m.operand();
            const std::ptrdiff_t first[heads] = {4, 4, 7};   // of the rows that become zero
            {
                zeros<float> clear;
                for (std::ptrdiff_t h = 0; h < heads; ++h) {
                    const problem p = {{h, 0, 0, 0}, {rows, 1, 1}, rows, rows, 0, 0};
                    if (by_key) clear.keys(p, x, first[h], rows, value_columns(shape, x.inner));
                    else clear.rows(p, x, first[h], rows, value_columns(shape, x.inner));
                }
            }
            memory expected{m.head_stride, m.row_stride, m.step};
            for (std::ptrdiff_t h = 0; h < heads; ++h)
                for (std::ptrdiff_t r = first[h]; r < rows; ++r)
                    for (std::ptrdiff_t c = 0; c < width; ++c) expected.numbers[static_cast<std::size_t>(h * m.head_stride + r * m.row_stride + c * m.step)] = 0;
            CHECK(m.numbers == expected.numbers);
        }
}

TEST_CASE("rows of several axes become zero wherever they lie", "[attention]") {
    attention_shape shape;
    shape.value[1] = 2;
    std::vector<float> numbers(100, 1.0f), expected = numbers;
    attention_operand<float> x;
    x.data = numbers.data();
    x.row[0] = 10, x.row[1] = 3;
    {
        zeros<float> clear;
        const problem p = {{0, 0, 0, 0}, {4, 3, 1}, 12, 1, 0, 0};
        clear.rows(p, x, 5, 12, value_columns(shape, x.inner));
    }
    for (std::size_t row = 5; row < 12; ++row)
        for (std::size_t c = 0; c < 2; ++c) expected[row / 3 * 10 + row % 3 * 3 + c] = 0;
    CHECK(numbers == expected);
}
