"""Speed of a Gaussian mixture, diagonal and full, beside scikit-learn's; and of ten starts beside one.

Float64 rows of a mixture with overlapping diagonal components. All sides start by k-means++ and run all their iterations
(`tol=0`). `log_likelihood`, nats per training row, is computed from the fitted parameters by the same lines of float64
NumPy for all; different random starts end in different optima, so a further process starts both libraries at one and the
same mixture. `first_fit_s` is the first fit of a fresh process, compilation included, import excluded; `warm_fit_s` an
equal fit after it. scikit-learn compiles nothing: it fits once, and that stands for both. Memory is read after the first fit,
data included.
"""

import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, Namespace
from dataclasses import asdict

from harness import (
    OWN,
    Side,
    all_versions,
    disturbance_section,
    header,
    interleave,
    machine,
    medians,
    ratio,
    ratio_section,
    run_side,
    table,
    write,
)

TIMES = ("warm_fit_s", "first_fit_s")
RESTARTS = 10


def own(covariance: str, n_starts: int = 1) -> str:
    """Name of a side."""
    return f"lowerbound {covariance}" + (f", {n_starts} starts" if n_starts > 1 else "")


def peer(covariance: str) -> str:
    """Name of a side."""
    return f"scikit-learn {covariance}"


def parse() -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument("--covariances", nargs="+", choices=["diagonal", "full"], default=["diagonal", "full"])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--clusters", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3, help="processes per side, interleaved; full: one")
    parser.add_argument("--threads", type=int, default=2, help="threads (and, on Linux, processors) per side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a look: 3000 x 8, 4 clusters, 20 iterations, one repeat")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.features, options.clusters, options.iterations, options.repeats = 3000, 8, 4, 20, 1
    return options


def sides_of(covariance: str, options: Namespace) -> list[Side]:
    """lowerbound and scikit-learn from one start; of diagonal covariances also lowerbound from ten."""
    passed_on = tuple(
        f"--{name}={getattr(options, name)}"
        for name in ("rows", "features", "clusters", "iterations", "threads", "seed")
    )

    def side(name: str, script: str, *arguments: str) -> Side:
        return Side(name, sys.executable, script, (f"--covariance={covariance}", *arguments, *passed_on))

    return [
        side(own(covariance), "lowerbound_mixture.py"),
        side(peer(covariance), "sklearn_mixture.py", "--fits=1"),
        *(
            [side(own(covariance, RESTARTS), "lowerbound_mixture.py", f"--restarts={RESTARTS}")]
            if covariance == "diagonal"
            else []
        ),
    ]


def same_start(covariance: str, options: Namespace) -> dict:
    """Log-likelihoods of both libraries from one and the same mixture."""
    passed_on = tuple(
        f"--{name}={getattr(options, name)}" for name in ("rows", "features", "clusters", "iterations", "seed")
    )
    side = Side("same start", sys.executable, "mixture_same_start.py", (f"--covariance={covariance}", *passed_on))
    return run_side(side, threads=options.threads)


def main() -> None:
    options = parse()
    about = machine()
    runs: dict[str, list[dict]] = {}
    found, restarts = [], []
    for covariance in dict.fromkeys(options.covariances):
        repeats = options.repeats if covariance == "diagonal" else 1
        runs |= interleave(sides_of(covariance, options), repeats=repeats, threads=options.threads)
        found += [ratio(runs, peer(covariance), own(covariance), column) for column in TIMES]
        if covariance == "diagonal":
            restarts = [ratio(runs, own(covariance, RESTARTS), own(covariance), column) for column in TIMES]
    together = {covariance: same_start(covariance, options) for covariance in dict.fromkeys(options.covariances)}

    middle = medians(runs)
    about["devices"] = {OWN: runs[next(iter(runs))][0]["device"], "the others": "cpu"}
    name = "mixture_speed_quick" if options.quick else "mixture_speed"
    result = header(name, versions=all_versions(runs), machine=about) | {
        "arguments": vars(options),
        "medians": middle,
        "ratios": [asdict(one) for one in (*found, *restarts)],
        "same_start": together,
        "runs": runs,
    }
    rows = [
        [
            side,
            len(runs[side]),
            *(f"{numbers[column]:.3f}" for column in TIMES),
            f"{numbers['peak_rss_mib']:.0f}",
            f"{numbers['n_iter']:g}",
            runs[side][0]["status"],
            f"{numbers['log_likelihood']:.6f}",
        ]
        for side, numbers in middle.items()
    ]
    agreed = [
        [covariance, *(f"{numbers[key]:.6f}" for key in ("start", "lowerbound", "scikit_learn"))]
        for covariance, numbers in together.items()
    ]
    write(
        result,
        [
            f"{__doc__.strip()}\n\nHere {options.rows} × {options.features}, {options.clusters} components, "
            f"{options.iterations} iterations, {options.threads} threads; medians over the processes of each side, "
            "which are interleaved.",
            table(("side", "processes", *TIMES, "peak_rss_mib", "n_iter", "status", "log_likelihood"), rows),
            "Log-likelihood from the same start: after one iteration of lowerbound, and after all. Where the loop of lowerbound "
            "extrapolates the path of its parameters, it is not bound to the path of plain expectation maximization.",
            table(("covariance", "start", "lowerbound", "scikit-learn"), agreed),
            *ratio_section(found, meaning="lowerbound is faster"),
            *ratio_section(restarts, meaning=f"{RESTARTS} starts take longer than one"),
            disturbance_section(runs),
        ],
    )


if __name__ == "__main__":
    main()
