/// The language and the reference alone: plain loops, no vector instructions, nothing to install. For a port to a new
/// machine, and for whoever wants to see that the kernels change nothing. It is included instead of heed/heed.hpp.
#pragma once

#if defined(HEED_TARGET)
#error "heed: heed/reference.hpp stands in for heed/heed.hpp and comes before every other header of heed"
#endif
#define HEED_REFERENCE_ALONE 1

#include <heed/language.hpp>
#include <heed/eval/reference/backend.hpp>

namespace heed::inline HEED_TARGET {
template <> struct backend_of<host> : reference::backend {};
}  // namespace heed::inline HEED_TARGET
