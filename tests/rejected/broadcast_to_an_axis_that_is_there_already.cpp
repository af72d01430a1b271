// expect: broadcast_to_an_axis_that_is_there_already<.*token
// The values vary along token already.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct model : heed::axis<16> {};
int main() {
    heed::tensor<float, token> x;
    auto y = heed::broadcast<token>(x);
}
