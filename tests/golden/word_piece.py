"""Golden values for tests/tokenizers, from the PyPI package `tokenizers`, and the table of characters that BERT's rules need.

    python3 tests/golden/word_piece.py SAMPLE.tsv     writes tests/golden/word_piece/*
    python3 tests/golden/word_piece.py --characters   prints the ranges of include/heed/tokenizers/bert_characters.hpp

SAMPLE.tsv holds posts, with a header and the text in its last column; it is copied beside the values. Made with Python 3.11
and tokenizers 0.23.3 (each file states the versions that it was made with, where its format has room for it).

vocab.txt is trained once: the package's trainer breaks ties by chance, so a vocabulary that is there already is kept.
"""
import pathlib
import platform
import shutil
import sys
import unicodedata

import tokenizers
from tokenizers import BertWordPieceTokenizer
from tokenizers.decoders import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
MADE_WITH = f"Made by tests/golden/word_piece.py: Python {platform.python_version()}, tokenizers {tokenizers.__version__}."
FOLDER = pathlib.Path(__file__).parent / "word_piece"


def hexadecimal(text):
    return " ".join(f"{ord(c):04X}" for c in text) or "-"


# --- the table of characters -------------------------------------------------------------------------------------------

def only(**on):
    return BertNormalizer(**{**dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False), **on})


def kind(c, clean=only(clean_text=True), strip=only(strip_accents=True), spaced=only(handle_chinese_chars=True), split=BertPreTokenizer()):
    between = f"a{chr(c)}b"
    if clean.normalize_str(between) == "ab":
        return "removed"
    if clean.normalize_str(between) == "a b":
        return "space"
    if spaced.normalize_str(between) != between:
        return "ideograph"
    if strip.normalize_str(between) == "ab":
        return "mark"
    if len(split.pre_tokenize_str(between)) == 3:
        return "punctuation"
    return None


def print_characters():
    print(f"// {MADE_WITH}")
    runs = []
    for c in SCALARS:
        k = kind(c) if c >= 0x80 else None
        if k and runs and runs[-1][1] == c - 1 and runs[-1][2] == k:
            runs[-1][1] = c
        elif k:
            runs.append([c, c, k])
    line = indent = " " * 7
    for first, last, k in runs:
        cell = f" {{0x{first:x}, 0x{last:x}, {k}}},"
        if len(line + cell) > 140:
            print(line)
            line = indent
        line += cell
    print(line)


# --- the values --------------------------------------------------------------------------------------------------------

