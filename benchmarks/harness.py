"""Comparison: each side in a process of its own, repeats interleaved (A B C A B C), medians of the ratios.

A ratio is formed within one repeat, between runs that were neighbours in time, so that a slow spell of the
machine falls on both of its terms. A side is a script that prints one JSON line; this file imports nothing
beyond the standard library, because a process inherits its starter's peak memory.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OWN = "lowerbound"
TOLERATED_DISTURBANCE = 0.05
PEERS = ("torch", "pythae", "pyro")


@dataclass(frozen=True)
class Side:
    """One side: its name, the interpreter that runs it, its script in `sides/`, its arguments."""

    name: str
    interpreter: str
    script: str
    arguments: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Ratio:
    """Median, smallest and largest over the repeats of numerator[column] / denominator[column]."""

    numerator: str
    denominator: str
    column: str
    median: float
    low: float
    high: float

    def sentence(self) -> str:
        return (
            f"{self.numerator} / {self.denominator}, {self.column}: "
            f"{self.median:.2f} (range {self.low:.2f} to {self.high:.2f})"
        )


def common_parser(description: str, *, peers: Sequence[str] = PEERS, repeats: int = 5) -> argparse.ArgumentParser:
    """Arguments that every driver shares; `peers` are those that have a side for its task."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--peers-python", default=".venv-peers/bin/python", help="interpreter of the peers' environment"
    )
    parser.add_argument("--sides", nargs="+", choices=[OWN, *peers], default=[OWN, *peers])
    parser.add_argument("--repeats", type=int, default=repeats, help="processes per side, interleaved")
    parser.add_argument("--threads", type=int, default=2, help="threads (and, on Linux, processors) per side")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def peers_interpreter(path: str) -> str:
    """Interpreter of the peers, taken from the folder of the call or from the repository's root."""
    for candidate in (Path(path), ROOT / path):
        if candidate.exists():
            return str(candidate.absolute())
    raise SystemExit(
        f"peers_python of the benchmarks must be an interpreter that exists; got {path}. "
        "Make it as benchmarks/README.md says, or leave the peers out with --sides lowerbound."
    )


def sides_of(options: argparse.Namespace, *, task: str, passed_on: Sequence[str]) -> list[Side]:
    """The chosen sides of one task, each with its interpreter and the arguments named in `passed_on`."""
    arguments = tuple(f"--{name}={getattr(options, name)}" for name in passed_on)
    return [
        Side(
            name,
            peers_interpreter(options.peers_python) if name in PEERS else sys.executable,
            f"{name}_{task}.py",
            arguments,
        )
        for name in dict.fromkeys(options.sides)
    ]


