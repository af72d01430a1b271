#include <heed/files/safetensors.hpp>

#include "folder.hpp"

#include <cmath>
#include <random>

using namespace heed;
using test::content;
using test::file_error_of;

namespace {

using sizes = std::vector<std::int64_t>;

/// A file of that header and data, as the format puts them together.
std::string file_of(std::string_view header, std::string_view data) {
    const std::uint64_t length = header.size();
    std::string file(reinterpret_cast<const char*>(&length), 8);
    return file.append(header).append(data);
}

std::string error_of(const test::temporary_folder& folder, std::string_view bytes) {
    const auto path = folder.file("bad.safetensors", bytes);
    const std::string error = file_error_of([&] { files::safetensors_file{path}; });
    if (error.empty()) return "";
    REQUIRE(error.starts_with(path.string() + ": "));
    return error.substr(path.string().size() + 2);
}

bool same(const files::stored_tensor& a, const files::stored_tensor& b) {
    return a.name == b.name && a.type == b.type && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
}

/// The tensors of tests/golden/safetensors_file.py.
struct golden {
    std::vector<float> ramp = [] {
        std::vector<float> values(6);
        for (std::size_t i = 0; i < 6; ++i) values[i] = float(i) * 0.1f - 0.2f;
        return values;
    }();
    std::vector<double> bias{1.0 / 3, -0.0, INFINITY};
    std::vector<std::int32_t> counts{-1, 2147483647};
    std::vector<std::int64_t> steps{-(std::int64_t{1} << 62)};
    std::vector<std::uint8_t> bytes{0, 127, 255};
    bool mask[4] = {true, false, true, true};
    std::vector<std::uint16_t> half = [this] {
        std::vector<std::uint16_t> upper(6);
        for (std::size_t i = 0; i < 6; ++i) upper[i] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(ramp[i]) >> 16);
        return upper;
    }();
    std::vector<float> one{2.5f};

    std::vector<files::stored_tensor> tensors() const {
        return {
            files::stored<float>("encoder.0.weight", {2, 3}, ramp),
            files::stored<double>("bias", {3}, bias),
            files::stored<std::int32_t>("counts", {2, 1}, counts),
            files::stored<std::int64_t>("steps", {}, steps),
            files::stored<std::uint8_t>("bytes", {3}, bytes),
            files::stored<bool>("mask", {4}, mask),
            {"half", "BF16", {6}, std::as_bytes(std::span(half))},
            files::stored<float>("empty", {0, 4}, {}),
            files::stored<float>("a \"quoted\" \\ name\tµ→𝄞", {1}, one),
        };
    }
};

const std::filesystem::path official = HEED_SOURCE_DIR "/tests/golden/official.safetensors";

}  // namespace

TEST_CASE("a file of the official package is read, every type of it") {
    const files::safetensors_file file(official);
    const golden expected;
    REQUIRE(file.tensors().size() == 9);
    for (const files::stored_tensor& tensor : expected.tensors()) {
        INFO(tensor.name);
        const files::stored_tensor* found = file.find(tensor.name);
        REQUIRE(found != nullptr);
        CHECK(same(*found, tensor));
    }
    CHECK(file.checked());  // zlib's CRC-32 in Python came to the same
    CHECK(file.metadata().empty());
}

TEST_CASE("what is saved is, byte for byte, what the official package writes") {
    const test::temporary_folder folder;
    const auto path = folder.path() / "ours.safetensors";
    const golden values;
    std::vector<files::stored_tensor> tensors = values.tensors();
    std::reverse(tensors.begin(), tensors.end());
    files::save_safetensors(path, tensors);
    CHECK(content(path) == content(official));
}

TEST_CASE("tensors and metadata come back as they were saved") {
    const test::temporary_folder folder;
    const auto path = folder.path() / "model.safetensors";
    const std::map<std::string, std::string> metadata{{"step", "1200"}, {"a \"key\"\n", "\x01\x7f\\ é \b\f\r\t"}, {"", ""}};
    const golden values;
    files::save_safetensors(path, values.tensors(), metadata);
    files::safetensors_file first(path);
    const files::safetensors_file file = std::move(first);
    CHECK(file.metadata() == metadata);
    CHECK(file.path() == path);

    std::vector<float> ramp(6);
    file.read<float>("encoder.0.weight", sizes{2, 3}, ramp);
    CHECK(ramp == values.ramp);
    bool mask[4] = {};
    file.read<bool>("mask", sizes{4}, mask);
    CHECK(std::equal(mask, mask + 4, values.mask));
    file.read<float>("empty", sizes{0, 4}, {});
    CHECK(file.find("weight") == nullptr);
    CHECK(file.find("") == nullptr);
    for (const files::stored_tensor& tensor : file.tensors()) {
        if (tensor.type == "F64" || tensor.type == "I64") CHECK(reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % 8 == 0);
    }

    files::save_safetensors(folder.path() / "nothing", {});
    CHECK(files::safetensors_file(folder.path() / "nothing").tensors().empty());
}

