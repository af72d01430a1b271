/// The exceptions that heed throws. Each says in words what is wrong, with the names and numbers in the text.
#pragma once

#include <stdexcept>
#include <string>

namespace heed {

/// Two sizes of one axis differ, or a size is missing, when the program runs.
struct shape_error : std::invalid_argument { using invalid_argument::invalid_argument; };

/// A value that the operation has no meaning for: an index outside its table, a NaN among logits, a negative rate.
struct value_error : std::invalid_argument { using invalid_argument::invalid_argument; };

/// A file that cannot be read, written or believed. The text begins with the file's name and, where it has lines, the line.
struct file_error : std::runtime_error { using runtime_error::runtime_error; };

/// A device that is not there or does not answer.
struct device_error : std::runtime_error { using runtime_error::runtime_error; };

}  // namespace heed
