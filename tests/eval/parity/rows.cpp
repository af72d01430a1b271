#include "../agreement.hpp"

TEMPLATE_TEST_CASE("the CPU computes what the reference computes: rows", "", float, double) {
    cases::agreement<TestType> check;
    cases::rows(check);
}
