"""Speed of factor analysis and of PPCA, beside scikit-learn's `FactorAnalysis` and `PCA`.

Complete float64 data drawn from a factor model with standard normal loadings and noise scales uniform in 0.5 to 2. Every
library is run with its own defaults (scikit-learn stops where the log-likelihood of all rows together gains less than
0.01 nats). `log_likelihood`, nats per training row, is computed from the fitted parameters by the same lines of float64
NumPy for all. `first_fit_s` is the first fit of a fresh process, compilation included, import excluded;
`warm_fit_s` the median of equal fits after it, of which the fast sides make more. Memory is read after the first fit, data
included.
"""

import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from dataclasses import asdict
from statistics import median

from harness import (
    OWN,
    Ratio,
    Side,
    all_versions,
    disturbance_section,
    header,
    interleave,
    machine,
    medians,
    ratio,
    ratio_section,
    table,
    write,
)

OWN_FA, OWN_PPCA = "lowerbound FactorAnalysis", "lowerbound PPCA"
RANDOMIZED, LAPACK = "scikit-learn FactorAnalysis, randomized", "scikit-learn FactorAnalysis, lapack"
PCA = "scikit-learn PCA, covariance_eigh"
FASTER = "the faster svd_method"
SIDES = {
    OWN_FA: ("lowerbound_linear.py", "factor_analysis", 8),
    RANDOMIZED: ("sklearn_linear.py", "randomized", 3),
    LAPACK: ("sklearn_linear.py", "lapack", 2),
    OWN_PPCA: ("lowerbound_linear.py", "ppca", 8),
    PCA: ("sklearn_linear.py", "pca", 8),
}
TIMES = ("warm_fit_s", "first_fit_s")


def over_the_faster(runs: dict[str, list[dict]], column: str) -> Ratio:
    """Within each repeat, the time of the faster `svd_method` over that of lowerbound."""
    trios = zip(runs[RANDOMIZED], runs[LAPACK], runs[OWN_FA], strict=True)
    values = [min(randomized[column], lapack[column]) / own[column] for randomized, lapack, own in trios]
    return Ratio(FASTER, OWN_FA, column, median(values), min(values), max(values))


def gained(middle: dict[str, dict[str, float]], own: str, *peers: str) -> float:
    """Log-likelihood of lowerbound less the best of the peers, nats per row."""
    return middle[own]["log_likelihood"] - max(middle[peer]["log_likelihood"] for peer in peers)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--features", type=int, default=784)
    parser.add_argument("--latents", type=int, default=20, help="factors of the data and of the models")
    parser.add_argument("--repeats", type=int, default=3, help="processes per side, interleaved")
    parser.add_argument("--threads", type=int, default=2, help="threads (and, on Linux, processors) per side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a look: 2000 x 50, 5 factors, one repeat")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.features, options.latents, options.repeats = 2000, 50, 5, 1

    about = machine()
    passed_on = tuple(
        f"--{name}={getattr(options, name)}" for name in ("rows", "features", "latents", "threads", "seed")
    )
    sides = [
        Side(name, sys.executable, script, (f"--model={model}", f"--fits={fits}", *passed_on))
        for name, (script, model, fits) in SIDES.items()
    ]
    runs = interleave(sides, repeats=options.repeats, threads=options.threads)
    middle = medians(runs)
    faster = [over_the_faster(runs, column) for column in TIMES]
    each = [ratio(runs, peer, OWN_FA, column) for peer in (RANDOMIZED, LAPACK) for column in TIMES]
    ppca = [ratio(runs, OWN_PPCA, PCA, column) for column in TIMES]
    gains = {OWN_FA: gained(middle, OWN_FA, RANDOMIZED, LAPACK), OWN_PPCA: gained(middle, OWN_PPCA, PCA)}

    about["devices"] = {OWN: runs[OWN_FA][0]["device"], "the others": "cpu"}
    name = "factor_analysis_speed_quick" if options.quick else "factor_analysis_speed"
    result = header(name, versions=all_versions(runs), machine=about) | {
        "arguments": vars(options),
        "medians": middle,
        "ratios": [asdict(one) for one in (*faster, *each, *ppca)],
        "log_likelihood_gained": gains,
        "runs": runs,
    }
    rows = [
        [
            side,
            *(f"{numbers[column]:.3f}" for column in TIMES),
            f"{numbers['peak_rss_mib']:.0f}",
            f"{numbers['n_iter']:g}",
            runs[side][0]["status"],
            f"{numbers['log_likelihood']:.6f}",
        ]
        for side, numbers in middle.items()
    ]
    write(
        result,
        [
            f"{__doc__.strip()}\n\nHere {options.rows} × {options.features} with {options.latents} factors, "
            f"{options.repeats} interleaved repeats, {options.threads} threads; medians over the repeats. "
            f"Importing lowerbound takes {middle[OWN_FA]['import_s']:.2f} s.",
            table(("side", *TIMES, "peak_rss_mib", "n_iter", "status", "log_likelihood"), rows),
            f"Log-likelihood of lowerbound less scikit-learn's (factor analysis: its better one): factor analysis "
            f"{gains[OWN_FA]:+.2e}, PPCA {gains[OWN_PPCA]:+.2e} nats per row. scikit-learn's PCA divides by n - 1, so "
            "its noise variance is not quite that of maximum likelihood.",
            *ratio_section([*faster, *each], meaning="lowerbound is faster"),
            *ratio_section(ppca, meaning="lowerbound is slower"),
            disturbance_section(runs),
        ],
    )


if __name__ == "__main__":
    main()
