/// How products of floats are multiplied on a GPU: exactly by default, in TF32 by choice.
#pragma once

#include <heed/target.hpp>

#include <utility>

namespace heed::inline HEED_TARGET::cuda {

/// In what products of floats are multiplied, those of attention too. They are summed in float either way.
enum class precision {
    exact,              ///< as floats
    tf32                ///< rounded to ten bits of mantissa, on tensor cores: several times as fast
};

/// That of the statements of this thread.
inline precision& thread_precision() {
    thread_local precision chosen = precision::exact;
    return chosen;
}

/// Products of this thread's statements are multiplied so while this lives.
class use_precision {
public:
    explicit use_precision(precision chosen) : before_(std::exchange(thread_precision(), chosen)) {}
    use_precision(const use_precision&) = delete;
    use_precision& operator=(const use_precision&) = delete;
    ~use_precision() { thread_precision() = before_; }

private:
    precision before_;
};

}  // namespace heed::inline HEED_TARGET::cuda
