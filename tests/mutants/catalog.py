"""Faults that the tests must find: each is one small change of the source, and the tests that are to fail for it.

``make mutants`` applies them one by one (``tests.mutants.run``). A fault belongs here if the numbers would stay plausible: a
wrong E-step, M-step, divergence, importance weight, change of variables, floor, or order.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One fault.

    Attributes
    ----------
    name
        What is wrong.
    file
        Source file, below ``src/lowerbound``.
    original, mutated
        Text that stands in the file exactly once, and what takes its place.
    tests
        Arguments of pytest, below ``tests``: files, or files and functions. One failure at least is expected.
    """

    name: str
    file: str
    original: str
    mutated: str
    tests: tuple[str, ...]


MUTANTS = (
    # ---- E-step
    Mutant(
        "factor analyzers: half of the quadratic form is lost",
        "objectives/factor_analyzers.py",
        "log_joint += 0.5 * (",
        "log_joint += 0.25 * (",
        ("objectives/test_factor_analyzers.py::test_statistics_are_the_sums_of_a_loop_over_rows",),
    ),
    Mutant(
        "factor analyzers: the posterior covariance is left out of E[z z^T]",
        "objectives/factor_analyzers.py",
        "by_pattern = own + responsibility[:, :, None, None] * padded",
        "by_pattern = own + 0 * responsibility[:, :, None, None] * padded",
        ("objectives/test_factor_analyzers.py::test_statistics_are_the_sums_of_a_loop_over_rows",),
    ),
    Mutant(
        "full Gaussians: missing cells keep their marginal covariance",
        "objectives/full_gaussians.py",
        "- pulled @ jnp.swapaxes(pulled, 1, 2)",
        "- 0 * pulled @ jnp.swapaxes(pulled, 1, 2)",
        ("objectives/test_full_gaussians.py::test_statistics_are_the_sums_of_a_loop_over_rows",),
    ),
    Mutant(
        "factor analysis: the posterior covariance is left out of E[z z^T]",
        "objectives/factor_analysis.py",
        "second = inverse + inverse @",
        "second = 0 * inverse + inverse @",
        ("objectives/test_factor_analysis.py::test_the_m_step_of_many_columns_takes_what_the_factors_leave",),
    ),
    Mutant(
        "log det A is halved",
        "nn/linear_algebra.py",
        "return 2 * jnp.sum(self.log_diagonal, axis=-1)",
        "return jnp.sum(self.log_diagonal, axis=-1)",
        ("nn/test_linear_algebra.py::test_whitening_is_the_inverse_of_the_cholesky_factor",),
    ),
    # ---- M-step
    Mutant(
        "factor analyzers: half of what the factors explain stays in the noise",
        "objectives/factor_analyzers.py",
        "found.square - jnp.sum(coefficients * found.cross, axis=-1)",
        "found.square - 0.5 * jnp.sum(coefficients * found.cross, axis=-1)",
        ("objectives/test_factor_analyzers.py::test_the_m_step_is_the_maximum_of_the_expected_log_joint",),
    ),
    Mutant(
        "factor analyzers: the covariance of the factors is not absorbed",
        "objectives/factor_analyzers.py",
        "loadings = times_cholesky(loadings, phi)",
        "loadings = times_cholesky(loadings, phi * 0 + jnp.eye(phi.shape[-1]))",
        ("objectives/test_factor_analyzers.py::test_the_m_step_is_the_maximum_of_the_expected_log_joint",),
    ),
    Mutant(
        "full Gaussians: second moments about 0, not about the mean",
        "objectives/full_gaussians.py",
        "- mean[:, :, None] * mean[:, None, :]",
        "- 0 * mean[:, :, None] * mean[:, None, :]",
        ("objectives/test_full_gaussians.py::test_the_m_step_is_the_maximum_of_the_expected_log_joint",),
    ),
    Mutant(
        "factor analysis: a wrong step of one variance",
        "objectives/factor_analysis.py",
        "(column @ s @ column - own) / own**2",
        "(column @ s @ column - own) / own",
        (
            "objectives/test_factor_analysis.py::"
            "test_the_m_step_of_few_columns_puts_one_variance_after_another_where_it_is_best",
        ),
    ),
    Mutant(
        "SQUAREM: every extrapolated point is accepted",
        "fit/squarem.py",
        "accepted = finite & (~extrapolated | (log_evidence >= lowest_accepted))",
        "accepted = finite & (~extrapolated | (log_evidence >= -jnp.inf))",
        ("fit/test_em.py::test_the_evidence_never_falls",),
    ),
    # ---- divergence
    Mutant(
        "the divergence of a Gaussian lacks its constant",
        "posteriors/gaussian.py",
        "* jnp.exp(-2 * log_scale) - 1)",
        "* jnp.exp(-2 * log_scale))",
        ("posteriors/test_gaussian.py::test_kl_is_the_matrix_formula",),
    ),
    Mutant(
        "the divergence of the clusters is their negative entropy",
        "models/mixture.py",
        "responsibility * (log_responsibility - self.log_weight)",
        "responsibility * log_responsibility",
        ("models/test_mixture.py::test_the_divergence_is_that_of_clusters_and_then_of_factors",),
    ),
    # ---- importance weights
    Mutant(
        "importance weights without the prior",
        "models/model.py",
        "return self.log_prior + self.log_likelihood - self.log_posterior",
        "return self.log_likelihood - self.log_posterior",
        ("objectives/test_importance_weighted.py::test_with_the_exact_posterior_every_bound_is_log_p_of_x",),
    ),
    Mutant(
        "the importance-weighted bound is a sum, not a mean",
        "objectives/importance_weighted.py",
        "- math.log(self.n_samples)",
        "- 0 * math.log(self.n_samples)",
        ("objectives/test_importance_weighted.py::test_with_the_exact_posterior_every_bound_is_log_p_of_x",),
    ),
    Mutant(
        "log p(x) is the largest weight, not the mean one",
        "evaluate/importance_sampling.py",
        "log_mean = largest[:, 0] + np.log(mean)",
        "log_mean = largest[:, 0] + 0 * np.log(mean)",
        ("evaluate/test_evidence.py::test_columns_are_those_of_the_formulas",),
    ),
    # ---- change of variables
    Mutant(
        "the change of units has the wrong sign",
        "data/datums.py",
        "log_scale = jnp.asarray(preprocessing.log_scale, preprocessing.dtype)",
        "log_scale = -jnp.asarray(preprocessing.log_scale, preprocessing.dtype)",
        ("data/test_preprocessing.py::test_log_determinant_is_that_of_the_finite_differences",),
    ),
    Mutant(
        "log densities forget the change of units",
        "data/datum.py",
        "return jnp.sum(per_cell) + self.log_determinant",
        "return jnp.sum(per_cell)",
        ("estimators/test_ppca.py::test_a_change_of_units_shifts_log_p_by_its_logarithm",),
    ),
    Mutant(
        "closed forms: the change of units has the wrong sign where cells are missing",
        "data/preprocessing.py",
        "-(observed.reshape(len(values), -1) @ log_scale)",
        "observed.reshape(len(values), -1) @ log_scale",
        ("evaluate/test_closed_form.py::test_numpy_and_the_compiled_module_agree",),
    ),
    Mutant(
        "closed forms: log p(x) without the determinant of the posterior",
        "gaussians/linear.py",
        "(self._errors + log_determinant + lengths)",
        "(self._errors + lengths)",
        ("evaluate/test_closed_form.py::test_numpy_and_the_compiled_module_agree",),
    ),
    Mutant(
        "rows with holes: no tail beyond the body",
        "evaluate/tail.py",
        "/ max(self.excess, 1e-300)",
        "* 0",
        ("contracts/test_outlier_units.py::test_a_tail_is_that_of_a_chi_square",),
    ),
    # ---- independent draws of equal rows
    Mutant(
        "equal rows share their draws",
        "evaluate/imputed.py",
        "0x9E3779B9 * earlier.astype(np.uint64)",
        "0 * earlier.astype(np.uint64)",
        ("evaluate/test_imputation.py::test_draws_of_equal_rows_are_independent",),
    ),
    Mutant(
        "the third of equal rows has the draws of the second",
        "evaluate/imputed.py",
        "0x9E3779B9 * earlier.astype(np.uint64)",
        "0x9E3779B9 * (earlier > 0).astype(np.uint64)",
        ("evaluate/test_imputation.py::test_draws_of_equal_rows_are_independent",),
    ),
    Mutant(
        "rows have the hashes of other rows",
        "evaluate/imputed.py",
        "moved[order] = (",
        "moved[:] = (",
        ("evaluate/test_imputation.py::test_a_rows_draws_depend_neither_on_its_place_nor_on_its_company",),
    ),
    # ---- floors
    Mutant(
        "factor analyzers: no floor of the noise",
        "objectives/factor_analyzers.py",
        "jnp.maximum(left / jnp.maximum(seen, _EMPTY), part.variance_floor)",
        "jnp.maximum(left / jnp.maximum(seen, _EMPTY), 1e-300)",
        ("objectives/test_factor_analyzers.py::test_noise_is_kept_at_its_floor",),
    ),
    Mutant(
        "factor analysis: no floor of the noise",
        "objectives/factor_analysis.py",
        "jnp.log(jnp.maximum(variance, model.variance_floor))",
        "jnp.log(jnp.maximum(variance, 1e-300))",
        ("objectives/test_factor_analysis.py::test_noise_is_kept_at_its_floor",),
    ),
    Mutant(
        "full Gaussians: eigenvalues below the floor stay",
        "nn/linear_algebra.py",
        "jnp.maximum(values, floor)",
        "jnp.maximum(values, 1e-300)",
        ("objectives/test_full_gaussians.py::test_eigenvalues_are_kept_at_their_floor",),
    ),
    # ---- order of LAPACK calls
    Mutant(
        "the root of the factors' covariance waits for nothing",
        "nn/linear_algebra.py",
        "jnp.linalg.cholesky(_tied(matrix, left))",
        "jnp.linalg.cholesky(matrix)",
        ("contracts/test_lapack_order.py::test_steps_of_em_call_lapack_in_order",),
    ),
    Mutant(
        "the second pass over the clusters waits for nothing",
        "nn/linear_algebra.py",
        "jax.lax.map(function, _tied(items, after))",
        "jax.lax.map(function, items)",
        ("contracts/test_lapack_order.py::test_steps_of_em_call_lapack_in_order",),
    ),
)
