// expect: tensors_of_different_spaces_do_not_mix<float, elsewhere<float>
// A comparison of a tensor in ordinary memory with one that lives elsewhere.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct other_memory {};
template <class T> struct elsewhere {};
template <class T> struct heed::element<elsewhere<T>> { using value = T; using space = other_memory; };
auto compare(const heed::tensor<float, token>& x, const heed::tensor<elsewhere<float>, token>& y) { return x < y; }
