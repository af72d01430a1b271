// What windows do to a classifier: small encoders that differ in their mask alone, on posts whose meaning lies in their order.
//
//     ./dev run window_auc [POSTS] [PASSES]        posts to learn from (16,000) and passes over them (8)
//
// The posts are those that the feed example generates. The label here is whether all that no bag of words can see speaks
// for the post or against it (a negator that turns the words after it, cues before their targets, pairs of topics); it is
// told without noise, and without what single words and metadata say, so that few posts are enough to see a difference.
// Tests are 4,000 further posts; all models have the same size, first parameters, batches and learning rates.
#include <feed/generated.hpp>

#include <heed/heed.hpp>
#include <heed/metrics/auc.hpp>
#include <heed/nn/embedding.hpp>
#include <heed/nn/linear.hpp>
#include <heed/nn/loss.hpp>
#include <heed/nn/pooling.hpp>
#include <heed/nn/transformer.hpp>
#include <heed/train/adam.hpp>
#include <heed/train/schedule.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

struct text       : heed::axis<>    {};
struct token      : heed::axis<>    {};
struct vocabulary : heed::axis<feed::generated_language::end_of_content + 1> {};      // and one for all that play no part
struct place      : heed::axis<256> {};
struct model      : heed::axis<32>  {};
struct head       : heed::axis<2>   {};
struct head_dim   : heed::axis<16>  {};
struct hidden     : heed::axis<64>  {};
struct answer     : heed::axis<1>   {};

using namespace heed;
using texts = ragged<text, token>;
using vectors = tensor<float, texts, model>;

struct batch {
    tensor<int, texts> tokens;
    tensor<float, text, answer> labels;
};

struct posts_and_labels {
    std::vector<std::vector<int>> tokens;
    std::vector<int> labels;

    posts_and_labels(const feed::generator& generate, std::uint64_t first, std::size_t count) {
        feed::post post;
        for (std::size_t i = 0; i < count; ++i) {
            generate.fill(post, first + i);
            labels.push_back(generate.parts(post).interactions() > 0);
            for (int& word : post.tokens) word = std::min(word, feed::generated_language::end_of_content);
            tokens.push_back(post.tokens);
        }
    }

    batch select(const std::vector<std::size_t>& order, std::size_t begin, std::size_t end) const {
        std::vector<std::size_t> lengths;
        for (std::size_t i = begin; i < end; ++i) lengths.push_back(tokens[order[i]].size());
        batch b{tensor<int, texts>(texts(lengths)), tensor<float, text, answer>(text{end - begin})};
        auto word = b.tokens.begin();
        auto label = b.labels.begin();
        for (std::size_t i = begin; i < end; ++i) {
            word = std::copy(tokens[order[i]].begin(), tokens[order[i]].end(), word);
            *label++ = static_cast<float>(labels[order[i]]);
        }
        return b;
    }
};

/// Embedding, positions, two layers that attend through the mask, the mean, one logit.
struct classifier {
    using encoder_type = nn::transformer_encoder<float, token, model, head, head_dim, hidden>;
    using words_type = nn::embedding<float, vocabulary, model>;

    words_type words;
    nn::learned_positions<float, token, place, model> positions;
    encoder_type encoder{2};
    nn::mean_pooling<token> pooling;
    nn::linear<float, model, answer> last;

    struct trace {
        words_type::trace_of<tensor<int, texts>> words;
        vectors x;
        encoder_type::trace_of<vectors> encoder;
        nn::mean_pooling<token>::trace_of<vectors> pooling;
        nn::linear<float, model, answer>::trace_of<tensor<float, text, model>> last;
        tensor<float, text, answer> dlogits;
    };

    const tensor<float, text, answer>& forward(const batch& b, const auto& mask, trace& t) const {
        t.x = words.forward(b.tokens, t.words) + positions();
        return last.forward(pooling.forward(encoder.forward(t.x, mask, t.encoder), t.pooling), t.last);
    }

    nn::summed_loss learn(const batch& b, const auto& mask, trace& t) {
        const auto loss = nn::binary_cross_entropy::forward(forward(b, mask, t), b.labels, t.dlogits);
        const auto& dpooled = last.backward(t.dlogits, t.pooling.y, t.last);
        const auto& dx = encoder.backward(pooling.backward(dpooled, t.encoder.norm.y, t.pooling), t.x, mask, t.encoder);
        positions.backward(dx);
        words.backward(dx, b.tokens, t.words);
        return loss;
    }

