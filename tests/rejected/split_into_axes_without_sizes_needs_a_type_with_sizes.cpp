// expect: split_into_axes_without_sizes_needs_a_type_with_sizes<.*model
// How many heads? Neither the types nor an argument says it: split<model, head, depth>(x, depth{8}) does.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct model : heed::axis<16> {};
struct head  : heed::axis<> {};
struct depth : heed::axis<> {};
int main() {
    heed::tensor<float, token, model> x;
    auto heads = heed::split<model, head, depth>(x);
}
