"""Find out which facts are withdrawn. Source: R1.fact_withdrawn."""

from schemas.events import FactWithdrawn, Ruling


class Withdrawals:
    """The withdrawals of an event. A fact is withdrawn by a withdrawal that is not itself withdrawn."""

    def __init__(self) -> None:
        self._by_target: dict[str, list[FactWithdrawn]] = {}
        self._hit: dict[str, bool] = {}

    def add(self, fact: FactWithdrawn) -> None:
        """Add a withdrawal; the fact that it names may arrive later."""
        self._by_target.setdefault(fact.fact, []).append(fact)
        self._hit = {}

    def names(self, fact_id: str) -> bool:
        """Return whether a withdrawal names that id."""
        return fact_id in self._by_target

    def __bool__(self) -> bool:
        return bool(self._by_target)

    def hit(self, fact: Ruling) -> bool:
        """Return whether a fact is withdrawn, and so counts as if it had never been logged."""
        return any(name in self._by_target and self._is_hit(name, frozenset()) for name in fact.names())

    def _is_hit(self, fact_id: str, asking: frozenset[str]) -> bool:
        """Return whether a fact is withdrawn.

        Of withdrawals in a circle, the first that is asked about is withdrawn: the earliest in the log.
        """
        if fact_id in asking or fact_id not in self._by_target:
            return False
        if fact_id not in self._hit:
            asking |= {fact_id}
            hit = any(
                withdrawal.id is None or not self._is_hit(withdrawal.id, asking)
                for withdrawal in self._by_target[fact_id]
            )
            if len(asking) > 1:
                return hit  # not cached, since a circle may have cut this chain short
            self._hit[fact_id] = hit
        return self._hit[fact_id]
