r"""Scores of rows with holes, on the scale of complete rows: the score of the complete row that would be as improbable.

A score such as -log p(x_observed) depends on which cells were observed, and on their units: fewer cells have a smaller score, or
a larger one in other units, whether the row is an outlier or not. What compares is the tail probability among rows with the same
cells observed. With F_o the distribution of the scores of reference rows, of which only the cells o are shown,

    score of a row with cells o observed, s   ->   F^{-1}(F_o(s)),     F = F_o for all cells.                            (1)

Complete rows keep their scores, and a row without any cell gets the lowest one. F_o is the empirical distribution up to its 0.9
quantile u; beyond, excesses are exponential with their mean b:

    -log(1 - F_o(s)) = log 10 + (s - u) / b,     s > u.                                                                  (2)
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_BODY = 0.9


@dataclass(frozen=True)
class Tail:
    """Distribution of scores, equation (2).

    Attributes
    ----------
    scores, surprise
        Points of the body, both rising: scores, and -log(1 - F) there.
    excess
        Mean excess b beyond the last of these points.
    """

    scores: Float[np.ndarray, " points"]
    surprise: Float[np.ndarray, " points"]
    excess: float

    @classmethod
    def of(cls, reference: Float[np.ndarray, " rows"]) -> "Tail":
        """The distribution that these scores were drawn from.

        >>> tail = Tail.of(np.random.default_rng(0).exponential(size=2000))
        >>> tail.surprise_of(np.array([0.0, 1.0, 3.0])).round(0).tolist()
        [0.0, 1.0, 3.0]
        """
        ordered = np.sort(reference[np.isfinite(reference)])
        body = max(1, int(_BODY * len(ordered)))
        surprise = -np.log1p(-(np.arange(body) + 0.5) / len(ordered))
        beyond = ordered[body:] - ordered[body - 1]
        return cls(ordered[:body], surprise, float(beyond.mean()) if len(beyond) else 0.0)

    def surprise_of(self, scores: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """-log(1 - F) of each score, in nats."""
        inside = np.interp(scores, self.scores, self.surprise)
        if self.scores[-1] - self.scores[0] + self.excess <= 1e-9 * (1 + abs(self.scores[0])):
            return np.full(len(scores), self.surprise[0])  # one score for all rows: none is an outlier
        return np.asarray(inside + np.maximum(scores - self.scores[-1], 0.0) / max(self.excess, 1e-300))

    def score_of(self, surprise: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The score of that -log(1 - F)."""
        inside = np.interp(surprise, self.surprise, self.scores)
        return np.asarray(inside + np.maximum(surprise - self.surprise[-1], 0.0) * self.excess)
