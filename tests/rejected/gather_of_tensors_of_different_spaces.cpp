// expect: tensors_of_different_spaces_do_not_mix<elsewhere<float>, int
// Ids in ordinary memory of a table that lives elsewhere.
#include <heed/heed.hpp>
struct token : heed::axis<5> {};
struct model : heed::axis<16> {};
struct other_memory {};
template <class T> struct elsewhere {};
template <class T> struct heed::element<elsewhere<T>> { using value = T; using space = other_memory; };
auto rows(const heed::tensor<elsewhere<float>, model>& table, const heed::tensor<int, token>& ids) { return heed::gather<model>(table, ids); }
