// The kernels of a GPU, run on the host thread by thread, compute what the reference computes. (Products: product.cpp.)
#include "agreement.hpp"

TEST_CASE("a GPU computes what the reference computes: elementwise") {
    simulated_agreement<float> check;
    cases::arithmetic(check);
    cases::functions(check);
    cases::conditions(check);
}
TEST_CASE("a GPU computes what the reference computes: rows") {
    simulated_agreement<float> check;
    cases::reductions(check);
    cases::rows(check);
}
TEST_CASE("a GPU computes what the reference computes: integers, tables and names") {
    simulated_agreement<float> check;
    cases::integers(check);
    cases::tables(check);
    cases::names(check);
}
TEST_CASE("a GPU computes what the reference computes: ragged batches") {
    simulated_agreement<float> check;
    cases::ragged_batches(check);
}
TEST_CASE("a GPU computes what the reference computes: in double") {
    simulated_agreement<double> check;
    cases::functions(check);
    cases::rows(check);
}