def nasty():
    """200 strings that a tokenizer may get wrong."""
    marks = "".join(map(chr, range(0x300, 0x370)))
    spaces = [c for c in SCALARS if chr(c).isspace() or unicodedata.category(chr(c)).startswith("Z")]
    yield from ["", " ", "\n", "\t\r\n", "   a   ", "a", "A", "##", "##a", "a##b", "#", "[UNK]", "[CLS] a [SEP]", "[MASK]", "[", "[pad]"]
    yield from ["don't", "it's", "e-mail", "C++", "C#", "a_b", "x=1.5", "$100.00", "50%", "@name", "http://www.example.com/a?b=c&d", "...", "!?!?", "<|>", "~`^"]
    yield from ["".join(map(chr, range(0x21, 0x7F))), "".join(map(chr, range(0x80))), "".join(map(chr, range(0x80, 0x100))), "!" * 200, "\u2026\u2014\u2018\u2019\u201C\u201D"]
    yield from ["a" * 99, "a" * 100, "a" * 101, "the " + "b" * 101 + " end", "\u00e9" * 100, "\u00e9" * 101, "e\u0301" * 100, "e\u0301" * 101,
                "\ud55c" * 33, "\ud55c" * 34, "\uac00" * 50, "\uac00" * 51, "\U0001F600" * 100, "\U0001F600" * 101, "a" * 5000, "a\u200b" * 101]
    yield from ["caf\u00e9", "cafe\u0301", "CAF\u00c9", "na\u00efve", "\u00c5ngstr\u00f6m", "\u212bngstr\u00f6m", "\u1e69", "s\u0323\u0307", "s\u0307\u0323", "\u0344", "\u0301a", "\u0301", marks,
                "Z" + marks + "a", "\u0958", "\u0dda", "\u0ddd", "\u1026", "\u1f82", "\u0390", "\u03b0"]
    yield from ["\u0130stanbul", "istanbul \u0131", "I\u0307", "\u00df", "\u1e9e", "STRASSE Stra\u00dfe", "\ufb01 \ufb02 \ufb03", "\u01c4 \u01c5 \u01c6", "\u0132 \u0133", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3",
                "\u039f\u0394\u039f\u03a3 \u03a3", "\u03c2 \u03c3", "\u2126 \u03a9", "\u212a \u212b", "\u0149", "\u01f0", "\u1e96", "\u1f88", "\u2c62 \ua7ae", "\U00010400\U00010428", "\u13a0\uab70", "\u10a0\u2d00\u1c90", "\U0001e900\U0001e922"]
    yield from ["\u4e2d\u6587", "a\u4e2db", "\u4e2d\u6587abc\u6f22\u5b57", "\U00020000\U0002a6df", "\U0002a700 \U0002b740 \U0002b820 \U0002b920 \U0002ceaf", "\uf900\ufa0e\U0002f800", "\u3400\u9fff\ua000",
                "\u3042\u3044 \u30a2\u30a4\u30a6", "\u304c\u30d1", "\uff76\uff9e", "\uff21\uff22\uff23\uff01", "\u3001\u3002\u300c\u300d", "\u3021\u3007", "\u2e80\u2f00", "\u302a\u302e\u302f"]
    yield from ["\ud55c\uad6d\uc5b4", "\uac00\uac01", "\u1100\u1161\u11a8", "\u3131\u314f", "\ud7a3", "\u1112\u1161\u11ab\uae00"]
    yield from ["\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", "\ufb2a\ufb4f", "\u0645\u0631\u062d\u0628\u0627", "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f", "\u0622\u0623\u0625", "\u061f\u060c\u061b", "\u202eabc\u202c", "a\u200fb\u200ec", "\u0661\u0662\u0663", "\u06d4\u066a"]
    yield from ["\u0928\u092e\u0938\u094d\u0924\u0947", "\u0915\u094d\u0937", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd", "\u0c95\u0ccb", "\u1019\u103c\u1014\u103a\u1019\u102c", "\u0f40\u0f71\u0f72\u0f0b", "\u0f73\u0f75\u0f81", "\u1b44\u1b35\u1b06", "\u0964\u0965"]
    yield from ["\U0001F600", "\U0001F468\u200D\U0001F469\u200D\U0001F467", "\U0001F44D\U0001F3FD", "\U0001F1E9\U0001F1EA", "\u2764\ufe0f", "\u2603 \u2764", "1\ufe0f\u20e3", "\U0001F3F4\U000E0067\U000E0062\U000E007F", "a\U0001F600b"]
    yield from ["\ufffd", "a\ufffdb", "\ufffd\ufffd x", "a\x00b", "\x01\x02\x03", "a\x7fb", "a\x85b", "a\x0bb\x0cc", "\ufeffa", "a\u00adb", "zero\u200bwidth", "a\u200cb\u200dc", "a\u2060b", "word\u2061\u2062\u2063", "\u180ea", "a\u034fb", "\u115f\u1160\u3164", "\ufff9a\ufffab\ufffb"]
    yield from ["\ue000", "a\ue000b", "\U000F0000\U0010FFFD", "\uffff", "\ufdd0", "\U0001FFFE", "\u0378\u0379", "\U000E0100", "\U0010FFFF"]
    yield from ["|".join(map(chr, spaces)), "a".join(map(chr, spaces)), "a\u00a0b", "a\u3000b", "a\u2028b\u2029c", "a\u1680b", "\u2000\u2001\u2002"]
    yield from ["\u037e\u0387\u1fef", "\u2329\u232a", "\u00b4\u0060\u00a8\u00b8", "\u2260 = \u0338", "=\u0338", "\u00ab\u00bb\u00bf\u00a1\u00a7\u00b6", "\u00a9\u00ae\u2122\u20ac\u00a3", "\u00bd\u00b2\u2460", "x\u0336y\u0336", "\u2044\u2215", "\u0609\u060a"]
    # The order of combining marks that are not stripped, and characters younger than the tables.
    yield from ["a\u302e\u302f\u1dfb", "\u302e\U0001d165", "\U0001d165\U0001d16d\U0001d16e", "\U0001d15e\u302e\U0001d16f", "\U0001e94a\U0001e944", "\U0001e944\U0001e94a", "\u1dfb\u302e", "\u1dfb\u1bf2\u302e",
                "\u1dfb\u0301\u302e", "\u1dfb\u0941\u302e", "\u1dfb\x01\u302e", "\u1dfb \u302e", "\u1dfb\u4e00\u302e", "\u08d4\U00011446\u1b44", "\U00011938", "\u1abf\u302e", "\ua7cb\U00010d50\U00016ea0", "\u2e43a\U0001e95e"]


def pad_to(strings, n):
    """Mixtures of what is there, chosen by a fixed rule, so that there are n."""
    strings = list(dict.fromkeys(strings))
    base = len(strings)
    state = 1
    while len(strings) < n:
        parts = []
        for _ in range(6):
            state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
            parts.append(strings[(state >> 33) % base][:12])
        strings.append("".join(parts))
    return strings


def fnv1a(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return h


def write(name, lines):
    (FOLDER / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")


def write_values(sample):
    FOLDER.mkdir(exist_ok=True)
    if sample.resolve() != (FOLDER / "sample.tsv").resolve():
        shutil.copyfile(sample, FOLDER / "sample.tsv")
    texts = [line.split("\t")[-1] for line in sample.read_text(encoding="utf-8").split("\n")[1:] if line]
    strings = pad_to(nasty(), 240)

    if not (FOLDER / "vocab.txt").exists():
        # The strings count too, three times, so that most of their characters have pieces of their own; the longest do not.
        trained = BertWordPieceTokenizer(lowercase=True)
        trained.train_from_iterator(texts + [s for s in strings if len(s) <= 100] * 3, vocab_size=4000, min_frequency=2, limit_alphabet=1000, show_progress=False)
        trained.save_model(str(FOLDER))
    tokenizer = BertWordPieceTokenizer(str(FOLDER / "vocab.txt"), lowercase=True)
    tokenizer._tokenizer.encode_special_tokens = True       # text is text: "[CLS]" in a post is no special token
    tokenizer._tokenizer.decoder = WordPiece(cleanup=False)
    normalizer, splitter = tokenizer._tokenizer.normalizer, tokenizer._tokenizer.pre_tokenizer

    def ids(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    def spaced(numbers):
        return " ".join(map(str, numbers)) or "-"

    write("ids.tsv", [f"# {MADE_WITH} The ids of each text of sample.tsv."] + [spaced(ids(text)) for text in texts])
    write("decoded.tsv", [f"# {MADE_WITH} The ids of the first 50 texts of sample.tsv, decoded without clean-up."]
          + [tokenizer.decode(ids(text), skip_special_tokens=False) for text in texts[:50]])
    write("nasty.tsv", [f"# {MADE_WITH} Code points of a text; of what BERT makes of it; its ids; - for none."]
          + ["\t".join((hexadecimal(s), hexadecimal(normalizer.normalize_str(s)), spaced(ids(s)))) for s in strings])

    own = BertWordPieceTokenizer(lowercase=True)
    own.train_from_iterator(texts, vocab_size=2000, min_frequency=2, limit_alphabet=1000, show_progress=False)
    count = sum(len(own.encode(text, add_special_tokens=False).ids) for text in texts)
    write("trained.tsv", [f"# {MADE_WITH} A vocabulary of at most 2000 trained on the texts of sample.tsv: its size; the number of ids of those texts.",
                          f"{own.get_vocab_size()}\t{count}"])

    # Every character there is, alone between two letters: what it becomes and how it splits, hashed by blocks of 256.
    lines = [f"# {MADE_WITH} First character of a block of 256; FNV-1a of its characters' normal forms and words.",
             "# Blocks whose characters all stay as they are, inside a word, are left out."]
    for block in range(0, 0x110000, 256):
        outcome, plain = [], []
        for c in range(block, block + 256):
            if 0xD800 <= c < 0xE000:
                continue
            between = f"a{chr(c)}b"
            normal = normalizer.normalize_str(between)
            outcome.append(normal + "\t" + " ".join(word for word, _ in splitter.pre_tokenize_str(normal)) + "\n")
            plain.append(f"{between}\t{between}\n")
        if outcome != plain:
            lines.append(f"{block:04X}\t{fnv1a(''.join(outcome).encode()):016x}")
    write("characters.tsv", lines)


if len(sys.argv) != 2:
    sys.exit(__doc__)
elif sys.argv[1] == "--characters":
    print_characters()
else:
    write_values(pathlib.Path(sys.argv[1]))
