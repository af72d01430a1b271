// The attention of matrices in a file.
#include <attention_by_hand/attention.hpp>
#include <attention_by_hand/parts.hpp>

#include <cstdio>

namespace by_hand {

void attend_to_file(const std::filesystem::path& file) {
    const matrices given = matrices_reader(file).read();
    std::int64_t column = 0;
    for (const double number : attention_of(given)) {
        const bool last = ++column % given.width == 0;
        std::printf("%.6f%s", number, last ? "\n" : " ");
    }
}

}  // namespace by_hand
