"""Side: training a VAE in hand-written eager PyTorch."""

from training import run

if __name__ == "__main__":
    run("torch_network", __doc__)
