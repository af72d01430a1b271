// The original Transformer, encoder and decoder, on a toy: it reads a sequence of digits and writes it backwards, or sorted.
//
//     ./dev run reverse            reverses         ./dev run reverse sort           sorts
#include <heed/heed.hpp>
#include <heed/nn/transformer_decoder.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

using namespace heed;

struct batch  : axis<64> {};
struct source : axis<12> {};                // what is read ...
struct token  : axis<12> {};                // ... and what is written
struct place  : axis<12> {};
struct digit  : axis<11> {};                // 0 to 9, and the mark that begins a text
struct model  : axis<32> {};
struct head   : axis<4>  {};
struct depth  : axis<8>  {};
struct hidden : axis<64> {};

constexpr int begin_mark = 10;
using read_ids = tensor<int, batch, source>;
using written_ids = tensor<int, batch, token>;

struct transformer {
    using memory = tensor<float, batch, source, model>;
    using vectors = tensor<float, batch, token, model>;
    using encoder_type = nn::transformer_encoder<float, source, model, head, depth, hidden>;
    using decoder_type = nn::transformer_decoder<float, token, source, model, head, depth, hidden>;
    using table = nn::embedding<float, digit, model>;
    using answer_type = nn::linear<float, model, digit>;

    table read, written;
    nn::learned_positions<float, source, place, model> read_places;
    nn::learned_positions<float, token, place, model> written_places;
    encoder_type encoder{1};
    decoder_type decoder{1};
    answer_type answer;

    struct trace_of {
        memory x;
        vectors y;
        encoder_type::trace_of<memory> encoder;
        decoder_type::trace_of<vectors, memory> decoder;
        answer_type::trace_of<vectors> answer;
        table::trace_of<read_ids> read;
        table::trace_of<written_ids> written;
        tensor<float, batch, token, digit> dlogits;
    };

    /// The logits of each digit to write, given those before it.
    const auto& forward(const read_ids& from, const written_ids& to, trace_of& t) const {
        t.x = read(from) + read_places();
        t.y = written(to) + written_places();
        const auto& m = encoder.forward(t.x, nn::everything{}, t.encoder);
        return answer.forward(decoder.forward(t.y, m, decoder.causal(), nn::everything{}, t.decoder), t.answer);
    }
    void backward(const read_ids& from, const written_ids& to, trace_of& t) {
        const auto& dh = answer.backward(t.dlogits, t.decoder.norm.y, t.answer);
        const auto& dy = decoder.backward(dh, t.y, t.encoder.norm.y, decoder.causal(), nn::everything{}, t.decoder);
        const auto& dx = encoder.backward(t.decoder.dmemory, t.x, nn::everything{}, t.encoder);
        written_places.backward(dy), written.backward(dy, to, t.written);
        read_places.backward(dx), read.backward(dx, from, t.read);
    }

    /// Without help: each digit is written given those that were written before it.
    written_ids write(const read_ids& from, trace_of& t) const {
        written_ids to, made;
        for (int b = 0; b < batch::extent; ++b) to(b, 0) = begin_mark;
        for (int n = 0; n < token::extent; ++n) {
            const auto& logits = forward(from, to, t);
            for (int b = 0; b < batch::extent; ++b) {
                const float* z = &logits(b, n, 0);
                made(b, n) = static_cast<int>(std::max_element(z, z + digit::extent) - z);
                if (n + 1 < token::extent) to(b, n + 1) = made(b, n);
            }
        }
        return made;
    }

    static void parts(auto& self, auto&& part) {
        part("read", self.read), part("read_places", self.read_places), part("written", self.written), part("written_places", self.written_places);
        part("encoder", self.encoder), part("decoder", self.decoder), part("answer", self.answer);
    }
};

int main(int argc, char** argv) {
    const bool sort = argc > 1 && std::string(argv[1]) == "sort";
    const auto start = std::chrono::steady_clock::now();
    transformer net;
    nn::initialise(net, 1);
    train::adamw<float> optimizer;
    transformer::trace_of trace;
    random_stream random(2);
    read_ids from;
    written_ids to, target;

    const auto draw = [&] {
        for (int b = 0; b < batch::extent; ++b) {
            for (int s = 0; s < source::extent; ++s) from(b, s) = static_cast<int>(random.below(10));
            std::reverse_copy(&from(b, 0), &from(b, 0) + source::extent, &target(b, 0));
            if (sort) std::sort(&target(b, 0), &target(b, 0) + token::extent);
            to(b, 0) = begin_mark;                              // each digit is written given the true ones before it
            for (int t = 1; t < token::extent; ++t) to(b, t) = target(b, t - 1);
        }
    };
    /// The share of new sequences that come out right from their first digit to their last.
    const auto exactness = [&] {
        int right = 0;
        for (int round = 0; round < 8; ++round) {
            draw();
            const written_ids made = net.write(from, trace);
            for (int b = 0; b < batch::extent; ++b) right += std::equal(&made(b, 0), &made(b, 0) + token::extent, &target(b, 0));
        }
        return right / (8.0 * batch::extent);
    };

    const nn::categorical_cross_entropy<digit> cross_entropy;
    const train::schedule rate{.peak = 3e-3, .warm_up = 100, .total = 4000};
    for (int step = 1; step <= rate.total; ++step) {
        draw();
        nn::clear_gradients(net);
        const auto loss = cross_entropy.forward(net.forward(from, to, trace), target, trace.dlogits);
        net.backward(from, to, trace);
        optimizer.step(net, rate(step), train::clip_by_global_norm(net, 1.0, 1 / loss.count).scale);
        if (step % 250 > 0) continue;
        const double exact = exactness();
        std::printf("step %4d  loss %.4f  right throughout %5.1f %%  %.0f s\n", step, loss.mean(), 100 * exact, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        if (exact >= 0.995) break;
    }

    draw();
    const written_ids made = net.write(from, trace);
    for (int s = 0; s < source::extent; ++s) std::printf("%d ", from(0, s));
    std::printf("->");
    for (int t = 0; t < token::extent; ++t) std::printf(" %d", made(0, t));
    const double exact = exactness();
    std::printf("\nright throughout, of 512 sequences: %.1f %%\n", 100 * exact);
    return exact >= 0.99 ? 0 : 1;
}
