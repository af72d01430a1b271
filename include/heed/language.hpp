/// The language without a backend: what can be written, and how it is planned.
#pragma once

#include <heed/eval/attention.hpp>
#include <heed/eval/by_rows.hpp>
#include <heed/eval/evaluate.hpp>
#include <heed/eval/explain.hpp>
#include <heed/eval/scatter.hpp>
#include <heed/expr/axes.hpp>
#include <heed/expr/lengths.hpp>
#include <heed/expr/random.hpp>
#include <heed/tensor.hpp>
