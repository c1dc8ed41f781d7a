from roadloop.jobs.silence import Silence


def listening(*whom: str) -> Silence:
    """A listener with a patience of 15 s, who has just heard some."""
    silence = Silence(15)
    silence.look(100)
    for who in whom:
        silence.hear(who, 1)
    return silence


def look(silence: Silence, seconds: int, *, begin: int = 100) -> None:
    """Look round each second."""
    for n in range(seconds):
        silence.look(begin + n + 1)


def test_of__counts_from_the_last_change() -> None:
    silence = listening("a")
    look(silence, 4)
    silence.hear("a", 1)
    assert silence.of("a") == 4
    silence.hear("a", 2)
    look(silence, 1, begin=104)
    assert silence.of("a") == 1
    assert silence.of("unknown") == 0


def test_look__a_stopped_listener_heard_nobody() -> None:
    silence = listening("a")
    look(silence, 12)
    silence.look(112 + 22)
    assert silence.of("a") == 0
    look(silence, 15, begin=134)
    assert silence.of("a") == 15


def test_look__a_late_round_counts_for_a_third_so_that_a_slow_listener_hears_silence_in_the_end() -> None:
    silence = listening("a")
    silence.look(114)
    assert silence.of("a") == 5
    for now in (128, 142, 156):
        silence.look(now)
    assert silence.of("a") == 20


def test_blocked__a_whole_lease_after_the_way_was_free_except_for_who_blocks_it() -> None:
    silence = listening("a", "b")
    look(silence, 14)
    silence.blocked(by={"b"})
    look(silence, 2, begin=114)
    assert [silence.of(who) for who in "ab"] == [2, 16]
    assert silence.suspected() == ["b"]
    look(silence, 4, begin=116)
    assert silence.suspected() == ["a", "b"]


def test_keep__forgets_the_others() -> None:
    silence = listening("a", "b")
    silence.keep({"b"})
    look(silence, 10)
    assert silence.suspected() == ["b"]
