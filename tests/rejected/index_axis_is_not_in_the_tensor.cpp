// expect: index_axis_is_not_in_the_tensor<.*hidden.*token.*model
// A position along hidden, which the tensor has not.
#include <heed/heed.hpp>
struct token  : heed::axis<5> {};
struct model  : heed::axis<16> {};
struct hidden : heed::axis<32> {};
int main() {
    heed::tensor<float, token, model> x;
    auto row = x(hidden{3});
}
