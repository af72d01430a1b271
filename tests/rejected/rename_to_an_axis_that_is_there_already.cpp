// expect: rename_to_an_axis_that_is_there_already<.*key
// Two axes of one tensor would be called key.
#include <heed/heed.hpp>
struct query : heed::axis<5> {};
struct key   : heed::axis<5> {};
int main() {
    heed::tensor<float, query, key> scores;
    auto twice = heed::rename<query, key>(scores);
}
