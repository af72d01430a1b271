// expect: log_softmax_axis_is_not_in_the_operand<.*key.*token
// The positions of the scores are called token; nothing of them is called key.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct key   : heed::axis<5> {};
struct depth : heed::axis<8> {};
int main() {
    heed::tensor<float, token, depth> q, k;
    auto weights = heed::log_softmax<key>(heed::dot<depth>(q, k));
}
