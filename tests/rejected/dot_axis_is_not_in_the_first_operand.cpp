// expect: dot_axis_is_not_in_the_first_operand<.*hidden.*token.*model
// The sum runs over hidden, which the first operand has not.
#include <heed/heed.hpp>
struct token  : heed::axis<5> {};
struct model  : heed::axis<16> {};
struct hidden : heed::axis<32> {};
int main() {
    heed::tensor<float, token, model> x;
    heed::tensor<float, model, hidden> w;
    auto y = heed::dot<hidden>(x, w);
}
