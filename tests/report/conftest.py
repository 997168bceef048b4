"""Small fitted models, and a detector around one."""

import pytest
from pandas import DataFrame

from lowerbound import VAE, OutlierDetector
from tests.fitted_models import SMALL, autoencoder, image_vae, images, table, table_vae

__all__ = ["autoencoder", "image_vae", "images", "table", "table_vae"]


@pytest.fixture(scope="session")
def detector(table: DataFrame) -> OutlierDetector:
    return OutlierDetector(VAE(2, **SMALL), method="elbo", contamination=0.1).fit(table)
