#include "../agreement.hpp"

TEMPLATE_TEST_CASE("the CPU computes what the reference computes: contractions", "", float, double) {
    cases::agreement<TestType> check;
    cases::contractions(check);
}
