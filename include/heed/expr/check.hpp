/// A mistake is one error, in words, in the compiler's first line.
///
/// Each name below is a sentence and is never defined. An operation that is used wrongly asks for the size of the one that
/// says what is wrong, and returns a `stand_in`, which every other operation and assignment hands on unchecked.
#pragma once

#include <heed/element.hpp>
#include <heed/axis.hpp>

#include <cstddef>

namespace heed {

namespace error {

// reductions, softmax, dot
template <class Axis, class Operand> struct sum_axis_is_not_in_the_operand;
template <class Axis, class Operand> struct mean_axis_is_not_in_the_operand;
template <class Axis, class Operand> struct max_axis_is_not_in_the_operand;
template <class Axis, class Operand> struct min_axis_is_not_in_the_operand;
template <class Axis, class Operand> struct logsumexp_axis_is_not_in_the_operand;
template <class Axis, class Operand> struct softmax_axis_is_not_in_the_operand;
template <class Axis, class Operand> struct log_softmax_axis_is_not_in_the_operand;
template <class Axis, class First, class Second> struct dot_axis_is_not_in_the_first_operand;
template <class Axis, class Second, class First> struct dot_axis_is_not_in_the_second_operand;
template <class Outer, class Operand> struct batch_of_a_ragged_pair_cannot_go_before_its_sequences;
// elements
template <class Left, class Right> struct element_types_do_not_mix_without_as;
template <class Left, class Right> struct tensors_of_different_spaces_do_not_mix;
template <class Left, class Right> struct comparison_of_a_mask_with_a_number;
template <class Operand> struct logic_wants_masks_not_numbers;
template <class Condition> struct where_condition_is_not_a_mask;
template <class Ids> struct gather_wants_integer_ids;
template <class Axis, class Table> struct gather_axis_is_not_in_the_table;
template <class Axis, class Table, class Ids> struct gather_ids_share_an_axis_with_the_table;
// renaming, splitting, merging, broadcasting, indexing
template <class Axis, class Operand> struct rename_axis_is_not_in_the_operand;
template <class Axis, class Operand> struct rename_to_an_axis_that_is_there_already;
template <std::ptrdiff_t From, std::ptrdiff_t To> struct rename_to_an_axis_of_another_extent;
template <class Axis, class Operand> struct split_axis_is_not_in_the_operand;
template <class Axis, class Operand> struct split_into_an_axis_that_is_there_already;
template <class Axis, std::ptrdiff_t Extent, std::ptrdiff_t Product> struct split_sizes_do_not_multiply_to_the_axis;
template <class Axis, class Operand> struct split_of_a_batch_whose_lengths_are_in_the_operand;
template <class Axis> struct split_into_axes_without_sizes_needs_a_type_with_sizes;
template <class Axis, class Operand> struct merge_axis_is_not_in_the_operand;
template <class Axis, class Operand> struct merge_to_an_axis_that_is_there_already;
template <class Axis, std::ptrdiff_t Extent, std::ptrdiff_t Product> struct merge_sizes_do_not_multiply_to_the_axis;
template <class Axis, class Operand> struct broadcast_to_an_axis_that_is_there_already;
template <class Axis, class Tensor> struct index_axis_is_not_in_the_tensor;
template <class Axis, class Operand> struct extent_of_an_axis_that_is_not_in_the_operand;
template <class Element> struct element_of_another_space_is_read_from_a_copy_on_the_host;
// assignment
template <class Axis, class Destination> struct destination_lacks_an_axis_of_the_result;
template <class Axis, class Result> struct result_lacks_an_axis_of_the_destination_use_broadcast;
template <class Destination, class Result> struct destination_has_another_element_type_than_the_result_use_as;

}  // namespace error

}  // namespace heed
