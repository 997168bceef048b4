"""Side: lowerbound's `log_evidence` by importance sampling, standard errors and diagnostics included."""

from common import EVIDENCE_NETWORK, arguments, emit, peak_rss_mib, strided, thresholded_mnist, versions
from lowerbound_network import device, estimator
from timing import evaluation


def main() -> None:
    options = arguments(__doc__)
    train_rows, test_rows = thresholded_mnist()
    model = estimator(EVIDENCE_NETWORK, options.epochs, options.seed).fit(train_rows)
    rows = strided(test_rows, options.rows)

    def evaluate() -> float:
        return float(model.log_evidence(rows, n_samples=options.samples, method="importance_sampling").value)

    result = evaluation(evaluate, rows=len(rows), samples=options.samples)
    emit(
        result
        | device()
        | {
            "peak_rss_mib": peak_rss_mib(),
            "versions": versions("lowerbound", "jax", "equinox", "numpy"),
        }
    )


if __name__ == "__main__":
    main()
