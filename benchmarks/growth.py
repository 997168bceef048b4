"""Growth of time and memory in rows, features and latents: lowerbound beside hand-written eager PyTorch.

One size varies at a time from a common base, and each point is a process of its own: an MLP VAE with two hidden
layers of 256, random bits in float32, batches of 128, plain Adam. `epoch_s` is an epoch of training after the
first; `evidence_s` is `log_evidence` of all rows, the second call; `peak_rss_of_fit_mib` is the largest resident
memory after the fit, libraries and data included, `peak_rss_mib` that after the evidence too. A slope s means
that the quantity grows as the s-th power of the size.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from math import ceil, floor, log, log10

from harness import (
    HERE,
    OWN,
    Side,
    all_versions,
    common_parser,
    devices,
    disturbance_section,
    header,
    interleave,
    machine,
    medians,
    peers_interpreter,
    ratio,
    table,
    write,
)

PEER = "torch"
SIZES = {
    "rows": (1024, 4096, 16_384, 65_536, 262_144),
    "features": (16, 64, 256, 1024, 4096),
    "latents": (2, 8, 32, 128, 256),
}
BASE = {"rows": 16_384, "features": 256, "latents": 32}
PANELS = {
    "epoch_s": "epoch of fit, s",
    "evidence_s": "log_evidence, s",
    "peak_rss_of_fit_mib": "peak memory of fit, MiB",
}


@dataclass(frozen=True)
class Point:
    """One set of sizes."""

    rows: int
    features: int
    latents: int

    def run_of(self, side: str) -> str:
        """Name of this point's runs on one side."""
        return " ".join([side, *(f"{name}={size}" for name, size in asdict(self).items())])


@dataclass(frozen=True)
class Curve:
    """One quantity of one side along one axis, the medians over the repeats."""

    axis: str
    side: str
    quantity: str
    sizes: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def slope(self) -> float:
        """Of the least-squares line through log value against log size."""
        return _slope(self.sizes, self.values)

    @property
    def last_slope(self) -> float:
        """Between the two largest sizes, where fixed costs weigh least."""
        return _slope(self.sizes[-2:], self.values[-2:])


