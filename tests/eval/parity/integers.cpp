#include "../agreement.hpp"

TEMPLATE_TEST_CASE("the CPU computes what the reference computes: integers", "", float, double) {
    cases::agreement<TestType> check;
    cases::integers(check);
    cases::tables(check);
}
