"""Labels that documents describe: gathered from all of them, then settled for each picture, so that nothing is dropped."""

import base64
import binascii
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from roadloop.errors import Text
from roadloop.labels.table import ClassTable
from roadloop.sources.importers.found import (
    NO_LABEL,
    Claim,
    DrawnLabel,
    Fate,
    FileLabel,
    Found,
    Item,
    Label,
    LegendClass,
    Line,
    Statement,
    make_item,
)
from roadloop.sources.importers.matching import EXACT, PLACE, Doubt, Match, Name, find_named
from roadloop.sources.importers.tree import ODD_JSON, Tree, split_of

_ABSENT: Final = Text("图片不在目录中：{}", "The picture is not in the folder: {}")
_ANNOTATIONS: Final = frozenset({"annotations", "annotation", "ann", "anns"})
_NEWER: Final = Text("同一图片有更新的标注", "A newer annotation of the same picture counts")
_MASKED: Final = Text("这张图片的掩码已被采用", "The picture's mask counts")
_NOTHING: Final = Text("标注中没有区域", "The annotation has no region")
_BYTES: Final = Text("内嵌图片与文件逐字节相同", "the same bytes as the picture inside the document")
_AGAIN: Final = Text("另一份文件写着完全相同的标注", "The same annotation again, equal in every region")
_UNDATED: Final = Text(
    "同一图片有多份标注，没有时间可判断先后；请只保留一份",
    "The picture has several annotations and no time tells which is newer; keep one of them",
)


class Refused(NamedTuple):
    """Why a shape draws nothing, and whether its picture cannot be used without it."""

    fate: Fate
    text: Text
    blocks: bool = True


@dataclass(frozen=True)
class Said:
    """What one annotation says of one picture.

    Attributes:
        document: The file that says it.
        claims: Its statements.
        name: The picture.
        label: What it draws; None when it says that there is nothing.
        time: When it was made, as text in time order; empty = unknown.
        split: From the document.
        blocked: Why it cannot be drawn as it is, with the fate; the picture is then left out.
        known: Further facts for the item.
        absent: What is said when the picture is not there; None = that it is not.
    """

    document: str
    claims: tuple[Claim, ...]
    name: Name
    label: Label | None
    time: str = ""
    split: str = ""
    blocked: tuple[Fate, Text] | None = None
    known: dict[str, Any] = field(default_factory=dict)
    absent: Text | None = None