def _slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Least-squares slope of log value against log size; NaN where noise left a value without a logarithm."""
    if min(values) <= 0:
        return float("nan")
    x, y = [log(size) for size in sizes], [log(value) for value in values]
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True))
    return covariance / sum((a - middle_x) ** 2 for a in x)


def points_along(axis: str, sizes: Sequence[int]) -> list[Point]:
    """The base with one size changed."""
    return [Point(**(BASE | {axis: size})) for size in sizes]


def curves_along(
    axis: str, sizes: Sequence[int], middle: dict[str, dict[str, float]], sides: Sequence[str]
) -> list[Curve]:
    """Every quantity of every side that reports it."""
    points = points_along(axis, sizes)
    found = []
    for quantity in PANELS:
        for side in sides:
            numbers = [middle[point.run_of(side)] for point in points]
            if quantity in numbers[0]:
                values = tuple(reported[quantity] for reported in numbers)
                found.append(Curve(axis, side, quantity, tuple(sizes), values))
    return found


def curve_section(
    axis: str, sizes: Sequence[int], runs: dict[str, list[dict]], curves: Sequence[Curve], sides: Sequence[str]
) -> str:
    """Figure, table of points and table of slopes of one axis."""
    points = points_along(axis, sizes)
    peaks = [medians(runs)[point.run_of(OWN)]["peak_rss_mib"] for point in points]
    columns = [axis, *(f"{curve.quantity} ({curve.side})" for curve in curves), f"peak_rss_mib ({OWN})"]
    rows = [[size, *(curve.values[i] for curve in curves), peaks[i]] for i, size in enumerate(sizes)]
    if PEER in sides:
        columns.append(f"{PEER} / {OWN}, epoch_s")
        for row, point in zip(rows, points, strict=True):
            row.append(ratio(runs, point.run_of(PEER), point.run_of(OWN), "epoch_s").median)
    fixed = ", ".join(f"{size} {name}" for name, size in BASE.items() if name != axis)
    return "\n\n".join(
        [
            f"## In {axis}",
            f"Fixed: {fixed}.",
            f"![Time and memory against {axis}]({figure_name(axis)})",
            table(columns, rows),
            table(
                ("slope of", "side", "all sizes", "two largest"),
                [(one.quantity, one.side, f"{one.slope:.2f}", f"{one.last_slope:.2f}") for one in curves],
            ),
        ]
    )


def figure_name(axis: str) -> str:
    return f"growth_{axis}.svg"


def draw(axis: str, curves: Sequence[Curve]) -> None:
    """One log-log panel for each quantity; the legend has the slope between the two largest sizes."""
    import matplotlib as mpl  # here: a process that is started inherits the memory of its starter

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": axis, "svg.fonttype": "none", "font.size": 8})
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(PANELS), figsize=(8.4, 2.6), layout="constrained")
    colours = {OWN: "C0", PEER: "C1"}
    for panel, (quantity, label) in zip(panels, PANELS.items(), strict=True):
        for curve in (one for one in curves if one.quantity == quantity):
            text = f"{curve.side}, slope {curve.last_slope:.2f}"
            panel.loglog(curve.sizes, curve.values, "o-", markersize=3, color=colours[curve.side], label=text)
        shown = [value for one in curves if one.quantity == quantity for value in one.values if value > 0]
        panel.set(xlabel=axis, title=label, ylim=(10 ** floor(log10(min(shown))), 10 ** ceil(log10(max(shown)))))
        panel.set_xticks(curves[0].sizes, [str(size) for size in curves[0].sizes])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
        panel.legend(frameon=False)
    figure.savefig(HERE / "results" / figure_name(axis), metadata={"Date": None})
    pyplot.close(figure)


def parse() -> Namespace:
    parser = common_parser(__doc__, peers=(PEER,), repeats=1)
    parser.add_argument("--samples", type=int, default=10, help="importance samples a row")
    for axis, sizes in SIZES.items():
        parser.add_argument(f"--{axis}", type=int, nargs="*", default=sizes, help="sizes along the curve")
    options = parser.parse_args()
    if OWN not in options.sides:
        parser.error(f"sides of growth must include {OWN}; got {' '.join(options.sides)}.")
    for axis in SIZES:
        if len(getattr(options, axis)) == 1:
            parser.error(f"{axis} of growth must name no size or at least 2; got 1. A curve needs two points.")
    return options


def main() -> None:
    options = parse()
    about = machine()
    axes = {axis: sorted(getattr(options, axis)) for axis in SIZES if getattr(options, axis)}
    points = sorted({point for axis, sizes in axes.items() for point in points_along(axis, sizes)}, key=astuple)
    interpreters = {OWN: sys.executable}
    if PEER in options.sides:
        interpreters[PEER] = peers_interpreter(options.peers_python)
    passed_on = tuple(f"--{name}={getattr(options, name)}" for name in ("samples", "threads", "seed"))
    runs = interleave(
        [
            Side(
                point.run_of(side),
                interpreter,
                f"{side}_growth.py",
                (*passed_on, *(f"--{name}={size}" for name, size in asdict(point).items())),
            )
            for point in points
            for side, interpreter in interpreters.items()
        ],
        repeats=options.repeats,
        threads=options.threads,
    )
    middle = medians(runs)
    of_side = {side: runs[points[0].run_of(side)] for side in interpreters}
    about["devices"] = devices(of_side)
    curves = {axis: curves_along(axis, sizes, middle, list(interpreters)) for axis, sizes in axes.items()}
    result = header("growth", versions=all_versions(of_side), machine=about) | {
        "base": BASE,
        "samples": options.samples,
        "repeats": options.repeats,
        "threads": options.threads,
        "curves": [
            asdict(one) | {"slope": one.slope, "last_slope": one.last_slope}
            for found in curves.values()
            for one in found
        ],
        "runs": runs,
    }
    sections = [
        f"{__doc__.strip()} {options.samples} importance samples a row; {options.repeats} interleaved repeats, "
        f"{options.threads} threads; medians.",
        *(curve_section(axis, sizes, runs, curves[axis], list(interpreters)) for axis, sizes in axes.items()),
        disturbance_section(runs),
    ]
    write(result, sections)
    for axis, found in curves.items():
        draw(axis, found)


if __name__ == "__main__":
    main()
