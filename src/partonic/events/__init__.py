"""Events: per-event columns, named weights and ragged collections, with their kinematics and training cache."""

from partonic.events.events import Events, concatenate
from partonic.events.ragged import Link, Ragged

__all__ = ["Events", "Link", "Ragged", "concatenate"]
