#include "agreement.hpp"

TEST_CASE("the GPU computes what the reference computes: ragged batches") {
    device_agreement<float> check;
    cases::ragged_batches(check);
}
