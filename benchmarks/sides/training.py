"""Training of one of the PyTorch-based peers, timed the same way for all of them.

A peer is a module with `train`, `mean_loss`, and `PACKAGES`, whose versions are reported.
"""

import importlib
import json
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from statistics import median

from common import NETWORKS, arguments, emit, peak_rss_mib, thresholded_mnist, versions


def memory_format(options: Namespace) -> dict[str, str]:
    """Layout of images in memory: the only one for an MLP, the faster one for convolutions."""
    if options.network == "mlp":
        return {"fastest": "contiguous"}
    script = Path(__file__).with_name("torch_memory_format.py")
    passed_on = [f"--{name}={getattr(options, name)}" for name in ("network", "threads", "seed")]
    done = subprocess.run([sys.executable, script, *passed_on], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def run(module: str, description: str) -> None:
    """Time the import, then the fit, of the peer in `module`, and report."""
    options = arguments(description)
    network = NETWORKS[options.network]
    layout = memory_format(options)
    start = time.perf_counter()
    peer = importlib.import_module(module)
    import_s = time.perf_counter() - start
    import torch
    from torch_network import device, n_parameters, now

    torch.set_num_threads(options.threads)
    train_rows, test_rows = map(torch.from_numpy, thresholded_mnist())

    start = now()
    model, seconds = peer.train(network, train_rows, options.epochs, seed=options.seed, memory_format=layout["fastest"])
    fit_s = now() - start
    result = {
        "import_s": import_s,
        "compile_or_first_epoch_s": seconds[0],
        "epoch_s": median(seconds[1:]),
        "fit_s": fit_s,
        "peak_rss_mib": peak_rss_mib(),
        **device(),
        "loss": peer.mean_loss(model, test_rows),
        "parameters": n_parameters(model),
        "versions": versions(*peer.PACKAGES),
    }
    emit(result | ({"chosen": layout["chosen"]} if "chosen" in layout else {}))
