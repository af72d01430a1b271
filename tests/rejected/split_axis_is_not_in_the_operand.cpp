// expect: split_axis_is_not_in_the_operand<.*hidden.*token.*model
// There is no hidden to split.
#include <heed/heed.hpp>
struct token  : heed::axis<5> {};
struct model  : heed::axis<16> {};
struct hidden : heed::axis<32> {};
struct head   : heed::axis<4> {};
struct depth  : heed::axis<8> {};
int main() {
    heed::tensor<float, token, model> x;
    auto heads = heed::split<hidden, head, depth>(x);
}
