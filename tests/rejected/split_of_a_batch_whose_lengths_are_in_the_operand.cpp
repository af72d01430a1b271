// expect: split_of_a_batch_whose_lengths_are_in_the_operand<batch, heed::axes<batch
// The lengths of the sequences lie one after another along batch; split the tensor that they are compared with first.
#include <heed/heed.hpp>
struct batch : heed::axis<6> {};
struct token : heed::axis<>  {};
struct group : heed::axis<2> {};
struct text  : heed::axis<3> {};
int main() {
    heed::tensor<float, heed::ragged<batch, token>> x;
    auto y = heed::split<batch, group, text>(heed::lengths<token>(x));
}
