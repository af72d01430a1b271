// expect: element_types_do_not_mix_without_as<(float, double|double, float)
// float and double do not go together unasked: as<double>(x) + y says which it is to be.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
int main() {
    heed::tensor<float, token> x;
    heed::tensor<double, token> y;
    auto z = x + y;
}
