#include "../agreement.hpp"

TEMPLATE_TEST_CASE("the CPU computes what the reference computes: reductions", "", float, double) {
    cases::agreement<TestType> check;
    cases::reductions(check);
}
