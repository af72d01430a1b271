// What a program is told that runs where no GPU is.
#include <heed/cuda.hpp>

#include <cstdio>
#include <cstring>

struct token : heed::axis<> {};

int main() {
    int count = 0;
    if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0) {
        std::puts("skipped: a GPU is there");
        return 77;
    }
    cudaGetLastError();
    int told = 0;
    const auto expect = [&](const char* what, auto&& f) {
        try {
            f();
            std::printf("FAILED: %s throws nothing\n", what);
        } catch (const heed::device_error& found) {
            std::printf("%s: %s\n", what, found.what());
            told += std::strncmp(found.what(), "no GPU is there: ", 17) == 0;
        }
    };
    using namespace heed;
    expect("a tensor", [] { cuda::tensor<float, token> x(token{3}); });
    expect("a copy of a tensor of the host", [] {
        tensor<float, token> here(token{3});
        cuda::tensor<float, token> there = here;
    });
    expect("a stream", [] { cuda::stream s; });
    expect("page-locked memory", [] { cuda::host_memory<float> memory(3); });
    expect("a graph", [] { cuda::capture([] {}); });
    cuda::tensor<float, token> empty;           // holds nothing, and asks for nothing
    return told == 5 ? 0 : 1;
}
