from roadloop.jobs.silence import Silence


def test_of__counts_from_the_last_change() -> None:
    silence = Silence(15)
    silence.hear("a", 1, 100)
    silence.hear("a", 1, 104)
    assert silence.of("a", 104) == 4
    silence.hear("a", 2, 105)
    assert silence.of("a", 106) == 1
    assert silence.of("unknown", 106) == 0


def test_look__a_late_listener_hears_nobody() -> None:
    silence = Silence(15)
    silence.look(100)
    silence.hear("a", 1, 100)
    silence.look(105)
    assert silence.of("a", 105) == 5
    silence.look(127)  # stopped for 22 s
    assert silence.of("a", 127) == 0
    for now in (131, 135, 139, 142):
        silence.look(now)
    assert silence.of("a", 142) == 15


def test_blocked__a_whole_lease_after_the_way_was_free_except_for_who_blocks_it() -> None:
    silence = Silence(15)
    for who in "ab":
        silence.hear(who, 1, 100)
    silence.blocked(114, by={"b"})
    assert [silence.of(who, 116) for who in "ab"] == [2, 16]
    assert silence.suspected(116) == ["b"]
    assert silence.suspected(120) == ["a", "b"]


def test_keep__forgets_the_others() -> None:
    silence = Silence(15)
    for who in "ab":
        silence.hear(who, 1, 100)
    silence.keep({"b"})
    assert silence.suspected(200) == ["b"]
