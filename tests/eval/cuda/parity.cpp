// The kernels of a GPU, run on the host thread by thread, compute what the reference computes.
#include "agreement.hpp"

TEMPLATE_TEST_CASE("a GPU computes what the reference computes: elementwise", "", float, double) {
    device_agreement<TestType> check;
    cases::arithmetic(check);
    cases::functions(check);
    cases::conditions(check);
}
TEMPLATE_TEST_CASE("a GPU computes what the reference computes: rows", "", float, double) {
    device_agreement<TestType> check;
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
