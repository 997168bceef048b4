"""Findings: what is to be said about a fitted model on rows, as one typed record, for all that shows it."""
