// expect: element_of_another_space_is_read_from_a_copy_on_the_host<elsewhere<float>
// An element of a tensor that does not live in ordinary memory, as of a cuda::tensor: `tensor<float, token> here = there` copies it.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct other_memory {};
template <class T> struct elsewhere { T value; };
template <class T> struct heed::element<elsewhere<T>> { using value = T; using space = other_memory; };
float third(const heed::view<elsewhere<float>, token>& x) { return x(2); }
