// Any bytes as a safetensors file: a file_error, or tensors whose every byte can be read, which say what another reader of
// JSON finds in the header, and which come back the same after they were saved.
#include <heed/files/safetensors.hpp>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sys/mman.h>

using namespace heed::files;

namespace {

void hold(bool promise) {
    if (!promise) std::abort();
}

/// Where the round trip goes: to memory where the system has such a folder.
struct scratch {
    std::string folder = std::filesystem::is_directory("/dev/shm") ? "/dev/shm/heed-XXXXXX" : "/tmp/heed-XXXXXX";
    scratch() { hold(::mkdtemp(folder.data()) != nullptr); }
    ~scratch() { std::filesystem::remove_all(folder); }
};

void compare(const safetensors_file& file, std::string_view header) {
    const auto json = nlohmann::json::parse(header);
    std::size_t tensors = 0;
    for (const auto& [name, entry] : json.items()) {
        if (name == "__metadata__") continue;
        ++tensors;
        const stored_tensor* tensor = file.find(name);
        const auto offsets = entry["data_offsets"].get<std::vector<std::uint64_t>>();
        hold(tensor != nullptr && tensor->type == entry["dtype"].get<std::string>());
        hold(tensor->shape == entry["shape"].get<std::vector<std::int64_t>>());
        hold(tensor->bytes.size() == offsets.at(1) - offsets.at(0));
    }
    hold(tensors == file.tensors().size());
    auto metadata = json.value("__metadata__", nlohmann::json::object()).get<std::map<std::string, std::string>>();
    hold(metadata.erase("heed.crc32") == file.checked());
    hold(metadata == file.metadata());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const scratch place;
    const int descriptor = ::memfd_create("safetensors", 0);
    hold(::write(descriptor, data, size) == static_cast<::ssize_t>(size));
    const struct closing {
        int descriptor;
        ~closing() { ::close(descriptor); }
    } closes{descriptor};
    const std::string name = "/proc/self/fd/" + std::to_string(descriptor), again = place.folder + "/again";

    try {
        const safetensors_file file(name);
        std::uint64_t length = 0;
        std::memcpy(&length, data, sizeof length);
        compare(file, std::string_view(reinterpret_cast<const char*>(data) + 8, length));
        save_safetensors(again, file.tensors(), file.metadata());
    } catch (const heed::file_error& error) {
        hold(std::string_view(error.what()).starts_with(name + ": "));
        return 0;
    }
    const safetensors_file file(name), saved(again);
    hold(saved.checked() && saved.metadata() == file.metadata());
    hold(std::ranges::equal(saved.tensors(), file.tensors(), [](const stored_tensor& a, const stored_tensor& b) {
        return a.name == b.name && a.type == b.type && a.shape == b.shape && std::ranges::equal(a.bytes, b.bytes);
    }));
    return 0;
}
