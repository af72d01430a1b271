#include "../agreement.hpp"

TEMPLATE_TEST_CASE("the CPU computes what the reference computes: names", "", float, double) {
    cases::agreement<TestType> check;
    cases::names(check);
}
