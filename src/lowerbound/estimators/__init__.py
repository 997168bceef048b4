"""Estimators: the recipe book. One scikit-learn estimator per file; a body reads model, objective, fit, attributes."""
