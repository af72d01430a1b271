#include <heed/files/write_aside.hpp>

#include "folder.hpp"

#include <csignal>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

using namespace heed;
using test::content;
using test::file_error_of;

namespace {

void write(const std::filesystem::path& path, std::string_view text) {
    files::write_aside(path, [&](std::ostream& out) { out << text; });
}

}  // namespace

TEST_CASE("a file is written, replaced, and nothing else is left in its folder") {
    const test::temporary_folder folder;
    const auto path = folder.path() / "model.bin";
    write(path, "first");
    CHECK(content(path) == "first");
    const std::string large(300'000, 'x');
    files::write_aside(path, [&](std::ostream& out) { out << "large " << 7 << ' ' << large << '\n'; });
    CHECK(content(path) == "large 7 " + large + '\n');
    write(path, "");
    CHECK(content(path).empty());
    CHECK(folder.count() == 1);
}

TEST_CASE("the old file stays until the new one is whole") {
    const test::temporary_folder folder;
    const auto path = folder.file("model.bin", "old");
    {
        files::aside_file file(path);
        file.write(std::string_view("new"));
        CHECK(content(path) == "old");
        CHECK(folder.count() == 2);
    }
    CHECK(content(path) == "old");
    CHECK(folder.count() == 1);

    CHECK_THROWS_AS(files::write_aside(path, [](std::ostream& out) { out << "new"; throw std::length_error("in between"); }), std::length_error);
    CHECK(file_error_of([&] { files::write_aside(path, [](std::ostream& out) { out.setstate(std::ios::failbit); }); }).starts_with(path.string() + ": was not written"));
    CHECK(content(path) == "old");
    CHECK(folder.count() == 1);
}

TEST_CASE("a process that is killed while it writes leaves the old file, and the next one writes as ever") {
    const test::temporary_folder folder;
    const auto path = folder.file("model.bin", "old");
    const pid_t child = ::fork();
    if (child == 0) {
        files::aside_file file(path);
        file.write(std::string(200'000, 'n'));
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    CHECK(content(path) == "old");
    CHECK(folder.count() == 2);  // what the killed process wrote lies beside it
    write(path, "new");
    CHECK(content(path) == "new");
}

TEST_CASE("a disk that fills up is an error that names the file, and the old file stays") {
    const test::temporary_folder folder;
    const std::string large(1'000'000, 'x');

    SECTION("a device that is always full") {
        const std::string error = file_error_of([&] { write("/dev/full", large); });
        CHECK(error == "/dev/full: cannot be written: No space left on device");
        CHECK(std::filesystem::is_character_file("/dev/full"));
        CHECK(file_error_of([&] { write("/dev/full", "x"); }) == error);  // found at the commit
    }
    SECTION("a limit on the size of files") {
        const auto path = folder.file("model.bin", "old");
        rlimit before{};
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
        const rlimit small{100'000, before.rlim_max};
        const auto handler = std::signal(SIGXFSZ, SIG_IGN);
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
        const std::string error = file_error_of([&] { write(path, large); });
        ::setrlimit(RLIMIT_FSIZE, &before);
        std::signal(SIGXFSZ, handler);
        CHECK(error == path.string() + ": cannot be written: File too large");
        CHECK(content(path) == "old");
        CHECK(folder.count() == 1);
    }
    SECTION("a small file system, where this user may mount one") {
        const auto disk = folder.path() / "disk";
        std::filesystem::create_directory(disk);
        if (::mount("heed", disk.c_str(), "tmpfs", 0, "size=128k") != 0) {
            WARN("no file system can be mounted here; /dev/full and the limit on file sizes stand for it");
            return;
        }
        const auto path = disk / "model.bin";
        write(path, "old");
        const std::string error = file_error_of([&] { write(path, large); });
        const std::string left = content(path);
        const auto count = std::distance(std::filesystem::directory_iterator(disk), {});
        const int unmounted = ::umount(disk.c_str());
        CHECK(unmounted == 0);
        CHECK(error == path.string() + ": cannot be written: No space left on device");
        CHECK(left == "old");
        CHECK(count == 1);
    }
}

TEST_CASE("a name that cannot be written is an error that says why") {
    const test::temporary_folder folder;
    CHECK(file_error_of([&] { write(folder.path(), "x"); }) == folder.path().string() + ": cannot be written: it is a folder");
    const auto lost = folder.path() / "no" / "folder";
    CHECK(file_error_of([&] { write(lost, "x"); }) == lost.string() + ": cannot be written: No such file or directory");
    CHECK(file_error_of([&] { write(lost / "", "x"); }) == (lost / "").string() + ": cannot be written: this is no name of a file");
    CHECK(file_error_of([&] { write("", "x"); }) == ": cannot be written: this is no name of a file");
    CHECK(file_error_of([&] { write(folder.path() / std::string(300, 'n'), "x"); }).ends_with("File name too long"));
    const auto below_a_file = folder.file("file", "x") / "below";
    CHECK(file_error_of([&] { write(below_a_file, "x"); }).ends_with("Not a directory"));
    CHECK(folder.count() == 1);
}

TEST_CASE("permissions and symbolic links stay as they were") {
    namespace fs = std::filesystem;
    const test::temporary_folder folder;
    const auto path = folder.file("model.bin", "old");
    fs::permissions(path, fs::perms(0640));
    const auto link = folder.path() / "link";
    fs::create_symlink("model.bin", link);
    write(link, "new");
    CHECK(fs::is_symlink(link));
    CHECK(content(path) == "new");
    CHECK(fs::status(path).permissions() == fs::perms(0640));

    const ::mode_t umask = ::umask(027);
    write(folder.path() / "fresh", "x");
    ::umask(umask);
    CHECK(fs::status(folder.path() / "fresh").permissions() == fs::perms(0640));
}

TEST_CASE("a file name without a folder is written to the current one") {
    const test::temporary_folder folder;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    const std::string error = file_error_of([] { write("plain", "text"); });
    std::filesystem::current_path(before);
    CHECK(error.empty());
    CHECK(content(folder.path() / "plain") == "text");
}

TEST_CASE("a pipe is written straight") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    write("/dev/fd/" + std::to_string(ends[1]), "through the pipe");
    char text[64];
    const auto size = ::read(ends[0], text, sizeof text);
    ::close(ends[0]);
    ::close(ends[1]);
    REQUIRE(size > 0);
    CHECK(std::string_view(text, static_cast<std::size_t>(size)) == "through the pipe");
}

TEST_CASE("of two writers at once each leaves a whole file") {
    const test::temporary_folder folder;
    const auto path = folder.path() / "model.bin";
    std::vector<std::thread> writers;
    for (const char letter : {'a', 'b'}) {
        writers.emplace_back([&, letter] {
            for (int i = 0; i < 20; ++i) write(path, std::string(100'000, letter));
        });
    }
    for (std::thread& writer : writers) writer.join();
    const std::string found = content(path);
    CHECK((found == std::string(100'000, 'a') || found == std::string(100'000, 'b')));
    CHECK(folder.count() == 1);
}
