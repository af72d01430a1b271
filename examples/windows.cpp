// What is saved by letting each position see less: masks over positions, and the tiles that the kernel skips for them.
//
// A mask is an expression. The kernel evaluates the same expression on intervals, for a whole tile of queries and keys at
// once: a tile that is ruled out is never computed, and one that is let through whole is not tested. Printed for each mask:
//
//     pairs      the share of pairs of a query and a key that may attend
//     tiles      the share of tiles, of 12 queries x 128 keys, that hold such a pair: what must be computed
//     time       of the attention: processor time, the least of several runs in turn, and its share of that without a mask
//
//     ./dev run windows [TOKENS]       self-attention of 4 heads of 32 numbers, float, on one thread
#include <heed/heed.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <limits>
#include <string>
#include <vector>

struct head  : heed::axis<4>  {};
struct query : heed::axis<>   {};
struct key   : heed::axis<>   {};
struct depth : heed::axis<32> {};

using namespace heed;

struct candidate {
    std::string name;
    std::function<void()> attend;
    std::function<bool(int, int)> visible;          // the mask once more, for counting
    double best = std::numeric_limits<double>::infinity();
};

/// The share of pairs that may attend, counted in tiles of so many queries and keys; in tiles of one pair, exactly.
double visible_share(const candidate& c, int tokens, int rows, int keys) {
    double some = 0, all = 0;
    for (int i = 0; i < tokens; i += rows)
        for (int j = 0; j < tokens; j += keys, ++all) {
            bool any = false;
            for (int a = i; a < std::min(i + rows, tokens) && !any; ++a)
                for (int b = j; b < std::min(j + keys, tokens) && !any; ++b) any = c.visible(a, b);
            some += any;
        }
    return some / all;
}

int main(int count, char** arguments) {
    const int tokens = count > 1 ? std::atoi(arguments[1]) : 4096;
    if (tokens < 1 || tokens > 65536) {
        std::fprintf(stderr, "windows: the number of tokens must lie in 1 to 65536, and is %s\n", arguments[1]);
        return 2;
    }
#if defined(_OPENMP)
    omp_set_num_threads(1);
#endif
    tensor<float, query, head, depth> q(query{tokens}), out(query{tokens});
    tensor<float, key, head, depth> k(key{tokens}), v(key{tokens});
    q = random_uniform(1, 0, place_in(q)) - 0.5;
    k = random_uniform(2, 0, place_in(k)) - 0.5;
    v = random_uniform(3, 0, place_in(v)) - 0.5;

    const auto scores = dot<depth>(q, k) / std::sqrt(float(depth::extent));
    const auto i = position<query>();
    const auto j = position<key>();
    const auto attend = [&](const auto& mask) {
        return [&out, scores, mask, &v] { out = dot<key>(softmax<key>(where(mask, scores, -infinity)), v); };
    };
    std::vector<candidate> candidates;
    candidates.push_back({"everything", [&] { out = dot<key>(softmax<key>(scores), v); }, [](int, int) { return true; }});
    candidates.push_back({"causal", attend(j <= i), [](int a, int b) { return b <= a; }});
    for (int w : {512, 128, 32})
        candidates.push_back({"window of " + std::to_string(w) + " to each side", attend(abs(i - j) <= w), [w](int a, int b) { return std::abs(a - b) <= w; }});
    candidates.push_back({"window of 128, 16 global tokens", attend(abs(i - j) <= 128 || j < 16 || i < 16),
                          [](int a, int b) { return std::abs(a - b) <= 128 || b < 16 || a < 16; }});
    candidates.push_back({"blocks of 256", attend(i / 256 == j / 256), [](int a, int b) { return a / 256 == b / 256; }});
    candidates.push_back({"blocks of 256, each its neighbours", attend(abs(i / 256 - j / 256) <= 1), [](int a, int b) { return std::abs(a / 256 - b / 256) <= 1; }});

    const int rounds = tokens > 1024 ? 6 : 100;
    for (int round = 0; round <= rounds; ++round)
        for (candidate& c : candidates) {
            const std::clock_t start = std::clock();
            c.attend();
            if (round > 0) c.best = std::min(c.best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
        }

    std::printf("%d tokens, %d heads of %d\n\n%-36s %8s %8s %10s %8s\n", tokens, int(head::extent), int(depth::extent), "may attend to", "pairs", "tiles",
                "time", "share");
    for (const candidate& c : candidates)
        std::printf("%-36s %6.1f %% %6.1f %% %7.2f ms %6.1f %%\n", c.name.c_str(), 100 * visible_share(c, tokens, 1, 1), 100 * visible_share(c, tokens, 12, 128),
                    1e3 * c.best, 100 * c.best / candidates.front().best);
}