class Gathered:
    """Collects what documents say.

    Attributes:
        said: Annotations of pictures.
        statements: Statements that have ended.
        stated: Document -> how many statements it makes, counted by itself.
        masks: Files that are labels, so no pictures.
        left_out: Pictures whose label cannot be taken, and files of such labels, and why.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree: Final = tree
        self.said: list[Said] = []
        self.statements: list[Statement] = []
        self.stated: Final[dict[str, int]] = {}
        self.masks: set[str] = set()
        self.left_out: Final[dict[str, tuple[Fate, Text]]] = {}
        self._sizes: dict[int, list[str]] | None = None

    def end(self, claim: Claim, fate: Fate, text: Text) -> None:
        """Note a statement that draws nothing."""
        self.statements.append(Statement(claim, fate, text))

    def forget(self, file: str) -> None:
        """Drop all that a document has said: it is broken."""
        self.said = [said for said in self.said if said.document != file]
        self.statements = [s for s in self.statements if s.claim.file != file]
        self.stated.pop(file, None)

    def settle(
        self, told: Callable[[str], Callable[[str], bool]] | None = None, *, by_place: bool = True
    ) -> tuple[Item, ...]:
        """One item for each picture that has a label; every other statement ends here.

        Args:
            told: For a document, whether a picture stands where the document's name says.
            by_place: Whether the place of a document says which pictures it is about; else their names alone do.
        """
        of_picture: dict[str, list[tuple[Said, Text]]] = {}
        by_document: dict[str, list[Said]] = {}
        for said in self.said:
            place = said.document if told else _home(said.document) if by_place else ""
            by_document.setdefault(place, []).append(said)
        for saids in by_document.values():
            matches = self._matches(saids, told) if by_place else find_named(_names(saids), self._pictures())
            for said in saids:
                match = matches.get(said.name.text) or self._embedded(said.name)
                if isinstance(match, Match):
                    of_picture.setdefault(match.file, []).append((said, match.rule))
                else:
                    self._lost(said, match)
        items = [item for picture, saids in of_picture.items() if (item := self._one(picture, saids))]
        return tuple(sorted(items, key=lambda item: item.image))

    def _pictures(self) -> list[str]:
        return [f for f in self._tree.pictures() if f not in self.masks]

    def _matches(
        self, saids: Sequence[Said], told: Callable[[str], Callable[[str], bool]] | None
    ) -> dict[str, Match | Doubt]:
        """The pictures that documents of one place mean: those near them, others only by their whole path.

        Near is what the document's name tells, else what is below its own folder. Without this rule a picture that is
        gone from `train/` would lend its label to another one of `val/`.
        """
        pictures = self._pictures()
        home = _home(saids[0].document)
        near = set(filter(told(saids[0].document), pictures)) if told else set()
        near = near or {f for f in pictures if _is_below(f, home)}
        others = {_home(said.document) for said in self.said} - {home}
        abroad = {f for f in pictures if any(_is_below(f, other) and not _is_below(home, other) for other in others)}
        names = _names(saids)
        here, everywhere = find_named(names, [f for f in pictures if f in near]), find_named(names, pictures)
        close = any(isinstance(match, Match) for match in here.values())
        found: dict[str, Match | Doubt] = {}
        for text, match in everywhere.items():
            if isinstance(match, Match) and (match.rule is EXACT or match == here.get(text)):
                found[text] = match
            elif text in here:
                mine = here[text]
                found[text] = Match(mine.file, PLACE) if isinstance(mine, Match) else mine
            elif isinstance(match, Doubt) or not (close or match.file in abroad):
                found[text] = match
        return found

    def _one(self, picture: str, saids: Sequence[tuple[Said, Text]]) -> Item | None:
        """The item of a picture: its newest annotation, or its mask; all others end."""
        masks = [pair for pair in saids if isinstance(pair[0].label, FileLabel)]
        candidates = masks or list(saids)
        newest = max(said.time for said, _ in candidates)
        dated = all(said.time for said, _ in candidates)
        last = [pair for pair in candidates if pair[0].time == newest or not dated]
        self._end([s for s, _ in saids if masks and not isinstance(s.label, FileLabel)], Fate.SUPERSEDED, _MASKED)
        self._end([s for s, _ in candidates if s.time != newest and dated], Fate.SUPERSEDED, _NEWER)
        chosen, rule = last[0]
        if all(_same(chosen, said) for said, _ in last[1:]):
            self._end([said for said, _ in last[1:]], Fate.SUPERSEDED, _AGAIN)
            del last[1:]
        if len(last) > 1:
            self._leave_out(picture, [said for said, _ in last], Fate.AMBIGUOUS, _UNDATED)
            self._end([said for said, _ in last], Fate.AMBIGUOUS, _UNDATED)
        elif chosen.blocked is not None:
            self._leave_out(picture, [chosen], *chosen.blocked)
            self._end([chosen], Fate.PARTNER, chosen.blocked[1])
        elif chosen.label is None:
            self._end([chosen], Fate.NOT_USED, _NOTHING)
        else:
            split = split_of(picture) or chosen.split
            return make_item(picture, chosen.label, rule=rule, claims=chosen.claims, split=split, **chosen.known)
        return None

    def _leave_out(self, picture: str, saids: Sequence[Said], fate: Fate, text: Text) -> None:
        self.left_out[picture] = fate, text
        for said in saids:
            if isinstance(said.label, FileLabel):
                self.left_out[said.label.file] = (fate if fate is Fate.AMBIGUOUS else Fate.PARTNER), text

    def _lost(self, said: Said, match: Doubt | None) -> None:
        shown = said.name.text[:200]
        absent = said.absent or Text(_ABSENT.zh.format(shown), _ABSENT.en.format(shown))
        self._end([said], *((Fate.AMBIGUOUS, match.text) if match else (Fate.ABSENT, absent)))

    def _end(self, saids: Sequence[Said], fate: Fate, text: Text) -> None:
        for said in saids:
            self.statements += [Statement(claim, fate, text) for claim in said.claims]

    def _embedded(self, name: Name) -> Match | Doubt | None:
        """The picture whose bytes a document carries as a data URI."""
        if not name.text.startswith("data:"):
            return None
        try:
            data = base64.b64decode(name.text.partition(",")[2], validate=True)
        except binascii.Error:
            return None
        if self._sizes is None:
            self._sizes = {}
            for file in self._tree.pictures():
                with suppress(OSError):
                    self._sizes.setdefault(self._tree.size(file), []).append(file)
        same = [file for file in self._sizes.get(len(data), ()) if self._tree.peek(file) == data]
        return Match(same[0], _BYTES) if len(same) == 1 else Doubt(tuple(same)) if same else None

    def found(
        self,
        items: tuple[Item, ...],
        lines: Sequence[Line],
        legend: Sequence[LegendClass],
        made: tuple[ClassTable | None, tuple[int, ...]],
        **more: Any,
    ) -> Found:
        """What a reader of documents found; every picture that none of it names has no label.

        Args:
            items: What `settle` gave.
            lines: What became of the documents, and of pictures where the reader knows more.
            legend: The classes that the documents name.
            made: The class table that these make, and the raw id of each in it.
            more: Further fields of `Found`.
        """
        table, raw_ids = made
        known = {item.image for item in items} | self.left_out.keys() | {line.file for line in lines} | self.masks
        lonely = (Line(f, Fate.MISSING, NO_LABEL) for f in self._tree.pictures() if f not in known)
        left_out = (Line(file, fate, text) for file, (fate, text) in self.left_out.items())
        return Found(
            items,
            [*lines, *left_out, *lonely],
            self.statements,
            self.stated,
            legend=tuple(legend),
            raw_ids=raw_ids,
            table=table,
            **more,
        )


def refuse(kind: str, without_area: Collection[str]) -> Refused:
    """Why a kind of shape is not drawn: one that has no area costs its picture nothing, an unknown one does."""
    if kind in without_area:
        text = Text(f"{kind} 没有面积，不支持", f"A {kind} has no area: not supported")
        return Refused(Fate.UNSUPPORTED, text, blocks=False)
    return Refused(Fate.UNSUPPORTED, Text(f"未知的形状 {kind}，不支持", f"An unknown shape, {kind}: not supported"))


def size_of(facts: Mapping[str, Any]) -> tuple[int, int]:
    """(width, height) in pixels; (0, 0) where a document does not say: some tools write -1, or nothing."""
    try:
        width, height = int(facts.get("width") or 0), int(facts.get("height") or 0)
    except ODD_JSON:
        return 0, 0
    return (width, height) if width > 0 and height > 0 else (0, 0)


def _names(saids: Sequence[Said]) -> list[Name]:
    return sorted({said.name for said in saids})


def _home(document: str) -> str:
    """The folder whose pictures a document is about: its own, or the one above `annotations/`; empty = the top."""
    folder = PurePosixPath(document).parent
    return (folder.parent if folder.name.lower() in _ANNOTATIONS else folder).as_posix().removeprefix(".")


def _is_below(file: str, folder: str) -> bool:
    return not folder or f"{file}/".startswith(f"{folder}/")


def _same(one: Said, other: Said) -> bool:
    """Whether two annotations draw the same, wherever they say so."""
    a, b = one.label, other.label
    if not isinstance(a, DrawnLabel) or not isinstance(b, DrawnLabel) or one.blocked or other.blocked:
        return False
    drawn = ([region[:3] for region in label.regions] for label in (a, b))
    return (a.width, a.height) == (b.width, b.height) and next(drawn) == next(drawn)
