// expect: dot_axis_is_not_in_the_first_operand<key, ?heed.*axes<batch, ?query, ?depth>
// matmul(query, key) without the key's transpose would sum over the key's rows, which a query has not: it is dot<depth> that is meant.
#include <heed/heed.hpp>
struct batch : heed::axis<2>  {};
struct query : heed::axis<5>  {};
struct key   : heed::axis<5>  {};
struct depth : heed::axis<16> {};
int main() {
    heed::tensor<float, batch, query, depth> q;
    heed::tensor<float, batch, key, depth> k, v;
    auto scores = heed::dot<key>(q, k) / 4.0f;
    heed::tensor<float, batch, query, depth> out = heed::dot<key>(heed::softmax<key>(scores), v);
}
