// expect: split_sizes_do_not_multiply_to_the_axis<.*model.*16.*32
// 4 heads of 8 are 32, not 16.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct model : heed::axis<16> {};
struct head  : heed::axis<4> {};
struct depth : heed::axis<8> {};
int main() {
    heed::tensor<float, token, model> x;
    auto heads = heed::split<model, head, depth>(x);
}
