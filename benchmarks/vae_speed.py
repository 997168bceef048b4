"""Training speed of one VAE: lowerbound against hand-written eager PyTorch, pythae and Pyro.

Bernoulli, relu, batches of 128, Adam at 1e-3, float32, MNIST's 60 000 training rows thresholded once. `loss`,
the negative ELBO on the test rows in nats per row, shows that the sides did the same work; `parameters` must
be equal.
"""

from dataclasses import asdict

from harness import (
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
    shared_columns,
    sides_of,
    table,
    write,
)

COLUMNS = (
    "epoch_s",
    "compile_or_first_epoch_s",
    "fit_s",
    "import_s",
    "peak_rss_mib",
    "peak_device_mib",
    "loss",
    "parameters",
)
RATIOS = ("epoch_s", "compile_or_first_epoch_s", "fit_s", "import_s", "peak_rss_mib", "peak_device_mib")
RESULTS = {"mlp": "vae_speed", "conv": "conv_vae_speed"}
NETWORKS = {
    "mlp": "The network is 784-400-400-20, and back.",
    "conv": "The network, on 28x28 images: convolutions 4x4 of stride 2 to 32 and 64 channels, dense 256, 20 latents, and "
    "back with transposed convolutions.",
}


def check_equal_parameters(runs: dict[str, list[dict]]) -> None:
    """Stop where the sides trained networks of different sizes."""
    counts = {name: side_runs[0]["parameters"] for name, side_runs in runs.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise SystemExit(
            f"parameters of vae_speed must be equal on all sides; got {listed}. Bring the networks of sides/ into line."
        )


def main() -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--network", choices=list(NETWORKS), default="mlp")
    parser.add_argument("--epochs", type=int, default=4, help="per process, at least 2: the first is apart")
    options = parser.parse_args()
    if options.epochs < 2:
        parser.error(f"epochs of vae_speed must be at least 2; got {options.epochs}. The first is timed apart.")

    about = machine()
    sides = sides_of(options, task="vae", passed_on=("network", "epochs", "threads", "seed"))
    runs = interleave(sides, repeats=options.repeats, threads=options.threads)
    check_equal_parameters(runs)
    middle = medians(runs)
    columns = shared_columns(COLUMNS, middle)
    found = ratios(runs, shared_columns(RATIOS, middle), own_on_top=False)
    about["devices"] = devices(runs)
    result = header(RESULTS[options.network], versions=all_versions(runs), machine=about) | {
        "network": options.network,
        "epochs": options.epochs,
        "repeats": options.repeats,
        "threads": options.threads,
        "medians": middle,
        "ratios": [asdict(one) for one in found],
        "runs": runs,
    }
    sections = [
        f"{__doc__.strip()}\n\n{NETWORKS[options.network]} {options.repeats} interleaved repeats of {options.epochs} epochs, "
        f"{options.threads} threads; medians over the repeats. `epoch_s` leaves the first epoch, and with it "
        "compilation, out; `fit_s` is a whole fit of all epochs in a fresh process, compilation included, "
        "import excluded.",
        table(
            ("side", *columns),
            [(name, *(numbers[column] for column in columns)) for name, numbers in middle.items()],
        ),
        *choices_section(runs),
        *ratio_section(found, meaning="lowerbound is faster, or smaller"),
        disturbance_section(runs),
    ]
    write(result, sections)


if __name__ == "__main__":
    main()