    static void parts(auto& self, auto&& part) {
        part("words", self.words);
        part("positions", self.positions);
        part("encoder", self.encoder);
        part("last", self.last);
    }
};

/// The logits of the test posts after a training with the mask.
std::vector<double> trained(const posts_and_labels& posts, const posts_and_labels& test, const auto& mask, int passes) {
    constexpr std::size_t batch_size = 64;
    classifier net;
    nn::initialise(net, 1);
    classifier::trace trace;
    train::adamw<float> optimizer;
    const std::size_t steps = posts.tokens.size() / batch_size;
    const train::schedule rate{.peak = 3e-3, .warm_up = static_cast<std::int64_t>(steps / 4), .total = static_cast<std::int64_t>(steps) * passes};

    std::vector<std::size_t> order(posts.tokens.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    random_stream random(2);
    for (int pass = 0; pass < passes; ++pass) {
        for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
        for (std::size_t step = 0; step < steps; ++step) {
            nn::clear_gradients(net);
            const auto loss = net.learn(posts.select(order, step * batch_size, (step + 1) * batch_size), mask, trace);
            optimizer.step(net, rate(optimizer.steps() + 1), 1 / loss.count);
        }
    }

    std::vector<std::size_t> in_order(test.tokens.size());
    std::iota(in_order.begin(), in_order.end(), std::size_t(0));
    std::vector<double> logits;
    for (std::size_t begin = 0; begin < in_order.size(); begin += batch_size) {
        const auto& z = net.forward(test.select(in_order, begin, std::min(begin + batch_size, in_order.size())), mask, trace);
        logits.insert(logits.end(), z.begin(), z.end());
    }
    return logits;
}

/// The AUC over the posts whose length lies in the bounds.
double auc_between(const posts_and_labels& test, const std::vector<double>& logits, std::size_t shortest, std::size_t longest) {
    std::vector<double> z;
    std::vector<int> labels;
    for (std::size_t i = 0; i < logits.size(); ++i)
        if (test.tokens[i].size() >= shortest && test.tokens[i].size() <= longest) z.push_back(logits[i]), labels.push_back(test.labels[i]);
    return metrics::auc(z, labels);
}

int main(int count, char** arguments) {
    const int learnt = count > 1 ? std::atoi(arguments[1]) : 16'000, passes = count > 2 ? std::atoi(arguments[2]) : 8;
    if (learnt < 64 || passes < 1) {
        std::fprintf(stderr, "window_auc: at least 64 posts and one pass are needed\n");
        return 2;
    }
    const feed::generator generate(1);
    const posts_and_labels posts(generate, 0, static_cast<std::size_t>(learnt)), test(generate, feed::generator::first_validation, 4000);
    std::printf("%d posts to learn from, %d passes; %zu to test\n\n", learnt, passes, test.labels.size());
    std::printf("%-32s %6s %17s %22s   AUC by tokens: to 32  33 to 96  97 and more\n", "may attend to", "AUC", "95 % interval", "against everything");

    // One expression for all masks: its numbers are known when the program runs, and it is compiled once.
    struct sight { const char* name; int window, global, block; };
    std::vector<double> whole;
    for (const auto [name, window, global, block] : {sight{"everything", 256, 0, 256}, sight{"itself alone", 0, 0, 256}, sight{"4 to each side", 4, 0, 256},
                                                     sight{"16 to each side", 16, 0, 256}, sight{"64 to each side", 64, 0, 256},
                                                     sight{"4 to each side, 2 global tokens", 4, 2, 256}, sight{"blocks of 16", 256, 0, 16}}) {
        const auto i = position<token>();
        const auto j = position<attended<token>>();
        const auto mask = (abs(i - j) <= window || i < global || j < global) && i / block == j / block;
        const std::vector<double> logits = trained(posts, test, mask, passes);
        if (whole.empty()) whole = logits;
        const auto auc = metrics::auc_interval(logits, test.labels);
        const auto more = metrics::compare_auc(whole, logits, test.labels);
        std::printf("%-32s %6.4f  %6.4f to %6.4f  %+.4f +- %.4f %24.4f %9.4f %12.4f\n", name, auc.value, auc.confidence.low, auc.confidence.high, more.value,
                    1.96 * more.standard_error, auc_between(test, logits, 1, 32), auc_between(test, logits, 33, 96), auc_between(test, logits, 97, 256));
        std::fflush(stdout);
    }
}
