"""Process: JAX's threads do not survive a fork, so that a forked worker that computes waits for ever; here it gets an error."""

import os

_user: int | None = None  # process that computed first, whose threads these are


def check_process() -> None:
    """Note that this process computes with JAX, and raise if it was forked from one that already did.

    Raises
    ------
    RuntimeError
        In such a worker, at once, with the ways to start one that can compute.
    """
    global _user
    if _user is None:
        _user = os.getpid()
    elif _user != os.getpid():
        raise RuntimeError(
            "this process was forked from one that had computed with JAX, whose threads a fork does not copy: a model that JAX "
            "computes would wait here for ever. Start workers with multiprocessing.get_context('spawn') or joblib's 'loky' "
            "backend. What PPCA, FactorAnalysis and MixtureOfFactorAnalyzers do after fit works in forked workers, too."
        )
