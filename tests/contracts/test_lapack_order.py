"""No two LAPACK calls of a compiled program run at the same time: in its optimized HLO, one of any two depends on the other.

Two batches of such calls at once can hang a process for ever (``nn.linear_algebra``). The programs are every EM step and every
row function of the exactly solvable models, as users run them; the ground truth is the graph of operands that XLA writes down.
"""

import re
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lowerbound.data.datum import Datum
from lowerbound.evaluate.imputation import Completions
from lowerbound.fit.em import _run, _statistics, _steps_together
from lowerbound.fit.squarem import first_state
from lowerbound.objectives.factor_analysis import CovarianceChunk, CovarianceEM
from lowerbound.objectives.factor_analyzers import FactorAnalyzersEM
from lowerbound.objectives.full_gaussians import FullGaussiansEM
from tests.gaussians import chunk_of, factor_analyzer, mixture, random_patterns, stack

N_ROWS, N_FEATURES = 6, 4
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}  # the HLO is the same
X = np.random.default_rng(0).normal(size=(N_ROWS, N_FEATURES))
OBSERVED = random_patterns(N_ROWS, N_FEATURES)

_COMPUTATION = re.compile(r"^(?:ENTRY )?%(\S+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%(\S+) = (.*)$")
_CONTROL = re.compile(r"control-predecessors=\{[^}]*\}")  # orders a schedule, and is no operand


def computations(text):
    """Computation -> instruction -> (the names that it mentions, whether it calls LAPACK itself)."""
    found, current = {}, None
    for line in text.splitlines():
        opening, instruction = _COMPUTATION.match(line), _INSTRUCTION.match(line)
        if opening:
            current = found.setdefault(opening[1], {})
        elif instruction and current is not None:
            called = _CONTROL.sub("", instruction[2])
            current[instruction[1]] = (set(re.findall(r"%([\w.\-]+)", called)), 'custom_call_target="lapack_' in called)
    return found


def lapack_calls(text):
    """Computation -> names of its instructions that call LAPACK, by themselves or in what they call."""
    found = computations(text)

    def calls(name):
        return [
            instruction
            for instruction, (mentioned, itself) in found[name].items()
            if itself or any(calls(other) for other in mentioned & found.keys() - {name})
        ]

    return {name: calls(name) for name in found}


def unordered_pairs(text):
    """Pairs of instructions of one computation that call LAPACK without one being the other's operand, at any remove."""
    found = computations(text)
    pairs = []
    for name, calls in lapack_calls(text).items():
        before: dict[str, set[str]] = {}
        for instruction, (mentioned, _) in found[name].items():  # operands come first in a scheduled module
            operands = mentioned & found[name].keys()
            before[instruction] = operands.union(*(before[operand] for operand in operands))
        pairs += [(a, b) for a, b in combinations(calls, 2) if a not in before[b] and b not in before[a]]
    return pairs


def compiled(function, *arguments):
    """Optimized HLO of a function of arrays."""
    return jax.jit(function).lower(*arguments).compile(compiler_options=QUICK).as_text()


# The search itself


BATCHES = np.tile(np.eye(3, dtype=np.float32), (2, 4, 1, 1))


def scanned(matrix):
    return jax.lax.scan(lambda carry, one: (carry + jnp.linalg.cholesky(one), None), jnp.zeros((3, 3)), matrix)[0]


def chosen(matrix, other):
    return jax.lax.cond(matrix[0, 0, 0] > other[0, 0, 0], jnp.linalg.cholesky, lambda m: 2 * m, matrix)


