// expect: comparison_of_a_mask_with_a_number<bool
// 0 <= i < 3 compares a mask with 3, which holds everywhere: 0 <= i && i < 3 is meant.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
int main() {
    heed::tensor<float, token> x;
    x = heed::where(0 <= heed::position<token>() < 3, x, 0.0f);
}
