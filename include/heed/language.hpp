/// The language without a backend: what can be written, and how it is planned.
#pragma once

#include <heed/eval/evaluate.hpp>
#include <heed/expr/axes.hpp>
#include <heed/expr/lengths.hpp>
#include <heed/tensor.hpp>
