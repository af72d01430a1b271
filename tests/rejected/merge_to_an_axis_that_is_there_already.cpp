// expect: merge_to_an_axis_that_is_there_already<.*hidden
// The operand has a hidden already.
#include <heed/heed.hpp>
struct head   : heed::axis<4> {};
struct depth  : heed::axis<8> {};
struct hidden : heed::axis<32> {};
int main() {
    heed::tensor<float, hidden, head, depth> x;
    auto y = heed::merge<head, depth, hidden>(x);
}
