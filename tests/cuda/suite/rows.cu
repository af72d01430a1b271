#include "agreement.hpp"

TEST_CASE("the GPU computes what the reference computes: rows") {
    device_agreement<float> check;
    cases::reductions(check);
    cases::rows(check);
}
