"""Where the peers live, how they are set up, and how a program talks to them and to its user."""
import argparse
import glob
import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLACE = ROOT / "build" / "peers"


class Trouble(Exception):
    """What a user is told in one line."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def quietly(command, log):
    with open(log, "w") as file:
        if subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True).returncode:
            lines = Path(log).read_text().strip().splitlines() or ["no message"]
            return next((line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")), lines[-1]).split(" (from versions")[0][:200]
    return None


def environment():
    """Python with the peers, and what could not be installed: {package: why}."""
    python, missing = PLACE / "venv" / "bin" / "python", {}
    wanted = (HERE / "requirements.txt").read_text()
    stamp = PLACE / "venv" / "requirements.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return python, missing
    PLACE.mkdir(parents=True, exist_ok=True)
    say("peers: making build/peers/venv (from nothing, some minutes)")
    here = subprocess.run([sys.executable, "-c", "import torch; print(torch.__version__.split('+')[0])"], capture_output=True, text=True).stdout.strip()
    at_hand = f"torch=={here}" in wanted            # then it is used and not fetched again
    if problem := quietly([sys.executable, "-m", "venv", "--clear"] + ["--system-site-packages"] * at_hand + [str(PLACE / "venv")], PLACE / "venv.log"):
        raise Trouble(f"Python cannot make an environment: {problem}")
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--extra-index-url", "https://download.pytorch.org/whl/cpu"]
    if quietly(pip + ["-r", str(HERE / "requirements.txt")], PLACE / "pip.log"):
        for line in wanted.split():                 # one by one: those that can be had
            if problem := quietly(pip + [line], PLACE / f"pip-{line.split('=')[0]}.log"):
                missing[line.split("=")[0]] = problem
    if not missing:
        stamp.write_text(wanted)
    return python, missing


def library(*patterns):
    return next((found for pattern in patterns for found in sorted(glob.glob(pattern))), None)


def tuned_for_torch():
    """Environment as PyTorch's tuning guide advises for processors: tcmalloc, Intel's OpenMP, threads that stay where they
    are. And what it does not say: MKL takes its AVX-512 kernels on Intel's processors alone, and is half as fast on
    others, unless the function by which it asks is answered for it."""
    loaded = {"tcmalloc": library("/usr/lib/*/libtcmalloc_minimal.so.4", "/usr/lib*/libtcmalloc_minimal.so.4"),
              "Intel OpenMP": library(f"{PLACE}/venv/lib/libiomp5.so", f"{PLACE}/venv/lib/python*/site-packages/**/libiomp5.so")}
    if "AuthenticAMD" in Path("/proc/cpuinfo").read_text():
        source, answer = PLACE / "mkl_takes_avx512.c", PLACE / "mkl_takes_avx512.so"
        source.write_text("int mkl_serv_intel_cpu_true(void) { return 1; }\n")
        made = quietly(["cc", "-shared", "-fPIC", "-o", str(answer), str(source)], PLACE / "cc.log") is None
        loaded["MKL as on Intel"] = str(answer) if made else None
    about = ", ".join(name if path else f"without {name}" for name, path in loaded.items())
    settings = {"LD_PRELOAD": ":".join(path for path in loaded.values() if path), "KMP_BLOCKTIME": "1", "KMP_AFFINITY": "granularity=fine,compact,1,0",
                "TORCHINDUCTOR_CACHE_DIR": str(PLACE / "inductor")}
    return settings, about


class Process:
    """A program that answers a line with a line."""

    def __init__(self, command, log, settings=None):
        self.log = open(log, "w")
        self.running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, bufsize=1,
                                        env={**os.environ, **(settings or {})}, start_new_session=True)

        PROCESSES.append(self)

    def read(self):
        line = self.running.stdout.readline()
        if not line:
            raise Trouble(f"it ended; {self.log.name} may say why")
        if line.startswith("error: "):
            raise Trouble(line[7:].strip())
        return line

    def ask(self, *words):
        try:
            print(*words, file=self.running.stdin, flush=True)
        except BrokenPipeError:
            pass
        return self.read()

    def numbers(self, *words):
        return [float(x) for x in self.ask(*words).split()]

    def end(self):
        self.running.kill()
        self.running.wait()


PROCESSES = []


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        raise Trouble(message)


def in_one_line(name, main):
    """Runs main; what goes wrong is a line, and no process is left behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except Trouble as trouble:
        say(f"{name}: {trouble}")
        sys.exit(2)
    except KeyboardInterrupt:
        say(f"{name}: interrupted")
        sys.exit(130)
    finally:
        for process in PROCESSES:
            process.end()
