"""What recent notices say of several revisions, and when they do not know."""

from schemas.notices import NOTICE_BIBS_MAX, NOTICE_VERSION, RevisionNotice
from services.live.recent_notices import NOTICES_HELD, RecentNotices


def notice(revision, *, bibs=(), boards=(), accepted_us=0, results_only=True):
    return RevisionNotice(
        v=NOTICE_VERSION,
        event="e",
        revision=revision,
        announced_at_us=revision,
        accepted_us=accepted_us,
        boards=list(boards),
        bibs=None if bibs is None else list(bibs),
        results_only=results_only,
    )


def notices(*following):
    held, before = RecentNotices(), 0
    for added in following:
        held.add(before, added)
        before = added.revision
    return held


def test_several_revisions_are_one_notice_with_all_that_changed_and_the_earliest_acceptance():
    held = notices(
        notice(3, bibs=["9"], boards=["x"], accepted_us=30),
        notice(5, bibs=["1", "2"], boards=["b", "a"], accepted_us=50),
        notice(9, bibs=["2", "3"], boards=["a"], accepted_us=90),
    )
    assert held.since(3) == notice(9, bibs=["1", "2", "3"], boards=["a", "b"], accepted_us=50)
    assert held.since(5) == notice(9, bibs=["2", "3"], boards=["a"], accepted_us=90)


def test_a_revision_that_no_notice_follows_on_is_not_known():
    held = notices(notice(3), notice(5))
    assert held.since(4) is None
    assert held.since(5) is None
    assert RecentNotices().since(0) is None


def test_a_gap_between_notices_is_not_bridged():
    held = notices(notice(3))
    held.add(5, notice(7))
    assert held.since(0) is None
    assert held.since(3) is None
    assert held.since(5) == notice(7)


def test_too_many_bibs_and_anything_but_results_stay_so_in_the_sum():
    many = [f"{number}" for number in range(NOTICE_BIBS_MAX)]
    assert notices(notice(1, bibs=many), notice(2, bibs=["x"])).since(0).bibs is None
    assert notices(notice(1, bibs=None), notice(2, bibs=["x"])).since(0).bibs is None
    assert not notices(notice(1, results_only=False), notice(2)).since(0).results_only
    assert notices(notice(1, accepted_us=None), notice(2)).since(0).accepted_us is None


def test_the_oldest_notices_are_dropped():
    held = notices(*(notice(revision) for revision in range(1, NOTICES_HELD + 3)))
    assert held.since(1) is None
    assert held.since(2) is not None
