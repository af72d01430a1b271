// expect: gather_axis_is_not_in_the_table<.*token.*word.*model
// The rows of the table are called word.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct word  : heed::axis<100> {};
struct model : heed::axis<16> {};
int main() {
    heed::tensor<float, word, model> table;
    heed::tensor<int, token> ids;
    auto x = heed::gather<token>(table, ids);
}
