#include "../agreement.hpp"

TEMPLATE_TEST_CASE("the CPU computes what the reference computes: ragged", "", float, double) {
    cases::agreement<TestType> check;
    cases::ragged_batches(check);
}
