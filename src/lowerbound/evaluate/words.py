"""Words for numbers: as many digits as their error leaves, a true minus sign, shares, counts and their nouns."""

import math

_MOST_DECIMALS = 4


def number(value: float, *, decimals: int | None = None, digits: int = 4) -> str:
    """The value with so many decimals; None keeps ``digits`` significant ones.

    >>> number(-3.14159, decimals=2), number(123456.7), number(0.00123456), number(float("nan"))
    ('−3.14', '123457', '0.001235', 'unknown')
    >>> number(255.0)  # whole numbers need no decimals
    '255'
    """
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if decimals is None:
        magnitude = math.floor(math.log10(abs(value))) if value else 0
        if value == round(value) and magnitude < 12:
            return f"{value:.0f}".replace("-", "−")
        decimals = max(0, min(12, digits - 1 - magnitude))
        if not -6 < magnitude < 12:
            return f"{value:.{digits - 1}e}".replace("-", "−")
    text = f"{value:.{decimals}f}"
    return ("−" + text[1:]) if text.startswith("-") and float(text) else text.removeprefix("-")


def decimals_of(error: float) -> int:
    """Decimals that show two digits of an error, at most four.

    >>> decimals_of(0.0123), decimals_of(3.2), decimals_of(120.0), decimals_of(0.0)
    (3, 1, 0, 4)
    """
    if not math.isfinite(error):
        return 2
    if error <= 0:
        return _MOST_DECIMALS
    return min(_MOST_DECIMALS, max(0, 1 - math.floor(math.log10(error))))


def with_error(value: float, error: float) -> str:
    """The value and its error, to the digits that the error leaves.

    >>> with_error(-23.69213, 0.00412), with_error(-1402.3, 12.7)
    ('−23.6921 ± 0.0041', '−1402 ± 13')
    """
    decimals = decimals_of(error)
    return f"{number(value, decimals=decimals)} ± {number(error, decimals=decimals)}"


def share(value: float) -> str:
    """A share as a percentage; 0 % and 100 % stand for none and all alone.

    >>> share(0.5), share(0.004), share(0.0), share(0.996), share(0.9996), share(1e-5)
    ('50%', '0.4%', '0%', '99.6%', '> 99.9%', '< 0.1%')
    """
    if math.isnan(value):
        return "unknown"
    if 0 < value < 0.0005:
        return "< 0.1%"
    if 0.9995 <= value < 1:
        return "> 99.9%"
    return f"{value:.0%}" if value in (0, 1) or 0.1 <= value < 0.99 else f"{value:.1%}"


def counted(n: int, word: str) -> str:
    """A count and its noun: '1 row', '3 rows'.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1200 rows')
    """
    return f"{n} {word}" if n == 1 else f"{n} {word}s"
