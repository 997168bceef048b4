"""Likelihoods p(x given z): each turns network outputs into a distribution over one datum and names its base measure."""
