// expect: gather_wants_integer_ids<float
// The numbers of rows are int.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct word  : heed::axis<100> {};
struct model : heed::axis<16> {};
int main() {
    heed::tensor<float, word, model> table;
    heed::tensor<float, token> ids;
    auto x = heed::gather<word>(table, ids);
}
