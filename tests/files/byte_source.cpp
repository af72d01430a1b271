#include <heed/files/byte_source.hpp>

#include "folder.hpp"
#include "gzip.hpp"

#include <random>

using namespace heed;
using test::gzip;

namespace {

/// All that a source gives, read in pieces of that size.
std::string all_of(files::byte_source source, std::size_t piece = 4096) {
    std::string out, buffer(piece, ' ');
    while (const std::size_t size = source.read(buffer)) out.append(buffer, 0, size);
    return out;
}

std::string words(std::size_t size) {
    std::mt19937 random(5);
    std::string text;
    while (text.size() < size) text += std::to_string(random() % 5000) + (random() % 9 == 0 ? '\n' : ' ');
    return text;
}

}  // namespace

TEST_CASE("plain and packed files give the same bytes, in whatever pieces they are read") {
    const test::temporary_folder folder;
    const std::string text = words(300'000);
    const auto plain = folder.file("plain", text), packed = folder.file("packed", gzip(text)), stored = folder.file("stored", gzip(text, 0));
    for (const std::size_t piece : {1u, 7u, 65536u, 1000000u}) {
        CHECK(all_of(files::byte_source(plain), piece) == text);
        CHECK(all_of(files::byte_source(packed), piece) == text);
        CHECK(all_of(files::byte_source(stored), piece) == text);
    }
}

TEST_CASE("short files are what they are") {
    const test::temporary_folder folder;
    for (const std::string& text : {std::string(), std::string("a"), std::string("ab"), std::string("\x1f"), std::string("\x1f\x8a..."), std::string("\0\0", 2)}) {
        CHECK(all_of(files::byte_source(folder.file("plain", text))) == text);
        CHECK(all_of(files::byte_source(folder.file("packed", gzip(text)))) == text);
    }
}

TEST_CASE("gzip members one after another are one text, and zeros after them are padding") {
    const test::temporary_folder folder;
    const std::string text = words(100'000);
    const std::string members = gzip("first ") + gzip("") + gzip(text) + gzip(" last");
    CHECK(all_of(files::byte_source(folder.file("members", members))) == "first " + text + " last");
    CHECK(all_of(files::byte_source(folder.file("padded", members + std::string(100'000, '\0')))) == "first " + text + " last");
    CHECK(all_of(files::byte_source(folder.file("between", gzip("a") + std::string(70'001, '\0') + gzip("b")))) == "ab");
}

TEST_CASE("a gzip stream that is cut anywhere is an error, and what came before it is delivered") {
    const test::temporary_folder folder;
    const std::string text = words(3000);
    const std::string packed = gzip(text);
    const auto path = folder.file("cut", packed);
    for (std::size_t size = packed.size() - 1; size >= 2; --size) {
        std::filesystem::resize_file(path, size);
        files::byte_source source(path);
        std::string out, buffer(50, ' ');
        const std::string error = test::file_error_of([&] {
            while (const std::size_t got = source.read(buffer)) out.append(buffer, 0, got);
        });
        if (error != path.string() + ": the gzip stream is cut short" || !text.starts_with(out)) FAIL(size);
        if (size == packed.size() - 1) CHECK(out == text);
        CHECK_THROWS_AS(source.read(buffer), files::damaged_stream);  // and it stays an error
        CHECK(source.damage() == "the gzip stream is cut short");
    }
}

TEST_CASE("a gzip stream with a flipped byte is an error") {
    const test::temporary_folder folder;
    const std::string text = words(3000), packed = gzip(text);
    int unnoticed = 0;
    for (std::size_t place = 2; place < packed.size(); ++place) {
        std::string damaged = packed;
        damaged[place] = static_cast<char>(damaged[place] ^ 0x20);
        const int descriptor = ::open(folder.path().c_str(), O_TMPFILE | O_RDWR, 0600);
        REQUIRE(::write(descriptor, damaged.data(), damaged.size()) == static_cast<::ssize_t>(damaged.size()));
        ::lseek(descriptor, 0, SEEK_SET);
        try {
            const std::string out = all_of(files::byte_source(descriptor, "damaged"));
            ++unnoticed;
            if (out != text) FAIL(place);
        } catch (const files::damaged_stream& error) {
            if (!std::string_view(error.what()).starts_with("damaged: the gzip stream is ")) FAIL(error.what());
        }
    }
    CHECK(unnoticed <= 7);  // bytes 4 to 9 of the gzip header: time, level and system
}

TEST_CASE("what follows a gzip stream and is none is damage") {
    const test::temporary_folder folder;
    for (const char* rest : {"x", "\x1f", "plain text"}) {
        const auto path = folder.file("rest", gzip("text") + rest);
        CHECK(test::file_error_of([&] { all_of(files::byte_source(path)); }) ==
              path.string() + ": the gzip stream is damaged: something else follows its end");
    }
}

TEST_CASE("a pipe gives what is there without waiting for more") {
    for (const bool packed : {false, true}) {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        const std::string first = packed ? gzip("first\n") : "first\n", second = packed ? gzip("second\n") : "second\n";
        files::byte_source source(ends[0], "the pipe");
        std::string buffer(4096, ' ');
        REQUIRE(::write(ends[1], first.data(), first.size()) > 0);
        CHECK(buffer.substr(0, source.read(buffer)) == "first\n");
        REQUIRE(::write(ends[1], second.data(), second.size()) > 0);
        CHECK(buffer.substr(0, source.read(buffer)) == "second\n");
        ::close(ends[1]);
        CHECK(source.read(buffer) == 0);
        CHECK(source.packed_size() == 0);
    }
}

TEST_CASE("how far the reading has come is known in bytes of the file") {
    const test::temporary_folder folder;
    const std::string packed = gzip(words(1'000'000));
    files::byte_source source(folder.file("packed", packed));
    CHECK(source.packed_size() == packed.size());
    CHECK(source.packed_position() == 0);
    std::string buffer(500'000, ' ');
    source.read(buffer);
    CHECK(source.packed_position() > 0);
    CHECK(source.packed_position() < packed.size());
    while (source.read(buffer) > 0) {}
    CHECK(source.packed_position() == packed.size());
}

TEST_CASE("what cannot be opened is an error that says why") {
    const test::temporary_folder folder;
    const auto error = [](const std::filesystem::path& path) { return test::file_error_of([&] { files::byte_source{path}; }); };
    CHECK(error(folder.path()) == folder.path().string() + ": is a folder, not a file");
    CHECK(error("/no/such") == "/no/such: cannot be read: No such file or directory");
    CHECK(error("") == ": cannot be read: No such file or directory");
    CHECK(test::file_error_of([] { files::byte_source(-1, "nothing"); }).starts_with("nothing: cannot be read"));
}
