#!/usr/bin/env python3
"""Runs libFuzzer targets: fuzz.py BUILD [NAME…] [--seconds N].

Findings land in build/fuzz/findings/<name>/; what was learnt on the way in
build/fuzz/corpus/<name>/, beside the committed seeds. Exits 1 on a finding.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(program, build, seconds):
    name = program.name.removeprefix("fuzz_")
    learnt = build / "corpus" / name
    findings = build / "findings" / name
    for folder in (learnt, findings):
        folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [program, f"-max_total_time={seconds}", "-timeout=1", "-rss_limit_mb=512", "-max_len=65536",
         "-print_final_stats=1", f"-artifact_prefix={findings}/", learnt,
         ROOT / "tests" / "fuzz" / "corpus" / name],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = done.stdout.decode("utf-8", "replace")
    runs = re.search(r"stat::number_of_executed_units:\s+(\d+)", output)
    return name, done.returncode, int(runs.group(1)) if runs else 0, output


def main():
    arguments = sys.argv[1:]
    build = pathlib.Path(arguments.pop(0))
    seconds = 300
    if "--seconds" in arguments:
        at = arguments.index("--seconds")
        if at + 1 >= len(arguments) or not arguments[at + 1].isdigit():
            sys.exit("fuzz: --seconds takes a whole number")
        seconds = int(arguments.pop(at + 1))
        arguments.pop(at)
    programs = sorted(p for p in (build / "tests" / "fuzz").glob("fuzz_*") if p.is_file() and os.access(p, os.X_OK))
    names = {p.name.removeprefix("fuzz_"): p for p in programs}
    for wanted in arguments:
        if wanted not in names:
            sys.exit(f"fuzz: no target is called '{wanted}'; there are {', '.join(names)}")
    chosen = [names[n] for n in arguments] or programs
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for name, code, runs, output in pool.map(lambda p: run(p, build, seconds), chosen):
            good = code == 0 and runs > 0
            failed += not good
            print(f"{'ok  ' if good else 'FAIL'} fuzz {name}: {runs} inputs in {seconds} s", flush=True)
            if not good:
                print("\n".join("  | " + line for line in output.splitlines()[-60:]), flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not chosen else 0)


main()
