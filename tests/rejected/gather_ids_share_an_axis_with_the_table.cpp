// expect: gather_ids_share_an_axis_with_the_table<.*model
// Which model would the result have: that of the ids or that of the table?
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct word  : heed::axis<100> {};
struct model : heed::axis<16> {};
int main() {
    heed::tensor<float, word, model> table;
    heed::tensor<int, token, model> ids;
    auto x = heed::gather<word>(table, ids);
}
