// expect: max_axis_is_not_in_the_operand<.*hidden.*token.*model
// A maximum over an axis that the operand has not: it has token and model, not hidden.
#include <heed/heed.hpp>
struct token  : heed::axis<5> {};
struct model  : heed::axis<16> {};
struct hidden : heed::axis<32> {};
int main() {
    heed::tensor<float, token, model> x;
    auto y = heed::max<hidden>(x);
}
