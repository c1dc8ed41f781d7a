"""Which file is meant: names that labels, lists and documents give to pictures, against the files that are there. Pure.

A picture is known by its whole path. A weaker rule decides only among what no stronger one took, and only where exactly
one candidate is left on both sides; the rule is told, so that the report can say it. Two candidates are a doubt that
names both, never a choice.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final, NamedTuple
from urllib.parse import unquote, unquote_plus, urlsplit

from roadloop.errors import Text
from roadloop.sources.importers.tree import PICTURE_FOLDERS, PICTURES, shown

Parts = tuple[str, ...]

EXACT: Final = Text("名称完全一致", "the same name")
FOLDER: Final = Text("名称一致，上级目录写法不同", "the same name, with more or fewer folders before it")
PLAIN: Final = frozenset({EXACT, FOLDER})  #: rules that need no second look
_FORM: Final = Text("只是编码形式不同（NFC/NFD、GBK）", "the same name in another form (NFC or NFD, GBK)")
_CASE: Final = Text("只是大小写不同", "the same name but for upper and lower case")
_ENDING: Final = Text("只是扩展名不同", "the same name with another ending")
_PREFIX: Final = Text("去掉标注工具加的前缀后一致", "the same name without the prefix that the annotation tool gave it")
PLACE: Final = Text("由说明文件的名称或位置确定目录", "the folder that the document's name or place tells")
LISTED: Final = Text("由列表文件指定", "the list that names both")
_OWN: Final = Text(
    "JSON 所写的图片不存在，取与 JSON 同名的图片", "the JSON's own name, for the picture that it names is not there"
)
_HASH: Final = re.compile(r"[0-9a-f]{8}-(?=.)")
_SHOWN: Final = 4


class Match(NamedTuple):
    """A file that was found, and the rule that found it; `EXACT` where nothing weaker was needed."""

    file: str
    rule: Text


class Doubt(NamedTuple):
    """Several files may be meant, or several names mean one file."""

    candidates: tuple[str, ...]

    @property
    def text(self) -> Text:
        """What the report says."""
        some = ", ".join(map(shown, self.candidates[:_SHOWN]))
        more = " ..." if len(self.candidates) > _SHOWN else ""
        return Text(
            f"无法确定对应关系，可能是：{some}{more}；请改名或补全目录，使其唯一",
            f"It is not clear which belongs to it: {some}{more}; give them names, or folders, that tell them apart",
        )


class Pairing(NamedTuple):
    """Pictures with their labels.

    Attributes:
        labels: Picture -> its label and the rule.
        doubts: Picture or label -> why it has none.
    """

    labels: dict[str, Match]
    doubts: dict[str, Doubt]

    @property
    def settled(self) -> set[str]:
        """The files that are in a pair or in doubt."""
        return self.labels.keys() | {match.file for match in self.labels.values()} | self.doubts.keys()

    def extend(self, pictures: Mapping[str, str], labels: Mapping[str, str]) -> None:
        """Match those that are not settled yet by other keys, as `pair` does."""
        settled = self.settled
        more = pair(*({f: key for f, key in keys.items() if f not in settled} for keys in (pictures, labels)))
        self.labels.update(more.labels)
        self.doubts.update(more.doubts)


def pair(pictures: Mapping[str, str], labels: Mapping[str, str]) -> Pairing:
    """Match pictures and labels by their keys: paths without ending and without what a layout adds.

    Args:
        pictures: File -> key.
        labels: File -> key.
    """
    found = Pairing({}, {})
    left, right = dict(pictures), dict(labels)
    for fold, rule in ((_same, EXACT), (shown, _FORM), (_case, _CASE)):
        here, there = _grouped(left, fold), _grouped(right, fold)
        for key in here.keys() & there.keys():
            ours, theirs = here[key], there[key]
            if len(ours) == len(theirs) == 1:
                found.labels[ours[0]] = Match(theirs[0], rule)
            else:
                found.doubts.update({file: Doubt(tuple(theirs)) for file in ours})
                found.doubts.update({file: Doubt(tuple(ours)) for file in theirs})
            for file in ours:
                del left[file]
            for file in theirs:
                del right[file]
    return found


class Name(NamedTuple):
    """What a document calls a picture.

    Attributes:
        text: As it stands there; one text is one picture.
        readings: What it may mean, the plain readings.
        stripped: The same without an annotation tool's prefix.
        own: What the document itself is called, without ending, where it describes one picture.
    """

    text: str
    readings: tuple[Parts, ...]
    stripped: tuple[Parts, ...] = ()
    own: Parts = ()


def plain_name(text: str) -> Name:
    """A path as COCO, CVAT and others write it; backslashes and a drive are another system's.

    Label Studio puts its uploads' hashes into the COCO that it exports.
    """
    return _name(text, [text])


def url_name(text: str) -> Name:
    """A picture's address as Label Studio writes it: an upload, a local file, a bucket, a path.

    Uploads carry a hash before their name, and the folder is the server's; a local file stands in the query `d`.
    Names are percent-encoded or not, so both are read.
    """
    if text.startswith("data:"):
        return Name(text, ())
    path = text
    address = urlsplit(text) if re.match(r"[a-zA-Z][\w+.-]+://", text) else None
    if address is not None:
        path = text.split("://", 1)[1].partition("/")[2]
    local = re.match(r"/?data/local-files/?\?(.*)", path)
    upload = re.match(r"/?data/upload/(?:\d+/)?(.*)", path, re.DOTALL)
    if local:
        raw = next((part[2:] for part in local[1].split("&") if part.startswith("d=")), "")
        texts = [unquote(raw), unquote_plus(raw), raw]
    else:
        path = upload[1] if upload else path
        texts = [path, unquote(path)]
        if not upload and address is not None and address.query:
            texts += [path.partition("?")[0], unquote(path.partition("?")[0])]
    return _name(text, texts)


def _name(text: str, texts: Sequence[str]) -> Name:
    """A name that may be read as any of some texts, with slashes or backslashes."""
    readings = [reading for t in texts for reading in (_parts(t), _parts(t.replace("\\", "/"))) if reading]
    return Name(text, tuple(dict.fromkeys(readings)), _stripped(readings))


def find_named(names: Iterable[Name], files: Sequence[str]) -> dict[str, Match | Doubt]:
    """The file that each name means; names that no file has are absent from the answer.

    A name means a file when the one's path ends with the other's: documents leave out the upper folders, or name those
    of another machine. Folders that only say "pictures here" (`images/`) count as upper folders.

    Args:
        names: Each text once.
        files: What there is.
    """
    wanted = {name.text: name for name in names}
    left = list(files)
    found: dict[str, Match | Doubt] = {}
    for level in _LEVELS:
        claims: dict[str, list[tuple[str, Text]]] = {}
        index = _Index(left, level.fold, ending=level.ending)
        for text, name in wanted.items():
            match = _look(index, name, level)
            if isinstance(match, Match):
                claims.setdefault(match.file, []).append((text, match.rule))
            elif match is not None:
                found[text] = match
        for file, claimed in claims.items():
            whole = [text for text, rule in claimed if rule is EXACT]
            if len(claimed) == 1 or len(whole) == 1:
                text, rule = (whole[0], EXACT) if whole else claimed[0]
                found[text] = Match(file, rule)
            else:
                found.update({text: Doubt(tuple(t for t, _ in claimed)) for text, _ in claimed})
        wanted = {text: name for text, name in wanted.items() if text not in found}
        if not wanted:
            break
        left = [file for file in left if file not in claims]
    return found


def _look(index: "_Index", name: Name, level: "_Level") -> Match | Doubt | None:
    """What a name means at one level of weakness."""
    own = (name.own,) if name.own else ()
    candidates, exact = index.find(own if level.own else name.stripped if level.stripped else name.readings)
    if len(candidates) == 1:
        plain = EXACT if exact else FOLDER
        return Match(candidates[0], plain if level.rule is EXACT else level.rule)
    return Doubt(tuple(candidates)) if candidates else None


class _Index:
    """Files by their last part, folded."""

    def __init__(self, files: Sequence[str], fold: Callable[[str], str], *, ending: bool) -> None:
        self._fold: Final = fold
        self._ending: Final = ending
        self._by_name: Final[dict[str, list[tuple[str, Parts]]]] = {}
        for file in files:
            parts = self._folded(tuple(file.split("/")))
            self._by_name.setdefault(parts[-1], []).append((file, parts))

    def find(self, readings: Sequence[Parts]) -> tuple[list[str], bool]:
        """The files that agree best with any of the readings, and whether one has the whole path.

        Most parts decide; among equals, that nothing is left of the file's path but a folder that says "pictures here".
        """
        best: dict[str, tuple[int, bool]] = {}
        exact: set[str] = set()
        for reading in readings:
            wanted = self._folded(reading)
            for file, parts in self._by_name.get(wanted[-1], ()):
                agreeing = _agreeing(wanted, parts)
                if agreeing:
                    best[file] = max(best.get(file, (0, False)), (agreeing, wanted == parts[_below(parts) :]))
                exact |= {file} if wanted == parts else set()
        if exact:
            return sorted(exact), True
        most = max(best.values(), default=None)
        return sorted(file for file, agreement in best.items() if agreement == most), False

    def _folded(self, parts: Parts) -> Parts:
        folded = tuple(self._fold(part) for part in parts)
        path = PurePosixPath(folded[-1])
        drop = self._ending and path.suffix.lower() in PICTURES
        return (*folded[:-1], path.stem) if drop else folded


def _agreeing(wanted: Parts, parts: Parts) -> int:
    """How many last parts agree when one path ends with the other; 0 when neither does."""
    for known in (parts, parts[_below(parts) :]):
        size = min(len(wanted), len(known))
        if wanted[-size:] == known[-size:]:
            return size
    return 0


def _stripped(readings: Sequence[Parts]) -> tuple[Parts, ...]:
    """The readings that begin with an upload's hash, without it."""
    return tuple(dict.fromkeys((*r[:-1], _HASH.sub("", r[-1], count=1)) for r in readings if _HASH.match(r[-1])))


