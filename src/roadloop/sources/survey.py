"""What an import is about to do: the listed folder, its layout, what its labels mean, and the outcome of every file.

The import and its preview run through the same steps; only the import has a place where good pictures go.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from roadloop.errors import Text, many
from roadloop.labels.library import find_table
from roadloop.labels.table import ClassTable
from roadloop.sources.ahead import read_ahead
from roadloop.sources.importers.found import BAD, Fate, Found, Item, Line
from roadloop.sources.importers.legend import LEGEND_FILE, Legend, check_unread, find_legend
from roadloop.sources.importers.matching import PLAIN
from roadloop.sources.importers.meaning import Meaning, settle
from roadloop.sources.importers.read import ItemReader, Ready
from roadloop.sources.importers.recognise import LAYOUTS, recognise
from roadloop.sources.importers.report import Report
from roadloop.sources.importers.tree import Tree, list_tree
from roadloop.sources.recipe import ImportRecipe, read_origin
from roadloop.sources.service import open_set
from roadloop.storage.objects import ObjectPath
from roadloop.storage.paths import Workspace

_HIDDEN: Final = Text("隐藏文件或目录，已跳过", "A hidden file or folder")
_LINKED: Final = Text(
    "指向目录的链接，不跟随；请导入它指向的目录，或把文件放进来",
    "A link to a folder is not followed: import the folder that it leads to, or put the files here",
)


class Place(Protocol):
    """Where good pictures go."""

    def known(self, image: str) -> tuple[str, str] | None:
        """The sha256 of picture and label when this file was imported before."""

    def add(self, ready: Ready) -> list[Line]:
        """Take one picture; returns the lines of its files."""


@dataclass(frozen=True)
class Survey:
    """What is known of an import before a picture is read.

    Attributes:
        tree: The folder.
        layout: Name of its layout.
        found: What the layout's reader found.
        legend: The class table beside the data.
        meaning: The source set's class table, and what the labels mean in it.
    """

    tree: Tree
    layout: str
    found: Found
    legend: Legend | None
    meaning: Meaning

    def describe(self) -> dict[str, Any]:
        """Layout, table and matching of the classes as plain values for JSON."""
        translation = self.meaning.translation
        names = {c.raw_id: c for c in self.meaning.table.classes}
        classes = [
            {
                "label": entry.name,
                "value": entry.value,
                "color": entry.color,
                "raw_id": target if target >= 0 else None,
                "name_en": names[target].name_en if target in names else None,
                "name_zh": names[target].name_zh if target in names else None,
            }
            for entry, target in zip(translation.legend, translation.targets, strict=True)
        ]
        return {
            "layout": self.layout,
            "signs": list(LAYOUTS[self.layout].signs),
            "table": self.meaning.table.name,
            "table_file": self.legend.file if self.legend else None,
            "classes": classes,
        }


def survey(workspace: Workspace, recipe: ImportRecipe, check_stop: Callable[[], None]) -> Survey:
    """List the folder, recognise its layout and settle what its labels mean.

    Raises:
        JobError: The layout is not the one that was named, or documents contradict each other.
        ConflictError: The data's own table is not `roadelement`, or what pixel values mean is undecided.
        LabelMapError: A class table cannot be read, or has none of the data's classes.
        ObjectStoreError: The pictures lie in a store that refuses all that is asked, or does not answer.
    """
    tree = list_tree(workspace.resolve_place(recipe.src, "src"), workspace.holds, check_stop)
    origin = read_origin(workspace.sources / recipe.dest)
    layout, found = recognise(tree, origin.layout if origin else recipe.layout)
    legend = find_legend(tree)
    named = _named(workspace, recipe, grows=origin is not None)
    if legend is None and named is None and not found.legend:
        check_unread(tree)
    values = recipe.values or (origin.values if origin else "")
    if values == "" and recipe.layout == layout and origin is None:
        values = "layout"  # a layout that was named says what it means
    return Survey(tree, layout, found, legend, settle(found, legend, named, values, layout))


def start_report(done: Survey) -> Report:
    """The report with all that is decided before a picture is read."""
    report = Report(done.found.stated)
    if done.legend:
        report.add(Line(file, Fate.USED, LEGEND_FILE) for file in (done.legend.file, *done.legend.same))
    report.add(_unlisted(done.tree))
    report.add(done.found.lines)
    report.state(done.found.statements)
    return report


@dataclass
class Taken:
    """Counts over the pictures that were read.

    Attributes:
        pictures: How many were added.
        ignored_pictures: How many of them have pixels of 255 that the class table does not declare.
        ignored_pixels: How many such pixels.
        unknown_pictures: How many of them have pixels of no class, few enough to become 255.
        unknown_pixels: How many such pixels.
        pixels: Pixels of the pictures that were added.
        rules: Rule in English -> [rule in Chinese, how many pairs it matched].
    """

    pictures: int = 0
    ignored_pictures: int = 0
    ignored_pixels: int = 0
    unknown_pictures: int = 0
    unknown_pixels: int = 0
    pixels: int = 0
    rules: dict[str, list[Any]] = field(default_factory=dict)

    def count(self, ready: Ready) -> None:
        """Note one picture that was added."""
        self.pictures += 1
        self.pixels += ready.ids.size
        self.ignored_pixels += max(0, ready.ignored)
        self.ignored_pictures += ready.ignored > 0
        self.unknown_pixels += ready.unknown
        self.unknown_pictures += ready.unknown > 0

    def warnings(self) -> Iterator[Text]:
        """What the user should know about them."""
        if self.ignored_pixels:
            share = f"{100 * self.ignored_pixels / self.pixels:.2f} %"
            yield Text(
                f"{self.ignored_pictures} 张图片中有 {share} 的像素为 255（忽略），而类别表没有声明 255",
                f"{share} of the pixels, in {many(self.ignored_pictures, 'picture')}, are 255: ignore, though no table says so",
            )
        if self.unknown_pixels:
            yield Text(
                f"{self.unknown_pictures} 张图片中有 {self.unknown_pixels} 个像素不属于任何类别，已设为 255（忽略）；报告写明了颜色或编号",
                f"{self.unknown_pixels} pixels, in {many(self.unknown_pictures, 'picture')}, are of no class and were set to 255"
                " (ignore); the report has their colours or ids",
            )
        for en, (zh, number) in self.rules.items():
            if Text(zh, en) not in PLAIN:
                yield Text(
                    f"{number} 对图片与标注的名称并不完全一致：{zh}",
                    f"{many(number, 'pair was', 'pairs were')} matched by {en}",
                )


def take(
    done: Survey, max_pixels: int, place: Place, report: Report, each: Callable[[int, Item, Ready | list[Line]], None]
) -> Taken:
    """Read every picture, hand the good ones on, and note every outcome.

    Args:
        done: The survey.
        max_pixels: Larger pictures are left out.
        place: Where good ones go.
        report: Gets the outcomes.
        each: Called after each, with its number from 1, what was read, and the result.

    Raises:
        AssertionError: A file or a statement ended in no outcome; a fault of this program.
    """
    taken, items = Taken(), done.found.items
    reader = ItemReader(done.tree, done.meaning.translation, max_pixels)

    def read(item: Item) -> Ready | list[Line]:
        return reader.read(item, place.known(item.image))

    results = read_ahead(read, items, stored=isinstance(done.tree.root, ObjectPath))
    for number, (item, result) in enumerate(zip(items, results, strict=True), 1):
        lines = place.add(result) if isinstance(result, Ready) else result
        report.add(lines)
        report.conclude(item)
        if isinstance(result, Ready) and lines[0].fate is Fate.ADDED:
            taken.count(result)
            taken.rules.setdefault(item.rule.en, [item.rule.zh, 0])[1] += 1
        each(number, item, result if lines and lines[0].fate is Fate.ADDED else lines)
    report.check([*done.tree.files, *done.tree.hidden, *done.tree.links])
    return taken


def left_out(report: Report) -> Text | None:
    """The fates that somebody should look at, with their numbers; None when all is well."""
    parts = []
    for what, counts in (
        (Text("文件", "files"), report.counts()),
        (Text("标注条目", "statements about pictures"), report.statements()),
    ):
        bad = [(Fate(name).text, number) for name, number in counts.items() if Fate(name) in BAD]
        zh = "，".join(f"{text.zh} {number}" for text, number in bad)
        en = ", ".join(f"{number} {text.en}" for text, number in bad)
        parts += [Text(f"{what.zh}：{zh}", f"{what.en}: {en}")] if bad else []
    return Text("；".join(p.zh for p in parts), "; ".join(p.en for p in parts)) if parts else None


def _named(workspace: Workspace, recipe: ImportRecipe, *, grows: bool) -> ClassTable | None:
    """The class table that is given: the set's own where it grows, else the one that was asked for."""
    if grows:
        return open_set(workspace, recipe.dest, "dest").table
    return find_table(workspace, recipe.roadelement) if recipe.roadelement else None


def _unlisted(tree: Tree) -> Iterator[Line]:
    yield from (Line(file, Fate.NOT_USED, _HIDDEN) for file in tree.hidden)
    yield from (Line(file, Fate.UNSUPPORTED, _LINKED) for file in tree.links)
    for lost in tree.lost:
        fate = Fate.VANISHED if lost.gone else Fate.UNREADABLE
        yield Line(lost.file, fate, Text(f"目录无法列出：{lost.why}", f"The folder cannot be listed: {lost.why}"))


def legend_near(root: Path, workspace: Workspace) -> Legend | None:
    """The class table in a folder or right below it, without listing more.

    Raises:
        LabelMapError: It cannot be read.
        JobError: Two of them do not say the same.
    """
    folders = [root, *sorted(p for p in root.iterdir() if p.is_dir() and not p.is_symlink() and p.name[0] != ".")]
    files = [p.relative_to(root).as_posix() for folder in folders for p in sorted(folder.iterdir()) if p.is_file()]
    return find_legend(Tree(root, workspace.holds, files))
