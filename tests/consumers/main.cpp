// A stranger's program: it must be built with what the CMake targets that it names promise, and with no more.
#include <heed/error.hpp>
#include <heed/target.hpp>

#include <cstdio>
#include <string_view>

#ifdef EVERYTHING
#include <Eigen/Core>
#include <nlohmann/json.hpp>
#include <utf8proc.h>
#include <zlib.h>
#endif

int main() {
    const std::string_view target = HEED_TEXT(HEED_TARGET);
#ifdef EVERYTHING
    const bool right = target.starts_with("target_openmp_") && zlibVersion() && utf8proc_version() && Eigen::Vector2f(3, 4).norm() == 5 &&
                       nlohmann::json::parse("[1]").size() == 1;
#else
    const bool right = target == "target_sse2" || target == "target_generic";
#endif
    std::printf("%s: %s\n", target.data(), right ? "ok" : "not what the CMake targets promise");
    return !right;
}