PLANTED = {
    "two factorizations": lambda a, b: (jnp.linalg.cholesky(a), jnp.linalg.cholesky(b)),
    "eigenvectors and a factorization": lambda a, b: jnp.linalg.eigh(a)[1] + jnp.linalg.cholesky(b),
    "two solves": lambda a, b: (
        jax.scipy.linalg.solve_triangular(jnp.linalg.cholesky(a), b, lower=True),
        jax.scipy.linalg.solve_triangular(jnp.linalg.cholesky(a), b + 1, lower=True),
    ),
    "a loop and a factorization": lambda a, b: (scanned(a), jnp.linalg.cholesky(b)),
    "a branch and a factorization": lambda a, b: (chosen(a, b), jnp.linalg.cholesky(b)),
    "inside a loop": lambda a, b: jax.lax.fori_loop(
        0, 3, lambda _, c: (jnp.linalg.cholesky(c[0]), jnp.linalg.cholesky(c[1])), (a, b)
    ),
}
ORDERED = {
    "one after another": lambda a, b: jnp.linalg.cholesky(b + jnp.linalg.cholesky(a)),
    "after a loop": lambda a, b: jnp.linalg.cholesky(b + scanned(a)),
    "after a branch": lambda a, b: jnp.linalg.cholesky(b + chosen(a, b)),
    "twice the same": lambda a, b: jnp.linalg.cholesky(a) + 2 * jnp.linalg.cholesky(a),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_pair_is_found(name):
    assert unordered_pairs(compiled(PLANTED[name], *BATCHES))


@pytest.mark.parametrize("name", ORDERED)
def test_an_ordered_pair_passes(name):
    text = compiled(ORDERED[name], *BATCHES)
    assert "lapack_" in text
    assert unordered_pairs(text) == []


# Row functions

MODELS = {
    "linear": factor_analyzer(N_FEATURES, 2),
    "one cluster": mixture(1, N_FEATURES, 2),
    "clusters": mixture(3, N_FEATURES, 2),
    "one cluster, full": mixture(1, N_FEATURES, noise="full"),
    "clusters, full": mixture(3, N_FEATURES, noise="full"),
}
ROW_FUNCTIONS = {
    "log_evidence": lambda model, datum, key: model.log_evidence(datum),
    "encode": lambda model, datum, key: model.encode(datum),
    "predictive": lambda model, datum, key: model.predictive(datum),
    "complete": lambda model, datum, key: Completions(2)(model, datum, key=key),
    "draw": lambda model, datum, key: jax.vmap(lambda k: model.draw(datum, key=k))(jax.random.split(key, 2)),
    "elbo_terms": lambda model, datum, key: model.elbo_terms(datum, key=key),
}


@pytest.mark.parametrize("observed", [None, OBSERVED], ids=["complete", "holes"])
@pytest.mark.parametrize("model", MODELS)
def test_row_functions_call_lapack_in_order(model, observed):
    found = {}
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0), N_ROWS)
        for name, function in ROW_FUNCTIONS.items():

            def rows(model, values, observed, keys, function=function):
                return jax.vmap(lambda x, seen, key: function(model, Datum(x, seen), key))(values, observed, keys)

            found[name] = compiled(rows, MODELS[model], X, observed, keys)
    assert "lapack_" in found["log_evidence"]
    assert {name: pairs for name, text in found.items() if (pairs := unordered_pairs(text))} == {}


# Steps of EM

STEPS = {
    "covariance": (CovarianceEM(), factor_analyzer(N_FEATURES, 2)),
    "covariance, isotropic": (CovarianceEM(), factor_analyzer(N_FEATURES, 2, noise="isotropic")),
    "factors, one cluster": (FactorAnalyzersEM(shared_noise=False), mixture(1, N_FEATURES, 2)),
    "factors, clusters": (FactorAnalyzersEM(shared_noise=True), mixture(2, N_FEATURES, 2, noise="isotropic")),
    "full, one cluster": (FullGaussiansEM(shared_noise=False), mixture(1, N_FEATURES, noise="full")),
    "full, clusters": (FullGaussiansEM(shared_noise=True), mixture(2, N_FEATURES, noise="full")),
}


def programs(problem, model):
    """Name -> optimized HLO: of the loop over one chunk and over two, of a chunk of a stream, of two starts together."""
    run = jax.jit(_run.__wrapped__)
    arrays = jax.tree.map(jnp.asarray, model)
    starts = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), arrays)
    counts = jnp.asarray(2), jnp.asarray(1e-6), jnp.asarray(True)
    if isinstance(problem, CovarianceEM):
        covariance = stack(CovarianceChunk(np.cov(X.T, bias=True), np.array(float(N_ROWS))))
        yield "loop", run.lower(problem, first_state(problem, model), covariance, *counts)
        return
    complete, patterns, own = chunk_of(X), chunk_of(X, OBSERVED, form="indexed"), chunk_of(X, OBSERVED)
    yield "complete", run.lower(problem, first_state(problem, model), stack(complete), *counts)
    yield "patterns", run.lower(problem, first_state(problem, model), stack(patterns), *counts)
    yield "two chunks", run.lower(problem, first_state(problem, model), stack(own, own), *counts)
    yield "stream", _statistics.lower(problem, arrays, jax.tree.map(jnp.asarray, own), False).lowered
    yield "starts", jax.jit(_steps_together.__wrapped__).lower(problem, starts, stack(own), jnp.asarray(3))


@pytest.mark.parametrize("name", STEPS)
def test_steps_of_em_call_lapack_in_order(name):
    with jax.enable_x64(True):
        lowered = dict(programs(*STEPS[name]))
        texts = {what: one.compile(compiler_options=QUICK).as_text() for what, one in lowered.items()}
    assert all("lapack_" in text for text in texts.values())
    assert {what: pairs for what, text in texts.items() if (pairs := unordered_pairs(text))} == {}
