// expect: destination_has_another_element_type_than_the_result_use_as<float, double
// A double is not cut down to float unasked: as<float>(x) does it.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
int main() {
    heed::tensor<double, token> x;
    heed::tensor<float, token> y;
    y = 2 * x;
}
