"""Speed of PPCA and factor analysis on rows with missing cells, beside the packages that fit the same models to such rows.

Rows of a factor model with noise scales uniform in 0.5 to 2; each cell is missing with the same probability, independently, so
that every row has a pattern of its own. `log_likelihood`, the mean over the rows of log p(observed cells) in nats, and `mse`,
the mean squared error of the conditional means on the missing cells, are computed from the fitted parameters by the same lines
of float64 NumPy for all. `first_fit_s` is the first fit of a fresh process, compilation included, import excluded;
`warm_fit_s` an equal fit after it, for the peers, which compile nothing, the same number. scikit-learn's imputer has no
likelihood; its time holds the filling, and its `mse` is that of what it filled in.
"""

import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, BooleanOptionalAction, Namespace
from dataclasses import asdict
from typing import NamedTuple

from harness import (
    OWN,
    Side,
    all_versions,
    disturbance_section,
    header,
    interleave,
    machine,
    medians,
    peers_interpreter,
    ratio,
    ratio_section,
    table,
    write,
)

OWN_PPCA, OWN_FA = "lowerbound PPCA", "lowerbound FactorAnalysis"
OWN_MODELS = {OWN_PPCA: "ppca", OWN_FA: "factor_analysis"}
RIDGE, RIDGE_ROUNDS = "scikit-learn IterativeImputer", 3
TIMES = ("warm_fit_s", "first_fit_s")
COLUMNS = {
    "first_fit_s": ".2f",
    "warm_fit_s": ".2f",
    "peak_rss_mib": ".0f",
    "n_iter": "g",
    "log_likelihood": ".5f",
    "mse": ".5f",
}


class Peer(NamedTuple):
    """A model of `sides/peers_missing.py`, its arguments, and the side of lowerbound that fits the same."""

    model: str
    own: str
    arguments: tuple[str, ...] = ()


# ppca-rs has no rule to stop by. rustypca's own tolerance, 1e-4, stops it a tenth of a nat a row or more below its best.
PEERS = {
    "ppca-py": Peer("ppca_py", OWN_PPCA),
    "ppca-rs, 100 iterations": Peer("ppca_rs", OWN_PPCA, ("--iterations=100",)),
    "rustypca, isotropic": Peer("rustypca_isotropic", OWN_PPCA),
    "rustypca, isotropic, tol=1e-8": Peer("rustypca_isotropic", OWN_PPCA, ("--tol=1e-8",)),
    "rustypca, diagonal": Peer("rustypca_diagonal", OWN_FA),
    "rustypca, diagonal, tol=1e-8": Peer("rustypca_diagonal", OWN_FA, ("--tol=1e-8",)),
}


def peer_side(name: str, peers_python: str, *arguments: str) -> Side:
    """The side of one of PEERS, in the peers' environment, with further arguments."""
    peer = PEERS[name]
    given = (f"--model={peer.model}", "--fits=1", *peer.arguments, *arguments)
    return Side(name, peers_interpreter(peers_python), "peers_missing.py", given)


def parse() -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--peers-python", default=".venv-peers/bin/python", help="interpreter of the peers' environment"
    )
    parser.add_argument("--peers", action=BooleanOptionalAction, default=True, help="run the peers of that environment")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--latents", type=int, default=10, help="of the data and of the models")
    parser.add_argument("--missing", type=float, default=0.3, help="share of missing cells")
    parser.add_argument("--repeats", type=int, default=3, help="processes per side, interleaved; of the imputer one")
    parser.add_argument("--threads", type=int, default=2, help="threads (and, on Linux, processors) per side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a look: 500 x 20, 4 latents, one repeat")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.features, options.latents, options.repeats = 500, 20, 4, 1
    return options


def main() -> None:
    options = parse()
    about = machine()
    sizes = tuple(
        f"--{name}={getattr(options, name)}" for name in ("rows", "features", "latents", "missing", "threads", "seed")
    )
    own = [
        Side(name, sys.executable, "lowerbound_missing.py", (f"--model={model}", *sizes))
        for name, model in OWN_MODELS.items()
    ]
    peers = [peer_side(name, options.peers_python, *sizes) for name in (PEERS if options.peers else ())]
    ridge = (f"--iterations={RIDGE_ROUNDS}", "--model=ridge", "--fits=1", *sizes)
    runs = interleave([*own, *peers], repeats=options.repeats, threads=options.threads)
    runs |= interleave([Side(RIDGE, sys.executable, "sklearn_missing.py", ridge)], repeats=1, threads=options.threads)
    found = [ratio(runs, peer.name, PEERS[peer.name].own, column) for peer in peers for column in TIMES]

    middle = medians(runs)
    about["devices"] = {OWN: runs[OWN_PPCA][0]["device"], "the others": "cpu"}
    name = "missing_values_speed_quick" if options.quick else "missing_values_speed"
    result = header(name, versions=all_versions(runs), machine=about) | {
        "sizes": {name: getattr(options, name) for name in ("rows", "features", "latents", "missing", "seed")},
        "repeats": options.repeats,
        "threads": options.threads,
        "medians": middle,
        "ratios": [asdict(one) for one in found],
        "runs": runs,
    }
    rows = [
        [name, *(format(numbers[column], form) if column in numbers else "" for column, form in COLUMNS.items())]
        for name, numbers in middle.items()
    ]
    write(
        result,
        [
            f"{__doc__.strip()}\n\nHere {options.rows} × {options.features}, {options.missing:.0%} missing, {options.latents} "
            f"latents in the data and the models; {options.repeats} interleaved repeats, {options.threads} threads, medians; of "
            f"{RIDGE} one run of {RIDGE_ROUNDS} rounds. ppca-py does not say how many iterations it ran: 0. ppca-py and "
            "rustypca hold the mean at that of the observed cells.",
            table(("side", *COLUMNS), rows),
            *ratio_section(found, meaning="lowerbound is faster"),
            disturbance_section(runs),
        ],
    )


if __name__ == "__main__":
    main()
