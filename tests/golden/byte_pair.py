"""Golden values for tests/tokenizers/byte_pair*.cpp, from the PyPI package `tokenizers`.

    python3 tests/golden/byte_pair.py     writes tests/golden/byte_pair/*

The vocabulary is trained on the posts of tests/golden/word_piece/sample.tsv, line by line. Made with tokenizers 0.23.3.
"""
import pathlib
import random

import tokenizers
from tokenizers import ByteLevelBPETokenizer

GOLDEN = pathlib.Path(__file__).parent
FOLDER = GOLDEN / "byte_pair"
POSTS = [line.split("\t")[-1] for line in (GOLDEN / "word_piece/sample.tsv").read_text(encoding="utf-8").splitlines()[1:]]


def nasty():
    """Strings that a tokenizer may get wrong."""
    yield from ["", " ", "  ", "\n", " \n a", "a  b", "a   b ", "a \t b", "\t\ta", "don't", "we'll they've I'm he'd it's you're", "'S 'sa 's' ' s", "''s", " 's", "x'y"]
    yield from ["1,234.50", "a1b2", "１２３", "²³½", "Ⅷ ⅷ", "٣٤", "C++ C#", "...!?", "<|endoftext|>", "a<|endoftext|>b", "~`^_", "foo_bar", "http://example.com/a?b=c"]
    yield from ["naïve café", "nai\u0308ve", "東京は日本", "Привет, мир!", "שלום", "नमस्ते", "👩‍👩‍👧", "\u200b", "\u00a0x", "a\u00a0b", "x\u3000\u3000y", "\u2028z", "\ufeffa", "\ufffd", "\U0001F600\U0001F600", "\x00\x01", "\x85 a", "ǅ ʰ"]
    yield from ["a" * 47, "a" * 48, "a" * 49, "ab" * 200, "!" * 300, " " * 60, " " * 60 + "x", "the" * 40, "thethere" * 30]
    draw = random.Random(1)
    alphabet = "aetoin  '\n\t.,!019éßж東\u00a0\u0308sdlm"
    for _ in range(200):
        yield "".join(draw.choice(alphabet) for _ in range(draw.randrange(1, 90)))


FOLDER.mkdir(exist_ok=True)
made = ByteLevelBPETokenizer()
made.train_from_iterator(POSTS, vocab_size=1500, min_frequency=2, special_tokens=["<|endoftext|>"], show_progress=False)
made.save_model(str(FOLDER))
plain = ByteLevelBPETokenizer(str(FOLDER / "vocab.json"), str(FOLDER / "merges.txt"))     # knows no special tokens
with open(FOLDER / "ids.tsv", "w", encoding="utf-8") as out:
    print(f"# bytes and ids. Made by tests/golden/byte_pair.py: tokenizers {tokenizers.__version__}.", file=out)
    for text in [*POSTS[:60], *nasty()]:
        ids = plain.encode(text).ids
        assert plain.decode(ids, skip_special_tokens=False) == text
        print(text.encode().hex() or "-", " ".join(map(str, ids)) or "-", sep="\t", file=out)
