// expect: merge_sizes_do_not_multiply_to_the_axis<.*model.*16.*32
// 4 heads of 8 are 32, not 16.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct head  : heed::axis<4> {};
struct depth : heed::axis<8> {};
struct model : heed::axis<16> {};
int main() {
    heed::tensor<float, token, head, depth> x;
    auto y = heed::merge<head, depth, model>(x);
}
