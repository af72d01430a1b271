// expect: extent_of_an_axis_that_is_not_in_the_operand<.*hidden.*token
// The operand has no hidden whose size could be told.
#include <heed/heed.hpp>
struct token  : heed::axis<5> {};
struct hidden : heed::axis<32> {};
int main() {
    heed::tensor<float, token> x;
    auto n = heed::extent_of<hidden>(x);
}
