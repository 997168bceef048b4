"""The command line: ``lowerbound demo | fit | evaluate | compare | report | encode | reconstruct | sample | …``.

A command reads files, calls an estimator and prints; it computes nothing itself. Exit codes: 0 done; 1 a fit whose loss became
non-finite (its last finite model is saved) and internal errors, with their traceback; 2 bad input, with one line on standard
error; 130 Ctrl-C (during a fit, the best model so far is saved first).
"""

from lowerbound.cli.entry import app, main

__all__ = ["app", "main"]
