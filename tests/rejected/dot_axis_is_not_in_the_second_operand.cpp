// expect: dot_axis_is_not_in_the_second_operand<.*model.*hidden
// The sum runs over model, which the second operand has not.
#include <heed/heed.hpp>
struct token  : heed::axis<5> {};
struct model  : heed::axis<16> {};
struct hidden : heed::axis<32> {};
int main() {
    heed::tensor<float, token, model> x;
    heed::tensor<float, hidden> w;
    auto y = heed::dot<model>(x, w);
}
