"""Slices of rows for work on the host, so that it needs little memory whatever the size of the data."""

_CHUNK_CELLS = 4_000_000


def row_chunks(n_rows: int, cells_per_row: int) -> list[slice]:
    """Consecutive slices of rows of at most about four million cells each."""
    rows = max(1, _CHUNK_CELLS // max(1, cells_per_row))
    return [slice(start, min(start + rows, n_rows)) for start in range(0, n_rows, rows)]
