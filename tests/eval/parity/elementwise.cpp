#include "../agreement.hpp"

TEMPLATE_TEST_CASE("the CPU computes what the reference computes: elementwise", "", float, double) {
    cases::agreement<TestType> check;
    cases::arithmetic(check);
    cases::functions(check);
    cases::conditions(check);
}
