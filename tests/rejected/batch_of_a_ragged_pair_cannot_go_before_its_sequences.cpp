// expect: batch_of_a_ragged_pair_cannot_go_before_its_sequences<.*text
// The texts have lengths of their own: what would their sum over texts be at a token that only some of them have?
#include <heed/heed.hpp>
struct text  : heed::axis<> {};
struct token : heed::axis<> {};
struct model : heed::axis<16> {};
int main() {
    heed::tensor<float, heed::ragged<text, token>, model> x(heed::ragged<text, token>{3, 1});
    auto y = heed::sum<text>(x);
}
