#!/usr/bin/env python3
"""What greenfetch costs beside what else is installed, on the loopback: `just bench`, or

    bench/run.py [CASE...] [--reps N] [--tsv FILE]

The origin is greenfetch's own (`greenfetch demo --serve`), so nothing but the repository is needed; curl is a row where
it is installed. Each program runs once a repetition, in turns, and ratios are taken within one repetition, then the
median: the machine's other work falls on all of them. The processor time of the program alone is the figure to trust,
as wall time is shared with the origin. Memory is the peak that the kernel noted (VmHWM), looked at every few
milliseconds, so for runs of a few milliseconds it is the lower bound.
"""
import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PRODUCT = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release", "greenfetch")

# name: (about, path, number of URLs, jobs, bytes of each body, saved)
CASES = {
    "small-keepalive": ("20 000 GETs of 1 KiB, 100 at once", "/bytes/1024", 20000, 100, 1024, False),
    "small-1000": ("20 000 GETs of 1 KiB, 1000 at once", "/bytes/1024", 20000, 1000, 1024, False),
    "latency-5k": ("5000 URLs held for 200 ms, all at once", "/bytes/1024?delay=200", 5000, 5000, 1024, False),
    "large": ("4 bodies of 256 MiB, discarded", "/bytes/268435456", 4, 4, 1 << 28, False),
    "large-save": ("4 bodies of 256 MiB, saved", "/bytes/268435456", 4, 4, 1 << 28, True),
    "startup": ("one URL of 1 KiB", "/bytes/1024", 1, 1, 1024, False),
}


def greenfetch(mode):
    def call(case, urls, folder):
        _, _, _, jobs, _, saved = case
        save = ["--output-dir", folder] if saved else []
        return [PRODUCT, "-q", "--mode", mode, "-j", str(jobs), "--max-filesize", "0", *save, urls]

    return call


def curl(case, urls, folder):
    _, _, _, jobs, _, saved = case
    config = urls + ".curl"
    with open(config, "w") as out:
        for index, url in enumerate(open(urls)):
            target = os.path.join(folder, str(index)) if saved else os.devnull
            out.write('url="%s"\noutput="%s"\n' % (url.strip(), target))
    line = "%{size_download} bytes received from %{url}\\n"
    return ["curl", "-q", "-s", "-Z", "--no-progress-meter", "--parallel-max", str(min(jobs, 300)), "-w", line, "-K", config]


PROGRAMS = {"coroutines": greenfetch("coroutines"), "threads": greenfetch("threads")}
if shutil.which("curl"):
    PROGRAMS["curl -Z"] = curl


def peak_kib(pid):
    try:
        with open("/proc/%d/status" % pid) as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def measure(call, size):
    """One run: wall and processor seconds, peak MiB, and how many lines told of a body of the right length."""
    with tempfile.TemporaryFile() as out:
        begun, memory = time.monotonic(), 0
        child = subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            memory = max(memory, peak_kib(child.pid))
            time.sleep(0.003)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begun
        out.seek(0)
        passed = sum(line.startswith(b"%d bytes received from" % size) for line in out)
    return wall, usage.ru_utime + usage.ru_stime, memory / 1024, passed


def run(name, case, origin, reps, tsv):
    about, path, count, _, size, saved = case
    rows = {program: [] for program in PROGRAMS}
    with tempfile.TemporaryDirectory() as folder:
        urls = os.path.join(folder, "urls")
        with open(urls, "w") as out:
            out.write((origin + path + "\n") * count)
        for rep in range(reps + 1):
            for program in list(PROGRAMS)[:: 1 if rep % 2 else -1]:
                bodies = os.path.join(folder, "bodies")
                os.makedirs(bodies)
                row = measure(PROGRAMS[program](case, urls, bodies), size)
                shutil.rmtree(bodies)
                if rep == 0:
                    continue  # It warms the origin and the page cache.
                rows[program].append(row)
                if tsv:
                    tsv.write("%s\t%s\t%d\t%.4f\t%.4f\t%.1f\t%d\t%d\n" % (name, program, rep, *row, count))
    print("\n%s: %s" % (name, about))
    print("%-12s %8s %10s %12s %12s %9s  %s" % ("", "wall s", "CPU s", "CPU us/URL", "of curl's", "peak MiB", "passed"))
    for program, all_of_it in rows.items():
        middle = [statistics.median(column) for column in zip(*all_of_it)]
        ratio = ""
        if "curl -Z" in rows:
            ratio = "%.2f" % statistics.median(a[1] / b[1] for a, b in zip(all_of_it, rows["curl -Z"]) if b[1])
        figures = (program, middle[0], middle[1], middle[1] / count * 1e6, ratio, middle[2], min(r[3] for r in all_of_it))
        print("%-12s %8.3f %10.3f %12.1f %12s %9.1f  %d" % figures + ("" if figures[-1] == count else " of %d" % count), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--tsv", type=argparse.FileType("w"), help="the raw rows")
    args = parser.parse_args()
    unknown = [case for case in args.cases if case not in CASES]
    if unknown:
        parser.error("no such case: " + ", ".join(unknown))
    if not os.path.exists(PRODUCT):
        sys.exit(PRODUCT + " is missing: cargo build --release")
    server = subprocess.Popen([PRODUCT, "demo", "--serve", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        origin = server.stdout.readline().split()[-1]
        version = subprocess.run([PRODUCT, "--version"], capture_output=True, text=True).stdout.strip()
        print("%s; %s %s, %d processors; origin: its own, on the loopback; medians of %d" % (
            version, platform.system(), platform.release(), os.cpu_count(), args.reps))
        for case in args.cases or CASES:
            run(case, CASES[case], origin, args.reps, args.tsv)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
