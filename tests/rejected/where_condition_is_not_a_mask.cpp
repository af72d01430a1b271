// expect: where_condition_is_not_a_mask<float
// A number is no condition: x > 0 is one.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
int main() {
    heed::tensor<float, token> x;
    auto y = heed::where(x, 1.0f, 0.0f);
}
