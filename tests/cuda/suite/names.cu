#include "agreement.hpp"

TEST_CASE("the GPU computes what the reference computes: integers, tables and names") {
    device_agreement<float> check;
    cases::integers(check);
    cases::tables(check);
    cases::names(check);
}
