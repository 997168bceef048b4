"""Speed of importance-sampled log p(x): lowerbound against hand-written PyTorch, pythae and Pyro.

The VAE 784-400-400-20 on thresholded MNIST; test rows taken by stride. The decoder's matrix products are
the work that cannot be avoided, so the rate in FLOP/s stands beside what the machine reaches on bare
products.
"""

import sys
from dataclasses import asdict

from harness import (
    Side,
    all_versions,
    choices_section,
    common_parser,
    devices,
    disturbance_section,
    header,
    interleave,
    machine,
    medians,
    ratio_section,
    ratios,
    sides_of,
    table,
    write,
)

COLUMNS = (
    "samples_per_s",
    "decoder_gflop_per_s",
    "evaluation_s",
    "first_call_s",
    "peak_rss_mib",
    "log_evidence",
)
PRODUCTS = ("gflop_per_s_4096x400x784", "gflop_per_s_2048x2048x2048")


def main() -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--epochs", type=int, default=2, help="epochs of training before the evaluation")
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--samples", type=int, default=1000, help="importance samples a row")
    options = parser.parse_args()

    about = machine()
    passed_on = ("epochs", "rows", "samples", "threads", "seed")
    sides = sides_of(options, task="evidence", passed_on=passed_on)
    products = [
        Side(f"matmul_{library}", sys.executable, "matmul.py", (f"--library={library}",))
        for library in ("jax", "numpy")
    ]
    runs = interleave([*sides, *products], repeats=options.repeats, threads=options.threads)
    middle = medians(runs)
    found = ratios(runs, ("samples_per_s",), own_on_top=True)
    about["devices"] = devices(runs)
    result = header("evidence_speed", versions=all_versions(runs), machine=about) | {
        "rows": options.rows,
        "samples": options.samples,
        "epochs": options.epochs,
        "repeats": options.repeats,
        "threads": options.threads,
        "medians": middle,
        "ratios": [asdict(one) for one in found],
        "runs": runs,
    }
    sections = [
        f"{__doc__.strip()} {options.rows} rows, {options.samples} samples each; {options.repeats} "
        f"interleaved repeats, {options.threads} threads; medians. `samples_per_s` is rows times samples; "
        "`decoder_gflop_per_s` counts the decoder's matrix products only; the first call, which compiles, "
        "is apart. `log_evidence` is the mean in nats per row of each side's own model after its training.",
        table(
            ("side", *COLUMNS),
            [(side.name, *(middle[side.name][column] for column in COLUMNS)) for side in sides],
        ),
        "Bare float32 matrix products, GFLOP/s:\n\n"
        + table(
            ("library", "4096x400 @ 400x784", "2048x2048 @ 2048x2048"),
            [
                (side.name.removeprefix("matmul_"), *(middle[side.name][column] for column in PRODUCTS))
                for side in products
            ],
        ),
    ]
    sections += [
        *choices_section(runs),
        *ratio_section(found, meaning="lowerbound is faster"),
        disturbance_section(runs),
    ]
    write(result, sections)


if __name__ == "__main__":
    main()
