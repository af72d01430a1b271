// Cases on the GPU.
#pragma once

#include <heed/cuda.hpp>

#include "../../eval/cuda/device_agreement.hpp"
#include "../../eval/cuda/product_cases.hpp"
