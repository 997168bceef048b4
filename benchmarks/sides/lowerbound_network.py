"""The VAE 784-400-400-20 of the comparison, as a user of lowerbound writes it."""

from common import BATCH_SIZE, HIDDEN, LATENT_DIM, LEARNING_RATE

from lowerbound import VAE


def estimator(n_epochs: int, seed: int) -> VAE:
    """Unfitted estimator with the common sizes and the common plain Adam."""
    return VAE(
        latent_dim=LATENT_DIM,
        likelihood="bernoulli",
        hidden=(HIDDEN, HIDDEN),
        activation="relu",
        max_epochs=n_epochs,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        learning_rate_decay="none",
        validation_fraction=0.0,
        random_state=seed,
    )
