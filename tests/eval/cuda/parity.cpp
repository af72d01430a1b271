// The kernels of a GPU, run on the host thread by thread, compute what the reference computes. (Products: product.cpp.)
#include "agreement.hpp"

TEST_CASE("a GPU computes what the reference computes: elementwise") {
    device_agreement<float> check;
    cases::arithmetic(check);
    cases::functions(check);
    cases::conditions(check);
}
TEST_CASE("a GPU computes what the reference computes: rows") {
    device_agreement<float> check;
    cases::reductions(check);
    cases::rows(check);
}
TEST_CASE("a GPU computes what the reference computes: integers, tables and names") {
    device_agreement<float> check;
    cases::integers(check);
    cases::tables(check);
    cases::names(check);
}
TEST_CASE("a GPU computes what the reference computes: ragged batches") {
    device_agreement<float> check;
    cases::ragged_batches(check);
}
TEST_CASE("a GPU computes what the reference computes: in double") {
    device_agreement<double> check;
    cases::functions(check);
    cases::rows(check);
}
