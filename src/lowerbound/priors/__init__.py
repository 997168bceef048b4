"""Priors p(z): each gives the log density of a latent vector and draws one."""
