"""Training speed of one MLP VAE: lowerbound against hand-written eager PyTorch against pythae.

784-400-400-20, Bernoulli, relu, batches of 128, Adam at 1e-3, float32, MNIST's 60 000 training rows
thresholded once. `loss`, the negative ELBO on the test rows in nats per row, shows that the sides did the
same work.
"""

from dataclasses import asdict

from harness import (
    all_versions,
    common_parser,
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

COLUMNS = ("epoch_s", "compile_or_first_epoch_s", "fit_s", "import_s", "peak_rss_mib", "loss")


def main() -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--epochs", type=int, default=4, help="per process, at least 2: the first is apart")
    options = parser.parse_args()
    if options.epochs < 2:
        parser.error(f"epochs of vae_speed must be at least 2; got {options.epochs}. The first is timed apart.")

    about = machine()
    sides = sides_of(options, task="vae", passed_on=("epochs", "threads", "seed"))
    runs = interleave(sides, repeats=options.repeats, threads=options.threads)
    middle = medians(runs)
    found = ratios(runs, ("epoch_s", "fit_s", "peak_rss_mib"), own_on_top=False)
    result = header("vae_speed", versions=all_versions(runs), machine=about) | {
        "epochs": options.epochs,
        "repeats": options.repeats,
        "threads": options.threads,
        "medians": middle,
        "ratios": [asdict(one) for one in found],
        "runs": runs,
    }
    sections = [
        f"{__doc__.strip()} {options.repeats} interleaved repeats of {options.epochs} epochs, "
        f"{options.threads} threads; medians over the repeats. `epoch_s` leaves the first epoch, and with it "
        "compilation, out; `fit_s` is a whole fit of all epochs in a fresh process, compilation included, "
        "import excluded.",
        table(
            ("side", *COLUMNS),
            [(name, *(numbers[column] for column in COLUMNS)) for name, numbers in middle.items()],
        ),
        *ratio_section(found, meaning="lowerbound is faster, or smaller"),
        disturbance_section(runs),
    ]
    write(result, sections)


if __name__ == "__main__":
    main()
