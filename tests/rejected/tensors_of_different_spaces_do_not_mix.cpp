// expect: tensors_of_different_spaces_do_not_mix<float, elsewhere<float>
// A tensor in ordinary memory and one that lives elsewhere, here in a space made up for this program.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct other_memory {};
template <class T> struct elsewhere {};
template <class T> struct heed::element<elsewhere<T>> { using value = T; using space = other_memory; };
auto sum(const heed::tensor<float, token>& x, const heed::tensor<elsewhere<float>, token>& y) { return x + y; }
