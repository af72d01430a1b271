// expect: split_into_an_axis_that_is_there_already<.*head
// The operand has a head already.
#include <heed/heed.hpp>
struct head  : heed::axis<4> {};
struct model : heed::axis<16> {};
struct depth : heed::axis<4> {};
int main() {
    heed::tensor<float, head, model> x;
    auto heads = heed::split<model, head, depth>(x);
}
