// Any bytes as a file of records, plain or gzip: strict reading ends with a file_error or reads what lenient reading reads
// and skips nothing; lenient reading never fails on a line, and what it gives is what was promised.
#include <heed/files/records.hpp>

#include <cmath>
#include <cstdlib>
#include <sys/mman.h>

using namespace heed::files;

namespace {

struct outcome {
    std::int64_t records = 0;
    std::int64_t skipped = 0;
    bool failed = false;
    bool has_header = false;
};

void hold(bool promise) {
    if (!promise) std::abort();
}

outcome read(const std::uint8_t* data, std::size_t size, bool skip_bad) {
    const int file = ::memfd_create("records", 0);
    hold(file >= 0 && ::write(file, data, size) == static_cast<::ssize_t>(size) && ::lseek(file, 0, SEEK_SET) == 0);
    outcome out;
    try {
        record_reader reader(byte_source(file, "fuzz"), {label("l"), if_present(number("n")), "t"}, {.skip_bad = skip_bad, .longest_line = 300});
        out.has_header = true;
        std::int64_t line = 1;
        while (reader.next()) {
            ++out.records;
            hold(reader.line() > line);
            line = reader.line();
            hold(reader.label(0).has_value());
            hold(!reader.number(1) || std::isfinite(*reader.number(1)));
            const std::string_view text = reader.field(2);
            hold(text.size() <= 300 && first_invalid_utf8(text) == text.npos && text.find_first_of(std::string_view("\t\n\0", 3)) == text.npos);
            out.skipped = reader.skipped().total();
        }
        out.skipped = reader.skipped().total();
    } catch (const heed::file_error& error) {
        out.failed = true;
        hold(std::string_view(error.what()).starts_with("fuzz:"));
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const outcome strict = read(data, size, false), lenient = read(data, size, true);
    hold(strict.has_header == lenient.has_header);
    hold(lenient.failed == !lenient.has_header);
    hold(strict.failed == (!lenient.has_header || lenient.skipped > 0));
    hold(strict.failed ? strict.records <= lenient.records : strict.records == lenient.records);
    return 0;
}
