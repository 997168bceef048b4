"""Approximate posteriors q(z given x): Gaussians, and the encoders that give their parameters for each datum."""
