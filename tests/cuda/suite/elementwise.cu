#include "agreement.hpp"

TEST_CASE("the GPU computes what the reference computes: elementwise") {
    gpu_agreement<float> check;
    cases::arithmetic(check);
    cases::functions(check);
    cases::conditions(check);
}
