// expect: merge_axis_is_not_in_the_operand<.*depth.*token.*head
// There is no depth to merge.
#include <heed/heed.hpp>
struct token  : heed::axis<5> {};
struct head   : heed::axis<4> {};
struct depth  : heed::axis<8> {};
struct hidden : heed::axis<32> {};
int main() {
    heed::tensor<float, token, head> x;
    auto y = heed::merge<head, depth, hidden>(x);
}
