// expect: result_lacks_an_axis_of_the_destination_use_broadcast<.*model
// Nothing is repeated along model unasked: broadcast<model>(mean) does it.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct model : heed::axis<16> {};
int main() {
    heed::tensor<float, token, model> x;
    x = heed::mean<model>(x);
}
