/// The parts of this program. Each prints what it does, and says whether what it claims was so.
#pragma once

#include <filesystem>

namespace by_hand {

bool show_equations();
bool show_steps();
bool show_quiz();
bool show_heads();

/// Prints the attention of matrices that a file holds ("-" is standard input); file_error where they are none.
void attend_to_file(const std::filesystem::path& file);

}  // namespace by_hand
