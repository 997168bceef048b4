"""Side: training a VAE with pythae's own model and trainer."""

from training import run

if __name__ == "__main__":
    run("pythae_network", __doc__)
