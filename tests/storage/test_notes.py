from pathlib import Path

from roadloop.storage.notes import Notes, is_whole

SCHEMA = "CREATE TABLE IF NOT EXISTS seen (name TEXT);"


class Seen(Notes):
    """Names."""

    def add(self, name: str) -> None:
        with self._db:
            self._db.execute("INSERT INTO seen VALUES (?)", (name,))

    def all(self) -> list[str]:
        return [name for (name,) in self._db.execute("SELECT name FROM seen")]


def test_notes__are_taken_up_again(tmp_path: Path) -> None:
    with Seen(tmp_path / "n", SCHEMA) as notes:
        notes.add("a")
    assert is_whole(tmp_path / "n")
    with Seen(tmp_path / "n", SCHEMA) as notes:
        notes.add("b")
        assert notes.all() == ["a", "b"]


def test_is_whole__not_what_is_torn_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "n"
    assert not is_whole(path)
    with Seen(path, SCHEMA) as notes:
        for n in range(500):
            notes.add(f"{n:050}")
    data = path.read_bytes()
    path.write_bytes(data[:-6000])
    assert not is_whole(path)
    path.write_bytes(b"torn" * 3000)
    assert not is_whole(path)
