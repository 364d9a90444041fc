"""Random numbers of rounds: a stream for each game, and a place in it for each round."""

import numpy as np


class Streams:
    """Generators that depend on a seed, a game and a round alone.

    The numbers of a counter-based generator are a function of a key and a counter. The key comes
    from the seed and the game, and the round stands in the upper half of the counter, so that each
    round has 2 ** 128 blocks of its own, and can be drawn again anywhere, before or after others.

    Parameters
    ----------
    seed : int
    game : int, default=0

    References
    ----------
    Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".

    Examples
    --------
    >>> from skdvl.streams import Streams
    >>> streams = Streams(seed=7)
    >>> fourth = streams.of_round(4).random()
    >>> fifth = streams.of_round(5).random()
    >>> bool(streams.of_round(4).random() == fourth), fourth == fifth
    (True, False)
    """

    def __init__(self, seed, game=0):
        self._bits = np.random.Philox(np.random.SeedSequence([seed, game]))
        self._begin = self._bits.state  # nothing is drawn yet
        self._generator = np.random.Generator(self._bits)

    def of_round(self, t):
        """Return the generator of round t, which is good until that of another round is asked for.

        Making a new one would take ten times as long as to set this one to another place.

        Parameters
        ----------
        t : int

        Returns
        -------
        rng : numpy.random.Generator
        """
        self._begin["state"]["counter"][2] = t
        self._bits.state = self._begin
        return self._generator
