// The device suite: the table of cases on the GPU of this machine. Where none is, it says so and ends with 77.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <heed/eval/cuda/stream.cuh>

#include <cstdio>

int main(int count, char** arguments) {
    try {
        heed::cuda::require_device();
    } catch (const heed::device_error& none) {
        std::printf("skipped: %s\n", none.what());
        return 77;
    }
    return Catch::Session().run(count, arguments);
}
