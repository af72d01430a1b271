#include "agreement.hpp"

TEST_CASE("the GPU computes what the reference computes: elementwise") {
    device_agreement<float> check;
    cases::arithmetic(check);
    cases::functions(check);
    cases::conditions(check);
}
