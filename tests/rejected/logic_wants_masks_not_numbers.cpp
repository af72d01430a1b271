// expect: logic_wants_masks_not_numbers<float
// A number is no mask: x != 0 says which of them count.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
int main() {
    heed::tensor<float, token> x;
    auto both = x && heed::position<token>() < 3;
}
