r"""Halving and doubling an image: convolutions with kernels of 4 x 4 and strides of 2, in both directions.

    halve:   y[i, j] = sum_{k, l = 0..3} K[k, l]^T x[2i + k - 1, 2j + l - 1]                                    (1)
    double:  y[i, j] = sum_{k, l = 0..3} K[k, l]^T x[(i + k) / 2 - 1, (j + l) / 2 - 1]                          (2)

x is zero outside the image, and in (2) at half indices. Images are (height, width, channels). A length of n becomes
ceil(n / 2) by (1); (2) brings it back, less the last row or column where n is odd.

Two lowerings give the same numbers. A GPU has fast native convolutions. On a CPU these run several times slower than matrix
products inside ``lax.scan``, so (1) and (2) are written with products there: once blocks of 2 x 2 pixels are folded into
channels, (1) is a convolution by 2 x 2 of stride 1, and so is (2) before its channels are unfolded into blocks:

    y[i, j] = sum_{k, l = 0, 1} W[k, l]^T x[i + k, j + l]                                                       (3)

The four neighbours are either *gathered* first, (x[i, j], …, x[i+1, j+1]) times the stacked W, or all x are multiplied first and
the four products *shifted* and added. The former moves 4 n_in, the latter 4 n_out numbers a pixel; each is the other's
transpose, so the derivative chooses anew.

Reference: A. Radford, L. Metz, S. Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks", ICLR 2016 (strides in place of pooling, in both directions; 4 x 4 kernels as in their published code).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

_LAYOUT = ("NHWC", "HWIO", "NHWC")

Image = Float[Array, "height width in"]
Kernel = Float[Array, "4 4 in out"]
Block = Float[Array, "2 2 in out"]


def halve(x: Image, kernel: Kernel) -> Float[Array, "half_height half_width out"]:
    """Equation (1), lowered by platform."""
    height, width, _ = x.shape
    even = jnp.pad(x, ((0, height % 2), (0, width % 2), (0, 0)))
    return lax.platform_dependent(even, kernel, cpu=halve_by_products, default=halve_natively)


def double(x: Image, kernel: Kernel, *, height: int, width: int) -> Float[Array, "double_height double_width out"]:
    """Equation (2), lowered by platform and cut to a height and width of at most twice those of x."""
    y = lax.platform_dependent(x, kernel, cpu=double_by_products, default=double_natively)
    return y[:height, :width]


def halve_natively(x: Image, kernel: Kernel) -> Float[Array, "half_height half_width out"]:
    """Equation (1) by the platform's convolution."""
    return lax.conv_general_dilated(x[None], kernel, (2, 2), ((1, 1), (1, 1)), dimension_numbers=_LAYOUT)[0]


def double_natively(x: Image, kernel: Kernel) -> Float[Array, "double_height double_width out"]:
    """Equation (2) by the platform's convolution."""
    return lax.conv_general_dilated(
        x[None], kernel, (1, 1), ((2, 2), (2, 2)), lhs_dilation=(2, 2), dimension_numbers=_LAYOUT
    )[0]


def halve_by_products(x: Image, kernel: Kernel) -> Float[Array, "half_height half_width out"]:
    """Equation (1) by matrix products; even heights and widths only."""
    n_in, n_out = kernel.shape[2:]
    blocks = kernel.reshape(2, 2, 2, 2, n_in, n_out).transpose(0, 2, 1, 3, 4, 5).reshape(2, 2, 4 * n_in, n_out)
    return _convolve_blocks(_fold(jnp.pad(x, ((1, 1), (1, 1), (0, 0)))), blocks)


def double_by_products(x: Image, kernel: Kernel) -> Float[Array, "double_height double_width out"]:
    """Equation (2) by matrix products."""
    n_in, n_out = kernel.shape[2:]
    # Kernel row 2d + 1 - r leads from the block d of (3) to the row r of an unfolded block.
    rows = kernel.reshape(2, 2, 2, 2, n_in, n_out)[:, ::-1, :, ::-1]
    blocks = rows.transpose(0, 2, 4, 1, 3, 5).reshape(2, 2, n_in, 4 * n_out)
    return _unfold(_convolve_blocks(jnp.pad(x, ((1, 1), (1, 1), (0, 0))), blocks))[1:-1, 1:-1]


def _fold(x: Image) -> Float[Array, "half_height half_width four_in"]:
    """Blocks of 2 x 2 pixels as channels."""
    height, width, channels = x.shape
    blocks = x.reshape(height // 2, 2, width // 2, 2, channels).transpose(0, 2, 1, 3, 4)
    return blocks.reshape(height // 2, width // 2, 4 * channels)


def _unfold(x: Image) -> Float[Array, "double_height double_width quarter_in"]:
    """The inverse of ``_fold``."""
    height, width, channels = x.shape
    blocks = x.reshape(height, width, 2, 2, channels // 4).transpose(0, 2, 1, 3, 4)
    return blocks.reshape(2 * height, 2 * width, channels // 4)


# ---- equation (3)


@jax.custom_jvp
def _convolve_blocks(x: Image, kernel: Block) -> Float[Array, "less_height less_width out"]:
    """Equation (3), whichever form is cheaper."""
    return _value_form(kernel)(x, kernel)


@_convolve_blocks.defjvp
def _convolve_blocks_jvp(
    primals: tuple[Image, Block], tangents: tuple[Image, Block]
) -> tuple[Float[Array, "less_height less_width out"], Float[Array, "less_height less_width out"]]:
    # Reverse mode transposes the tangent, and the transpose of one form gathers where the other shifts. So the tangent in x
    # takes the form whose transpose is cheaper; the one in the kernel takes that of the value, to share the gathered x.
    (x, kernel), (x_tangent, kernel_tangent) = primals, tangents
    n_in, n_out = kernel.shape[2:]
    image_form = _shifted if n_out < n_in else _gathered
    tangent = image_form(x_tangent, kernel) + _value_form(kernel)(x, kernel_tangent)
    return _convolve_blocks(x, kernel), tangent


def _value_form(kernel: Block) -> Callable[[Image, Block], Array]:
    """Gathering is the faster unless it makes much more of the channels than shifting (measured)."""
    n_in, n_out = kernel.shape[2:]
    return _gathered if n_in <= 2 * n_out else _shifted


def _gathered(x: Image, kernel: Block) -> Float[Array, "less_height less_width out"]:
    """Neighbours side by side, then one product."""
    neighbours = jnp.concatenate([x[:-1, :-1], x[:-1, 1:], x[1:, :-1], x[1:, 1:]], axis=-1)
    return neighbours @ kernel.reshape(-1, kernel.shape[-1])


def _shifted(x: Image, kernel: Block) -> Float[Array, "less_height less_width out"]:
    """One product, then the sum of its four parts, each moved to its place."""
    n_in, n_out = kernel.shape[2:]
    products = x @ kernel.transpose(2, 0, 1, 3).reshape(n_in, 4 * n_out)
    upper_left, upper_right, lower_left, lower_right = jnp.split(products, 4, axis=-1)
    return upper_left[:-1, :-1] + upper_right[:-1, 1:] + lower_left[1:, :-1] + lower_right[1:, 1:]
