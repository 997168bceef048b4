"""A fresh process that scores one row, and then many: from its first line to the first score, its memory, and a row's time."""

import sys
import time

started = time.perf_counter()
kind, folder = sys.argv[1:3]
if kind == "import sklearn.base":
    import numpy as np
    import sklearn.base  # noqa: F401 - what is measured
else:
    import numpy as np

    from lowerbound import load

    model = load(folder, only="scoring") if kind == "scorer" else load(folder)
    row = np.linspace(-1, 1, model.input_shape_[0])[None]
    model.score_samples(row)
first_score_s = time.perf_counter() - started

import json  # noqa: E402 - after the clock
import resource  # noqa: E402

found = {"first_score_s": first_score_s, "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
if kind != "import sklearn.base":
    times = []
    for _ in range(1000):
        start = time.perf_counter()
        model.score_samples(row)
        times.append(time.perf_counter() - start)
    many = np.random.default_rng(0).normal(size=(100_000, row.shape[1]))
    holed = np.where(np.random.default_rng(1).random(many.shape) < 0.1, np.nan, many)
    for name, rows in (("100_000_rows_s", many), ("100_000_rows_with_holes_s", holed)):
        start = time.perf_counter()
        model.score_samples(rows)
        found[name] = time.perf_counter() - start
    found["row_ms"] = 1e3 * float(np.median(times))
found["jax"] = "jax" in sys.modules
print(json.dumps(found | {"versions": {"numpy": np.__version__}}))
