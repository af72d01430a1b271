/// Models and trainings on disk, as safetensors.
///
/// A model's file has each parameter under its name in `visit`. A checkpoint has beside them the optimizer's moments, as
/// `optimizer.<moment>.<parameter>`, and in its metadata the number of updates made. All are the bits of memory, and random
/// numbers are functions of seed and step; so a training that goes on from a checkpoint ends in the same bits as one that
/// never stopped. Save between updates: gradients are not kept.
///
/// Files are written aside and then renamed: one that is there is whole. Of a file that is read everything is checked
/// before the model changes: every parameter there with its type and shape, and nothing else in it.
#pragma once

#include <heed/error.hpp>
#include <heed/files/safetensors.hpp>
#include <heed/nn/copy.hpp>
#include <heed/nn/visit.hpp>
#include <heed/target.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heed::inline HEED_TARGET::train {

/// What a program wants to find again beside the tensors: settings, the place in its data.
using notes = std::map<std::string, std::string>;

namespace checkpoints {

inline constexpr std::string_view steps_key = "heed.steps";
inline constexpr std::string_view prefix = "optimizer.";

inline std::string moment_name(std::string_view parameter, std::string_view moment) {
    return std::string(prefix) + std::string(moment) + "." + std::string(parameter);
}

/// Tensors on their way to a file; those of another space as copies that live as long.
class tensor_list {
public:
    template <class T>
    void add(std::string name, const auto& parameter, std::span<const T> values) {
        nn::read_numbers(values, [&](auto numbers) {
            if constexpr (!is_on_host<T>) {
                auto held = std::make_shared<const std::vector<value_of<T>>>(numbers.begin(), numbers.end());
                numbers = std::span(*held);
                copies_.push_back(std::move(held));
            }
            tensors_.push_back(files::stored<value_of<T>>(std::move(name), parameter.shape(), numbers));
        });
    }
    const std::vector<files::stored_tensor>& tensors() const { return tensors_; }

private:
    std::vector<files::stored_tensor> tensors_;
    std::vector<std::shared_ptr<const void>> copies_;
};

template <class Model>
tensor_list tensors_of(const Model& model) {
    tensor_list list;
    nn::visit(model, [&](std::string_view name, const auto& parameter) { list.add(std::string(name), parameter, std::span(parameter.values())); });
    return list;
}

/// The type of the numbers in a file of what is kept as these.
template <class Numbers> using stored_number = value_of<std::remove_cvref_t<decltype(*std::declval<Numbers>().data())>>;

/// Throws file_error, by a read into nothing, where the file lacks a tensor of that name, type and shape.
template <class T>
void require(const files::safetensors_file& file, const std::string& name, const std::vector<std::int64_t>& shape) {
    const files::stored_tensor* const found = file.find(name);
    if (found == nullptr || found->type != files::element_name<T> || found->shape != shape) file.read(name, shape, std::span<T>());
}

[[noreturn]] inline void refuse(const files::safetensors_file& file, const std::string& what) {
    throw file_error(file.path().string() + ": " + what);
}

/// Every parameter is in the file as the model has it. Returns how many there are.
template <class Model>
std::size_t require_all(const files::safetensors_file& file, const Model& model) {
    std::size_t count = 0;
    nn::visit(model, [&](std::string_view name, const auto& parameter) {
        require<stored_number<decltype(parameter.values())>>(file, std::string(name), parameter.shape());
        ++count;
    });
    return count;
}

template <class Model>
void read_all(const files::safetensors_file& file, Model& model) {
    nn::visit(model, [&](std::string_view name, auto& parameter) {
        nn::write_numbers(parameter.values(), [&](auto numbers) { file.read(name, parameter.shape(), numbers); });
    });
}

}  // namespace checkpoints

/// Writes the model's parameters and the notes. file_error where the file cannot be written; the old one is then left.
template <class Model>
void save_model(const std::filesystem::path& path, const Model& model, const notes& beside = {}) {
    files::save_safetensors(path, checkpoints::tensors_of(model).tensors(), beside);
}

/// Reads the model's parameters from a model's file or from a checkpoint, and returns the notes. file_error where the file
/// is not that of such a model; nothing of the model is changed then.
template <class Model>
notes load_model(const std::filesystem::path& path, Model& model) {
    const files::safetensors_file file(path);
    const std::size_t wanted = checkpoints::require_all(file, model);
    std::size_t others = 0;
    for (const auto& tensor : file.tensors()) others += tensor.name.starts_with(checkpoints::prefix);
    if (file.tensors().size() != wanted + others)
        checkpoints::refuse(file, "holds " + std::to_string(file.tensors().size() - others) + " parameters, and the model has " +
                                      std::to_string(wanted) + ".");
    checkpoints::read_all(file, model);
    notes beside = file.metadata();
    beside.erase(std::string(checkpoints::steps_key));
    return beside;
}

/// Writes all that a training needs to go on after its latest update.
template <class Model, class Optimizer>
void save_checkpoint(const std::filesystem::path& path, Model& model, Optimizer& optimizer, notes beside = {}) {
    auto tensors = checkpoints::tensors_of(model);
    optimizer.visit_state(model, [&](std::string_view name, std::string_view moment, const auto& values, const auto& parameter) {
        if (!values.empty()) tensors.add(checkpoints::moment_name(name, moment), parameter, std::span(values.data(), values.size()));
    });
    beside[std::string(checkpoints::steps_key)] = std::to_string(optimizer.steps());
    files::save_safetensors(path, tensors.tensors(), std::move(beside));
}

/// Reads a checkpoint into a model and an optimizer of the same kinds, and returns the notes. file_error where the file is
/// not a checkpoint of these; model and optimizer are then as they were.
template <class Model, class Optimizer>
notes load_checkpoint(const std::filesystem::path& path, Model& model, Optimizer& optimizer) {
    const files::safetensors_file file(path);
    notes beside = file.metadata();
    const auto found = beside.find(std::string(checkpoints::steps_key));
    if (found == beside.end()) checkpoints::refuse(file, "is no checkpoint: it does not say how many updates were made.");
    std::int64_t steps = -1;
    const char* const end = found->second.data() + found->second.size();
    const auto [stop, error] = std::from_chars(found->second.data(), end, steps);
    if (error != std::errc() || stop != end || steps < 0)
        checkpoints::refuse(file, "is no checkpoint: its number of updates is '" + found->second + "'.");
    beside.erase(found);

    std::size_t wanted = checkpoints::require_all(file, model);
    optimizer.visit_state(model, [&](std::string_view name, std::string_view moment, auto& values, const auto& parameter) {
        const std::string stored = checkpoints::moment_name(name, moment);
        if (file.find(stored) == nullptr) return;           // a moment that had not begun
        checkpoints::require<checkpoints::stored_number<decltype(values)>>(file, stored, parameter.shape());
        ++wanted;
    });
    if (file.tensors().size() != wanted)
        checkpoints::refuse(file, "holds " + std::to_string(file.tensors().size()) + " tensors, of which the model and the optimizer know " +
                                      std::to_string(wanted) + ".");

    checkpoints::read_all(file, model);
    optimizer.visit_state(model, [&](std::string_view name, std::string_view moment, auto& values, const auto& parameter) {
        const std::string stored = checkpoints::moment_name(name, moment);
        values.clear();
        if (file.find(stored) == nullptr) return;
        values.resize(parameter.values().size());
        nn::write_numbers(std::span(values.data(), values.size()), [&](auto numbers) { file.read(stored, parameter.shape(), numbers); });
    });
    optimizer.resume_at(steps);
    return beside;
}

}  // namespace heed::inline HEED_TARGET::train
