"""Datums: how a stored row becomes a datum, inside the compiled function, with a key of its own.

``Preprocessing`` says what is done with cells, and needs no JAX; here it becomes a pytree whose arrays are shift and scale.
"""

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from lowerbound.data.datum import Datum
from lowerbound.data.preprocessing import Preprocessing
from lowerbound.data.record import Record

jax.tree_util.register_dataclass(
    Preprocessing, data_fields=["shift", "scale", "log_scale"], meta_fields=["white_level", "treatment", "dtype"]
)


def datum_of(preprocessing: Preprocessing, record: Record, *, key: PRNGKeyArray) -> Datum:
    """The datum of one stored row; ``key`` drives dequantization and dynamic binarization only."""
    raw = jnp.asarray(record.values).astype(preprocessing.dtype)
    shift, scale = (
        jnp.asarray(preprocessing.shift, preprocessing.dtype),
        jnp.asarray(preprocessing.scale, preprocessing.dtype),
    )
    log_scale = jnp.asarray(preprocessing.log_scale, preprocessing.dtype)
    match preprocessing.treatment:
        case "real":
            y = raw if jnp.issubdtype(record.values.dtype, jnp.floating) else (raw - shift) / scale
        case "discrete":
            y = raw
        case "dequantize":
            y = (raw + jax.random.uniform(key, raw.shape, jnp.float32).astype(raw.dtype) - shift) / scale
        case "dynamic":
            y = (jax.random.uniform(key, raw.shape, jnp.float32) * preprocessing.white_level < raw).astype(
                preprocessing.dtype
            )
        case "threshold":
            y = (raw > 0.5 * preprocessing.white_level).astype(preprocessing.dtype)
        case "grey":
            y = raw / preprocessing.white_level
    if record.observed is not None:
        y = jnp.where(record.observed, y, 0.0)
        log_scale = jnp.where(record.observed, log_scale, 0.0)
    return Datum(y, record.observed, record.condition, -jnp.sum(log_scale))