TEST_CASE("a tensor that is not as the program wants it is an error that names both") {
    const files::safetensors_file file(official);
    std::vector<float> six(6), five(5);
    const std::string name = official.string();
    CHECK(file_error_of([&] { file.read<float>("weight", sizes{2, 3}, six); }) == name + ": has no tensor \"weight\"");
    CHECK(file_error_of([&] { file.read<float>("encoder.0.weight", sizes{3, 2}, six); }) ==
          name + ": tensor \"encoder.0.weight\" is F32 [2, 3], and F32 [3, 2] is wanted");
    std::vector<double> doubles(6);
    CHECK(file_error_of([&] { file.read<double>("encoder.0.weight", sizes{2, 3}, doubles); }) ==
          name + ": tensor \"encoder.0.weight\" is F32 [2, 3], and F64 [2, 3] is wanted");
    CHECK_THROWS_WITH(file.read<float>("encoder.0.weight", sizes{2, 3}, five), "tensor \"encoder.0.weight\" has 24 bytes, its destination 20");

    const test::temporary_folder folder;
    const auto odd = folder.file("odd", file_of(R"({"m":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", {"\1\2", 2}));
    bool mask[2];
    CHECK(file_error_of([&] { files::safetensors_file(odd).read<bool>("m", sizes{2}, mask); }) ==
          odd.string() + ": tensor \"m\" holds a truth value that is neither 0 nor 1");
}

TEST_CASE("what cannot be saved is refused before the file is touched") {
    const test::temporary_folder folder;
    const auto path = folder.file("model", "old");
    const std::vector<float> values(6);
    const auto refused = [&](const files::stored_tensor& tensor, std::map<std::string, std::string> metadata = {}) -> std::string {
        const std::vector tensors{files::stored<float>("first", {6}, values), tensor};
        try {
            files::save_safetensors(path, tensors, metadata);
        } catch (const value_error& error) {
            return std::string(error.what()).substr(path.string().size());
        }
        return "";
    };
    const files::stored_tensor good = files::stored<float>("w", {6}, values);
    CHECK(refused(files::stored<float>("first", {6}, values)) == " is not saved: two tensors are called \"first\"");
    CHECK(refused(files::stored<float>("w", {7}, values)) == " is not saved: tensor \"w\" of type F32 and shape [7] takes 28 bytes, not 24");
    CHECK(refused(files::stored<float>("w", {-2, -3}, values)) == " is not saved: tensor \"w\" of type F32 and shape [-2, -3] takes too many bytes, not 24");
    CHECK(refused({"w", "F23", {6}, good.bytes}) == " is not saved: tensor \"w\" has the unknown type \"F23\"");
    CHECK(refused(files::stored<float>("__metadata__", {6}, values)) == " is not saved: no tensor may be called \"__metadata__\"");
    CHECK(refused(files::stored<float>("w\xff", {6}, values)).ends_with("is not UTF-8"));
    CHECK(refused(good, {{"key", "\x80"}}).ends_with("is not UTF-8"));
    CHECK(refused(good, {{"heed.crc32", "0"}}) == " is not saved: the metadata's key \"heed.crc32\" is the checksum's");
    CHECK(content(path) == "old");
    CHECK(refused(good).empty());
}

TEST_CASE("a full disk and a missing folder are errors that name the file") {
    const golden values;
    CHECK(file_error_of([&] { files::save_safetensors("/dev/full", values.tensors()); }) == "/dev/full: cannot be written: No space left on device");
    const test::temporary_folder folder;
    const auto path = folder.path() / "no" / "model";
    CHECK(file_error_of([&] { files::save_safetensors(path, values.tensors()); }) == path.string() + ": cannot be written: No such file or directory");
}

