// One unit of a program whose units are built for different machines.
#include "unit.hpp"

#include <heed/error.hpp>
#include <heed/target.hpp>

#define HEED_UNIT_(name) unit_##name
#define HEED_UNIT(name) HEED_UNIT_(name)

namespace heed::inline HEED_TARGET {

// Not inlined, so that the linker has a choice to make where two units share the name.
template <class T>
[[gnu::noinline]] const char* built_for(T) { return HEED_TEXT(HEED_TARGET); }

}  // namespace heed::inline HEED_TARGET

ran HEED_UNIT(UNIT)() { return {HEED_TEXT(HEED_TARGET), heed::built_for(0)}; }
