"""Side: training a VAE with Pyro's stochastic variational inference."""

from training import run

if __name__ == "__main__":
    run("pyro_network", __doc__)