TEST_CASE("a flipped bit is an error or changes nothing that the file says") {
    const test::temporary_folder folder;
    const auto path = folder.path() / "model.safetensors";
    const golden values;
    files::save_safetensors(path, values.tensors(), {{"step", "1200"}});
    const files::safetensors_file whole(path);
    const std::string bytes = content(path);
    const auto damaged = folder.file("damaged", bytes);
    std::fstream file(damaged, std::ios::binary | std::ios::in | std::ios::out);
    const auto put = [&](std::size_t place, int byte) {
        file.seekp(static_cast<std::streamoff>(place)).put(static_cast<char>(byte)).flush();
    };
    std::size_t wrong = 0, unnoticed = 0;
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        put(bit / 8, bytes[bit / 8] ^ (1 << (bit % 8)));
        const std::string error = file_error_of([&] {
            const files::safetensors_file read(damaged);
            ++unnoticed;
            // The key of the checksum may be hit: then it is a key as others are, and the tensors are whole.
            wrong += !std::ranges::equal(read.tensors(), whole.tensors(), same);
            wrong += read.metadata() != whole.metadata() && (read.checked() || read.metadata().size() != 2);
        });
        wrong += !error.empty() && !error.starts_with(damaged.string() + ": ");
        put(bit / 8, bytes[bit / 8]);
    }
    CHECK(wrong == 0);
    CAPTURE(unnoticed);
    CHECK(unnoticed < 10 * 8 + 5 * 8);  // in the ten letters "heed.crc32", and of the few spaces at the header's end
}

TEST_CASE("a file that is cut short anywhere is an error") {
    const test::temporary_folder folder;
    const std::string bytes = content(official);
    const auto cut = folder.file("cut", bytes);
    for (std::size_t size = bytes.size(); size-- > 0;) {
        std::filesystem::resize_file(cut, size);
        CHECK_THROWS_AS(files::safetensors_file(cut), file_error);
    }
    CHECK(error_of(folder, bytes.substr(0, 5)) == "is no safetensors file: it has only 5 bytes");
    CHECK(error_of(folder, bytes.substr(0, 100)) == "is cut short or no safetensors file: its header would have 616 bytes, and the file has 100");
    CHECK(error_of(folder, bytes.substr(0, bytes.size() - 1)) ==
          "is cut short: tensor \"mask\" takes bytes 83 to 87 of the data, and the file has 86");
    CHECK(error_of(folder, bytes + "x") == "bytes 87 to 88 of the data belong to no tensor");
}

TEST_CASE("a header that lies about sizes is found out before anything is used") {
    const test::temporary_folder folder;
    const auto error = [&](const std::string& tensors, std::size_t data) {
        return error_of(folder, file_of("{" + tensors + "}", std::string(data, 'x')));
    };
    const auto w = [](const std::string& type, const std::string& shape, const std::string& offsets, const std::string& name = "w") {
        return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":[" + shape + "],\"data_offsets\":[" + offsets + "]}";
    };
    CHECK(error(w("F32", "2,3", "0,24"), 24).empty());
    CHECK(error(w("F32", "2,3", "0,20"), 20) == "tensor \"w\" of type F32 and shape [2, 3] takes 24 bytes, and has bytes 0 to 20 of the data");
    CHECK(error(w("F32", "2,3", "24,0"), 24) == "tensor \"w\" ends before it begins: bytes 24 to 0 of the data");
    CHECK(error(w("F33", "2,3", "0,24"), 24) == "tensor \"w\" has the unknown type \"F33\"");
    CHECK(error(w("F32", "4611686018427387904,4", "0,0"), 0) ==
          "tensor \"w\" of type F32 and shape [4611686018427387904, 4] takes too many bytes, and has bytes 0 to 0 of the data");
    CHECK(error(w("U8", "4294967296,4294967296", "0,0"), 0).find("takes too many bytes") != std::string::npos);  // 2^64
    CHECK(error(w("F32", "0,4611686018427387904,4", "0,0"), 0).empty());
    CHECK(error(w("F32", "1", "4,8"), 8) == "bytes 0 to 4 of the data belong to no tensor");
    CHECK(error(w("F32", "1", "0,4") + "," + w("F32", "1", "8,12", "v"), 12) == "bytes 4 to 8 of the data belong to no tensor");
    CHECK(error(w("F32", "2", "0,8") + "," + w("F32", "2", "4,12", "v"), 12) == "two tensors overlap at byte 4 of the data");
    CHECK(error(w("F32", "2", "0,8") + "," + w("F32", "2", "0,8", "v"), 8) == "two tensors overlap at byte 0 of the data");
    CHECK(error(w("F32", "1", "0,4") + "," + w("F32", "1", "4,8"), 8).ends_with("two tensors are called \"w\""));
    CHECK(error(w("F32", "1", "0,4") + "," + w("F32", "1", "4,8", "\\u0077"), 8).ends_with("two tensors are called \"w\""));
    CHECK(error(w("F32", "-1", "0,4"), 4) == "byte 29 of the header: a whole number, zero or more, should stand here");
    CHECK(error(w("F32", "1.0", "0,4"), 4).ends_with("this is no whole number"));
    CHECK(error(w("F32", "1e0", "0,4"), 4).ends_with("this is no whole number"));
    CHECK(error(w("F32", "01", "0,4"), 4).ends_with("a number begins with a needless zero"));
    CHECK(error(w("F32", "9223372036854775808", "0,4"), 4).ends_with("the number is too large"));
    CHECK(error(w("F32", "\"1\"", "0,4"), 4).ends_with("a whole number, zero or more, should stand here"));
    CHECK(error(w("F32", "1", "0,4,8"), 4).ends_with("tensor \"w\" has 3 data_offsets in place of two"));
    CHECK(error(w("F32", "1", ""), 4).ends_with("tensor \"w\" has 0 data_offsets in place of two"));
    CHECK(error(R"("w":{"dtype":"F32","shape":[1]})", 4).ends_with("tensor \"w\" has no \"data_offsets\""));
    CHECK(error(R"("w":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]})", 4).ends_with("tensor \"w\" says \"shape\" twice"));
    CHECK(error(R"("w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"order":"C"})", 4).ends_with("tensor \"w\" has an unknown key \"order\""));
    CHECK(error(R"("w":{"dtype":4,"shape":[1],"data_offsets":[0,4]})", 4) == "byte 14 of the header: a string should stand here");
    CHECK(error(R"("w":{"dtype":"F32","shape":4,"data_offsets":[0,4]})", 4).ends_with("an array should stand here"));
    CHECK(error(R"("w":[])", 0) == "byte 5 of the header: an object should stand here");
    CHECK(error(R"("__metadata__":{"step":1})", 0).ends_with("a string should stand here"));
    CHECK(error(R"("__metadata__":{"a":"1","a":"1"})", 0).ends_with("the metadata say \"a\" twice"));
    CHECK(error(R"("__metadata__":{},"__metadata__":{})", 0).ends_with("there are two \"__metadata__\""));
    CHECK(error(R"("__metadata__":{"heed.crc32":"12345678"})", 0) == "is damaged: its checksum is \"00000000\" and should be \"12345678\"");
}

