"""Small fitted models."""

from tests.fitted_models import autoencoder, image_vae, images, table, table_vae

__all__ = ["autoencoder", "image_vae", "images", "table", "table_vae"]
