/// The language, the kernels for the CPU, layers and trainers.
#pragma once

#include <heed/language.hpp>
#include <heed/eval/reference/backend.hpp>
#include <heed/nn/parameter.hpp>

namespace heed::inline HEED_TARGET { template <> struct backend_of<host> : reference::backend {}; }
