// expect: rename_axis_is_not_in_the_operand<.*query.*token
// There is no query to be called key.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct query : heed::axis<5> {};
struct key   : heed::axis<5> {};
struct depth : heed::axis<8> {};
int main() {
    heed::tensor<float, token, depth> x;
    auto k = heed::rename<query, key>(x);
}
