// The kernels of a GPU, run on the host thread by thread, compute what the reference computes.
#include "simulator.hpp"

#include "../agreement.hpp"

namespace {

template <class T>
struct device_agreement {
    std::vector<cases::operands<T>> here;
    std::vector<cases::operands<heed::cuda::on<T>>> there;
    device_agreement() {
        for (const cases::sizes& n : cases::all_sizes)
            if (n.tokens < 60) here.emplace_back(n), there.emplace_back(n);
    }
    template <class Expression>
    void operator()(const char* name, Expression expression) {
        INFO(name);
        for (std::size_t i = 0; i < here.size(); ++i) {
            INFO(here[i].n);
            const auto expected = heed::reference::eval(expression(here[i]));
            std::remove_cvref_t<decltype(expected)> computed;
            computed = expression(there[i]);
            CHECK(cases::worst(computed, expected) <= cases::tolerance<typename decltype(computed)::value_type>);
        }
    }
};

}  // namespace

TEMPLATE_TEST_CASE("a GPU computes what the reference computes: elementwise", "", float, double) {
    device_agreement<TestType> check;
    cases::arithmetic(check);
    cases::functions(check);
    cases::conditions(check);
}
TEMPLATE_TEST_CASE("a GPU computes what the reference computes: rows", "", float, double) {
    device_agreement<TestType> check;
    cases::reductions(check);
    cases::rows(check);
}
#if ALL
TEST_CASE("a GPU computes what the reference computes: integers, tables and names") {
    device_agreement<float> check;
    cases::integers(check);
    cases::tables(check);
    cases::names(check);
}
TEST_CASE("a GPU computes what the reference computes: contractions") {
    device_agreement<float> check;
    cases::contractions(check);
    cases::epilogues(check);
}
TEST_CASE("a GPU computes what the reference computes: ragged batches") {
    device_agreement<float> check;
    cases::ragged_batches(check);
}
#endif
