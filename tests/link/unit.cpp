// One unit of a program whose units are built for different machines.
#include "unit.hpp"

#include <heed/heed.hpp>

#define HEED_UNIT_(name) unit_##name
#define HEED_UNIT(name) HEED_UNIT_(name)

namespace heed::inline HEED_TARGET {

// Not inlined, so that the linker has a choice to make where two units share the name.
template <class T>
[[gnu::noinline]] const char* built_for(T) { return HEED_TEXT(HEED_TARGET); }

}  // namespace heed::inline HEED_TARGET

// The same names in every unit, as two files of one project share them.
struct query : heed::axis<> {};
struct key   : heed::axis<> {};
struct depth : heed::axis<32> {};

ran HEED_UNIT(UNIT)() {
    using namespace heed;
    tensor<float, query, depth> q(query{40});
    tensor<float, key, depth> k(key{50});
    q = 0.01f * position<query>() - 0.02f * position<depth>();
    k = 0.03f * position<key>() + broadcast<key>(exp(-0.1f * position<depth>()));
    tensor<float, query, depth> read = dot<key>(softmax<key>(where(position<key>() <= position<query>(), dot<depth>(q, k), -infinity)), k);
    return {HEED_TEXT(HEED_TARGET), built_for(0), sum<query, depth>(read)};
}
