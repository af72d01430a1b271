/// A small file of settings: names and values, as JSON that people read and edit.
#pragma once

#include <heed/files/utf8.hpp>
#include <heed/files/wording.hpp>
#include <heed/files/write_aside.hpp>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace heed::files {

/// Named values: numbers, truth values, strings, lists of these, and groups of further settings.
///
///     files::settings made;
///     made.set("layers", 2);
///     made.set("learning_rate", 1e-3);
///     made.save("model/settings.json");
///
///     const auto settings = files::settings::load("model/settings.json");
///     const int layers = settings.require<int>("layers");
///
/// A file may have been edited by hand, so every read checks the type and the range, and its file_error names the file,
/// the setting, what it holds and what is wanted. Names keep the order in which they were set.
class settings {
public:
    settings() = default;

    static settings load(const std::filesystem::path& path) {
        if (std::filesystem::is_directory(path)) fail(path, "is a folder, not a file of settings");
        std::ifstream file(path, std::ios::binary);
        if (!file) fail(path, "cannot be read", errno);
        settings loaded;
        loaded.where_ = path;
        try {
            loaded.values_ = json::parse(file);
        } catch (const json::parse_error& error) {
            const std::string_view text = error.what();  // "[json.exception.parse_error.101] parse error at line 3, column 7: ..."
            fail(path, sentence({"is no JSON: ", text.substr(std::min(text.find("] ") + 2, text.size()))}));
        }
        if (!loaded.values_.is_object()) fail(path, "is no file of settings: it should hold one JSON object");
        return loaded;
    }

    /// Written aside and renamed: see write_aside.hpp.
    void save(const std::filesystem::path& path) const {
        write_aside(path, [&](std::ostream& out) { out << values_.dump(4) << '\n'; });
    }

    bool has(std::string_view name) const { return values_.contains(name); }

    /// The value of that name: bool, an integer, float, double, std::string, or a std::vector of one of these.
    template <class T>
    T require(std::string_view name) const {
        const json& value = find(name);
        std::optional<T> read = as<T>(value);
        if (!read) refuse(name, value, wanted<T>());
        return *std::move(read);
    }

    /// The same where there is such a name, else `otherwise`. A wrong type is still an error.
    template <class T>
    T value_or(std::string_view name, T otherwise) const {
        return has(name) ? require<T>(name) : otherwise;
    }

    /// A group of settings under one name.
    settings group(std::string_view name) const {
        const json& value = find(name);
        if (!value.is_object()) refuse(name, value, "a group of settings");
        settings inner;
        inner.where_ = where_;
        inner.prefix_ = sentence({prefix_, name, "."});
        inner.values_ = value;
        return inner;
    }

    /// value_error where a number is not finite or a string not UTF-8, which JSON has no way to write.
    template <class T>
    void set(std::string_view name, const T& value) {
        json made;
        if constexpr (std::is_same_v<T, settings>) made = value.values_;
        else made = value;
        if (!can_be_written(made)) throw value_error(sentence({"setting ", in_quotes(sentence({prefix_, name})), ": JSON cannot hold such a value"}));
        values_[std::string(name)] = std::move(made);
    }

private:
    using json = nlohmann::ordered_json;

    template <class T>
    struct is_list : std::false_type {};
    template <class T>
    struct is_list<std::vector<T>> : std::true_type {};

    const json& find(std::string_view name) const {
        const auto found = values_.find(name);
        if (found == values_.end()) fail(where_, sentence({"has no setting ", in_quotes(sentence({prefix_, name}))}));
        return *found;
    }

    [[noreturn]] void refuse(std::string_view name, const json& value, std::string_view wanted) const {
        std::string text = value.dump();
        if (text.size() > 60) text = text.substr(0, 60) + "...";
        fail(where_, sentence({"setting ", in_quotes(sentence({prefix_, name})), " is ", text, ", and ", wanted, " is wanted"}));
    }

    static bool can_be_written(const json& value) {
        if (value.is_number_float()) return std::isfinite(value.get<double>());
        if (value.is_structured()) {
            for (const json& inner : value) {
                if (!can_be_written(inner)) return false;
            }
            return true;
        }
        return !value.is_string() || first_invalid_utf8(value.get_ref<const std::string&>()) == std::string::npos;
    }

    /// The value as a T, exactly: no truncation, no wrapping round, no number from a string.
    template <class T>
    static std::optional<T> as(const json& value) {
        if constexpr (std::is_same_v<T, bool>) {
            if (value.is_boolean()) return value.get<bool>();
        } else if constexpr (std::is_integral_v<T>) {
            if (value.is_number_unsigned() && std::in_range<T>(value.get<std::uint64_t>())) return static_cast<T>(value.get<std::uint64_t>());
            if (!value.is_number_unsigned() && value.is_number_integer() && std::in_range<T>(value.get<std::int64_t>())) {
                return static_cast<T>(value.get<std::int64_t>());
            }
        } else if constexpr (std::is_floating_point_v<T>) {
            if (value.is_number() && std::isfinite(static_cast<T>(value.get<double>()))) return static_cast<T>(value.get<double>());
        } else if constexpr (is_list<T>::value) {
            if (!value.is_array()) return {};
            T list;
            for (const json& item : value) {
                std::optional<typename T::value_type> read = as<typename T::value_type>(item);
                if (!read) return {};
                list.push_back(*std::move(read));
            }
            return list;
        } else {
            static_assert(std::is_same_v<T, std::string>, "a setting is a bool, a number, a std::string or a std::vector of one of these");
            if (value.is_string()) return value.get<std::string>();
        }
        return {};
    }

    template <class T>
    static std::string wanted() {
        if constexpr (std::is_same_v<T, bool>) return "true or false";
        else if constexpr (std::is_integral_v<T>)
            return "a whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " + std::to_string(std::numeric_limits<T>::max());
        else if constexpr (std::is_floating_point_v<T>) return "a number";
        else if constexpr (is_list<T>::value) return "a list of which each item is " + wanted<typename T::value_type>();
        else return "a string";
    }

    json values_ = json::object();
    std::filesystem::path where_ = "the settings";
    std::string prefix_;  // of the group that these are
};

}  // namespace heed::files
