from roadloop.datasets.plan import shard_rows


def test_shard_rows__many_shards_but_none_tiny() -> None:
    assert [shard_rows(n) for n in (1, 400, 480, 2400, 1_000_000)] == [16, 16, 20, 100, 128]
