// expect: rename_to_an_axis_of_another_extent<5, 16>
// 5 tokens are not 16.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct model : heed::axis<16> {};
struct depth : heed::axis<8> {};
int main() {
    heed::tensor<float, token, depth> x;
    auto y = heed::rename<token, model>(x);
}