TEST_CASE("a header that is no JSON is an error that names the byte") {
    const test::temporary_folder folder;
    const auto error = [&](std::string_view header) { return error_of(folder, file_of(header, "")); };
    CHECK(error("") == "byte 0 of the header: an object should stand here");
    CHECK(error("[]") == "byte 0 of the header: an object should stand here");
    CHECK(error("{} {}") == "byte 3 of the header: something stands after the end");
    CHECK(error("{") == "byte 1 of the header: a string should stand here");
    CHECK(error("{\"a\"").ends_with("a colon should stand here"));
    CHECK(error("{\"a").ends_with("the string has no end"));
    CHECK(error("{\"__metadata__\":{}").ends_with("a comma or the end of the object should stand here"));
    CHECK(error("{\"__metadata__\":{},}").ends_with("a string should stand here"));
    CHECK(error("{\"__metadata__\":{\"a\nb\":\"\"}}").ends_with("a control character stands in a string"));
    CHECK(error("{\"\\x\"").ends_with("no such escape in JSON"));
    CHECK(error("{\"\\u12g4\"").ends_with("\\u wants four hexadecimal digits"));
    for (const char* half : {"{\"\\udc00\"", "{\"\\ud834\"", "{\"\\ud834\\n\"", "{\"\\ud834\\u0041\""}) CHECK(error(half).ends_with("half of a surrogate pair"));
    CHECK(error("{\"\xff\"") == "byte 2 of the header: this is not UTF-8");
    CHECK(error(std::string_view("{}\0\0", 4)).ends_with("something stands after the end"));
    CHECK(error(" { } \n").empty());

    const auto path = folder.file("escapes", file_of(R"({"__metadata__" : { "\u0041\/\u00e9\u20ac\ud834\udd1e" : "\"\\\b\f\n\r\t" }})", ""));
    const files::safetensors_file escapes(path);
    CHECK(escapes.metadata() == std::map<std::string, std::string>{{"A/é€𝄞", "\"\\\b\f\n\r\t"}});
    CHECK_FALSE(escapes.checked());
}

TEST_CASE("a header longer than the format allows is refused, and what is no file of tensors too") {
    const test::temporary_folder folder;
    std::string huge(16, '\xff');
    CHECK(error_of(folder, huge) == "is no safetensors file: its header would have 18446744073709551615 bytes, and 100000000 are allowed");
    CHECK(file_error_of([&] { files::safetensors_file{folder.path()}; }) == folder.path().string() + ": is a folder, not a safetensors file");
    CHECK(file_error_of([] { files::safetensors_file{"/dev/null"}; }) == "/dev/null: is not a regular file");
    CHECK(file_error_of([] { files::safetensors_file{"/no/such"}; }) == "/no/such: cannot be read: No such file or directory");
    CHECK(error_of(folder, "label\thour\ttext\n1\t2\thello\n").starts_with("is no safetensors file"));
}
