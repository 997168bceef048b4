"""A stand-in for data frames of polars, which is no dependency: what this library asks of them, on a dictionary of lists."""

import numpy as np


class Polars:
    """Named columns; made of a dictionary, or of an array and the names."""

    def __init__(self, data, schema=None):
        self._cells = data if schema is None else dict(zip(schema, np.asarray(data).T.tolist(), strict=True))
        self.columns = list(self._cells)
        self.shape = (len(self.to_numpy()), len(self.columns))

    def __getitem__(self, which):
        if isinstance(which, str):
            return PolarsSeries(self._cells[which])
        rows = np.arange(len(self))[which]  # a slice or row numbers
        return Polars({name: [cells[row] for row in rows] for name, cells in self._cells.items()})

    def __len__(self):
        return self.shape[0]

    def to_numpy(self):
        return np.stack([self[name].to_numpy() for name in self.columns], axis=1)


class PolarsSeries:
    """A column of it: floats with NaN for null, anything else as objects with None."""

    def __init__(self, cells):
        self._cells = cells

    def to_numpy(self):
        if all(cell is None or type(cell) in (int, float) for cell in self._cells):
            return np.array([np.nan if cell is None else cell for cell in self._cells])
        return np.array(self._cells, object)