def _below(parts: Parts) -> int:
    """Where a path goes on below its last folder that says "pictures here"; 0 when there is none."""
    return next((i + 1 for i in range(len(parts) - 2, -1, -1) if parts[i].lower() in PICTURE_FOLDERS), 0)


def _parts(text: str) -> Parts:
    parts = [part for part in text.split("/") if part not in ("", ".", "..")]
    return tuple(parts[1:] if parts and re.fullmatch(r"[a-zA-Z]:", parts[0]) else parts)


def _grouped(keys: Mapping[str, str], fold: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for file, key in keys.items():
        groups.setdefault(fold(key), []).append(file)
    return groups


def _same(text: str) -> str:
    return text


def _case(text: str) -> str:
    return shown(text).casefold()


class _Level(NamedTuple):
    """How weakly names are compared."""

    stripped: bool
    fold: Callable[[str], str]
    ending: bool
    rule: Text
    own: bool = False


_LEVELS: Final = (
    _Level(stripped=False, fold=_same, ending=False, rule=EXACT),
    _Level(stripped=False, fold=shown, ending=False, rule=_FORM),
    _Level(stripped=True, fold=shown, ending=False, rule=_PREFIX),
    _Level(stripped=False, fold=_case, ending=False, rule=_CASE),
    _Level(stripped=False, fold=shown, ending=True, rule=_ENDING),
    _Level(stripped=True, fold=_case, ending=False, rule=_PREFIX),
    _Level(stripped=True, fold=shown, ending=True, rule=_PREFIX),
    _Level(stripped=False, fold=_case, ending=True, rule=_ENDING),
    _Level(stripped=True, fold=_case, ending=True, rule=_PREFIX),
    _Level(stripped=False, fold=shown, ending=True, rule=_OWN, own=True),
)
