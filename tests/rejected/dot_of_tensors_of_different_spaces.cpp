// expect: tensors_of_different_spaces_do_not_mix<float, elsewhere<float>
// A product of a tensor in ordinary memory and one that lives elsewhere.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct model : heed::axis<16> {};
struct other_memory {};
template <class T> struct elsewhere {};
template <class T> struct heed::element<elsewhere<T>> { using value = T; using space = other_memory; };
auto product(const heed::tensor<float, token, model>& x, const heed::tensor<elsewhere<float>, model>& y) { return heed::dot<model>(x, y); }
