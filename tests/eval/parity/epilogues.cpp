#include "../agreement.hpp"

TEMPLATE_TEST_CASE("the CPU computes what the reference computes: epilogues", "", float, double) {
    cases::agreement<TestType> check;
    cases::epilogues(check);
}
