// expect: destination_lacks_an_axis_of_the_result<.*hidden
// The product has a hidden; the tensor that it is assigned to has not.
#include <heed/heed.hpp>
struct token  : heed::axis<5> {};
struct model  : heed::axis<16> {};
struct hidden : heed::axis<32> {};
int main() {
    heed::tensor<float, token, model> x, y;
    heed::tensor<float, model, hidden> w;
    y = heed::dot<model>(x, w);
}
