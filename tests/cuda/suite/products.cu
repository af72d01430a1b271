#include "agreement.hpp"

TEST_CASE("the GPU computes what the reference computes: contractions") {
    device_agreement<float, cases::product_operands> check;
    cases::contractions(check);
    cases::awkward_products(check);
}
TEST_CASE("the GPU computes what the reference computes: epilogues") {
    device_agreement<float, cases::product_operands> check;
    cases::epilogues(check);
    cases::finished_products(check);
    cases::unfinished_products(check);
}