def run_side(side: Side, *, threads: int) -> dict:
    """JSON line of one run, in a fresh process bound to `threads` processors; `disturbance` is added to it."""
    environment = dict(os.environ, JAX_ENABLE_COMPILATION_CACHE="false")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        environment[name] = str(threads)
    command = [side.interpreter, str(HERE / "sides" / side.script), *side.arguments]
    busy_before, own_before, start = _busy_s(), _children_s(), time.perf_counter()
    done = subprocess.run(
        command, env=environment, preexec_fn=_binding(threads), capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise SystemExit(f"side {side.name} failed with exit code {done.returncode}:\n{done.stderr[-3000:]}")
    others_s = (_busy_s() - busy_before) - (_children_s() - own_before)
    share = others_s / ((time.perf_counter() - start) * (os.cpu_count() or 1))
    return json.loads(lines[-1]) | {"disturbance": round(max(0.0, share), 3)}


def _busy_s() -> float:
    """Seconds that all processors together have been busy since the system started; 0 where unknown (not Linux)."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _, _, *interrupts_and_steal = map(int, stat.read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + sum(interrupts_and_steal)) / os.sysconf("SC_CLK_TCK")


def _children_s() -> float:
    """Processor seconds of the sides that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _binding(threads: int) -> Callable[[], None] | None:
    """Bind the process to `threads` processors where the system can: XLA takes its thread count from them."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    processors = sorted(os.sched_getaffinity(0))[:threads]
    return lambda: os.sched_setaffinity(0, processors)


def interleave(sides: Sequence[Side], *, repeats: int, threads: int) -> dict[str, list[dict]]:
    """Runs of each side, in the order A B C A B C."""
    runs: dict[str, list[dict]] = {side.name: [] for side in sides}
    for repeat in range(repeats):
        for side in sides:
            print(f"repeat {repeat + 1} of {repeats}: {side.name}", file=sys.stderr, flush=True)
            runs[side.name].append(run_side(side, threads=threads))
    return runs


def ratios(runs: dict[str, list[dict]], columns: Sequence[str], *, own_on_top: bool) -> list[Ratio]:
    """Ratios of lowerbound to each peer that took part (`own_on_top`), or of the peer to lowerbound."""
    found = []
    for peer in (peer for peer in PEERS if {OWN, peer} <= set(runs)):
        top, bottom = (OWN, peer) if own_on_top else (peer, OWN)
        found += [ratio(runs, top, bottom, column) for column in columns]
    return found


def ratio(runs: dict[str, list[dict]], numerator: str, denominator: str, column: str) -> Ratio:
    """Ratio of one column between two sides, formed within each repeat."""
    pairs = zip(runs[numerator], runs[denominator], strict=True)
    values = [top[column] / bottom[column] for top, bottom in pairs]
    return Ratio(numerator, denominator, column, median(values), min(values), max(values))


def disturbance_section(runs: dict[str, list[dict]]) -> str:
    """How much of the machine other processes took while a side ran."""
    worst = max(run["disturbance"] for side_runs in runs.values() for run in side_runs)
    sentence = f"Other processes used at most {worst:.0%} of the processors during any run."
    return sentence + (" **Too much: these numbers are not to be quoted.**" if worst > TOLERATED_DISTURBANCE else "")


def choices_section(runs: dict[str, list[dict]]) -> list[str]:
    """What each peer chose for itself; none where no side had a choice."""
    lines = [f"- {name}: {side_runs[0]['chosen']}" for name, side_runs in runs.items() if "chosen" in side_runs[0]]
    listed = "\n".join(lines)
    return [f"Chosen in each process as the fastest on a few rows (first repeat):\n\n{listed}"] if lines else []


def medians(runs: dict[str, list[dict]]) -> dict[str, dict[str, float]]:
    """Median over the repeats of every number that a side reports."""
    return {
        name: {
            column: median(run[column] for run in side_runs)
            for column, value in side_runs[0].items()
            if isinstance(value, int | float)
        }
        for name, side_runs in runs.items()
    }


def devices(runs: dict[str, list[dict]]) -> dict[str, str]:
    """Where each side that says so kept its arrays: "cpu", or the name of the GPU."""
    return {name: side_runs[0]["device"] for name, side_runs in runs.items() if "device" in side_runs[0]}


def shared_columns(columns: Sequence[str], numbers: dict[str, dict[str, float]]) -> list[str]:
    """Those of the columns that every side reports (memory of a GPU is reported only where there is one)."""
    return [column for column in columns if all(column in reported for reported in numbers.values())]


def machine() -> dict:
    """Processor, cores, memory, operating system, and how busy the machine was."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory_bytes / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def command_line() -> str:
    """The command, from the repository's root, with every absolute path cut to its last part."""
    script = Path(sys.argv[0]).resolve()
    own = script.relative_to(ROOT) if script.is_relative_to(ROOT) else script.name
    return " ".join(["python", str(own), *map(_without_folder, sys.argv[1:])])


def _without_folder(argument: str) -> str:
    name, equals, value = argument.rpartition("=")
    return f"{name}{equals}{Path(value).name if Path(value).is_absolute() else value}"


def header(name: str, *, versions: dict[str, str], machine: dict) -> dict:
    """What makes a number repeatable: date, command, machine, versions."""
    return {
        "name": name,
        "date": date.today().isoformat(),
        "command": command_line(),
        "machine": machine,
        "versions": versions,
    }


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def ratio_section(found: Sequence[Ratio], *, meaning: str) -> list[str]:
    """Section that lists the ratios; none where only one side ran."""
    lines = "\n".join(f"- {one.sentence()}" for one in found)
    return [f"Median of the ratios within a repeat (above 1: {meaning}):\n\n{lines}"] if found else []


def write(result: dict, sections: Sequence[str]) -> None:
    """Write `results/<name>.json` and `.md`, and print the latter."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    about = result["machine"]
    placed = about.get("devices", {})
    text = "\n\n".join(
        [
            f"# {result['name']}",
            *sections,
            f"Command: `{result['command']}`, on {result['date']}.",
            f"Machine: {about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, "
            f"{about['system']}; load average before the run {about['load_average_before']}.",
            *(["Device: " + ", ".join(f"{side} {device}" for side, device in placed.items()) + "."] if placed else []),
            "Versions: " + ", ".join(f"{key} {value}" for key, value in result["versions"].items()) + ".",
        ]
    )
    (folder / f"{result['name']}.json").write_text(json.dumps(result, indent=2) + "\n")
    (folder / f"{result['name']}.md").write_text(text + "\n")
    print(text)


def all_versions(runs: dict[str, list[dict]]) -> dict[str, str]:
    """Versions reported by the sides; one that differs between sides is listed for each."""
    found: dict[str, str] = {}
    for name, side_runs in runs.items():
        for package, number in side_runs[0].get("versions", {}).items():
            if found.setdefault(package, number) != number:
                found[f"{package} ({name})"] = number
    return found
