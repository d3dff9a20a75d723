"""Recording, one elemental at a time: every public row of the table."""

import tapead
from tapead.elementals import ELEMENTALS

from .measure import some, versioned


@versioned()
class Elemental:
    """A thousand operations on a new tape, so that the tape itself weighs nothing."""

    params = some(row.name for row in ELEMENTALS.values() if row.public)
    param_names = ("name",)

    def setup(self, name):
        self.function = getattr(tapead, name)
        shares = 0.62, 0.38  # off the middle, where many functions have a kink, and off ties
        domain = ELEMENTALS[name].domain
        self.point = [
            lo + share * (hi - lo) for share, (lo, hi) in zip(shares, domain, strict=False)
        ]
        self.time_record_1000(name)  # the first use of some functions imports scipy.special

    def time_record_1000(self, name):
        with tapead.Tape() as tape:
            xs = [tape.variable(x) for x in self.point]
            for _ in range(1000):
                self.function(*xs)
