// expect: tensors_of_different_spaces_do_not_mix<bool, elsewhere<float>
// A mask in ordinary memory chooses among values that live elsewhere.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct other_memory {};
template <class T> struct elsewhere {};
template <class T> struct heed::element<elsewhere<T>> { using value = T; using space = other_memory; };
auto choose(const heed::tensor<bool, token>& mask, const heed::tensor<elsewhere<float>, token>& x) { return heed::where(mask, x, x); }
