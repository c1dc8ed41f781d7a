"""The page's files as a browser gets them: few, compressed, and kept for ever under a name that changes with them.

What people write stays what is served, module by module, below `/static/`; no tool builds it. For a browser the modules of
an entry are put one after another into a single file, each in a function of its own, in the order in which they need each
other; so are those of each module that is asked for late, and what two of these need. So modules import and export in a few
forms only, on lines of their own, and do not go in rings; `compose` refuses everything else by name. Comments stay behind.

All addresses in these files are relative, so that a proxy may show the page below any path of its own.
"""

import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from roadloop.web.packing import LEAST_BYTES, takes_gzip

FOR_EVER: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
VENDOR: Final = "vendor/"
ICON: Final = "/static/icon.svg"

_IMPORT: Final = re.compile(r'^import ([\w$]+|\{[\w$\s,]*\}) from "([^"]+)";$', re.MULTILINE)
_PASSED_ON: Final = re.compile(r'^export (\{\s*[\w$]+(?:,\s*[\w$]+)*,?\s*\}) from "([^"]+)";$', re.MULTILINE)
_LISTED: Final = re.compile(r"^export (\{\s*[\w$]+(?:,\s*[\w$]+)*,?\s*\});$", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async function|function|const|class) ([\w$]+))", re.MULTILINE)
_DYNAMIC: Final = re.compile(r'(?<=\bawait import\()"([^"]+)"')
_WORKER: Final = re.compile(r'\bnew URL\("([^"]+)", import\.meta\.url\)')
_HEAD: Final = re.compile(r'^import ([^"]+) from "([^"]+)";$', re.MULTILINE)
_LEFT: Final = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
#: A comment that begins a line, or a type beside an expression: a sixth of the page, for those who write it.
_COMMENT: Final = re.compile(
    r"^[ \t]*(?:/\*\*(?:(?!\*/).)*\*/|// [^\n]*)[ \t]*\n|/\*\* @type [^\n]*?\*/ ?", re.MULTILINE | re.DOTALL
)
_LINK: Final = re.compile(r'^  <link rel="stylesheet" href="/static/([^"]+)">\n', re.MULTILINE)


class File(NamedTuple):
    """What is sent for an address.

    Attributes:
        kind: Its media type.
        plain: Its bytes.
        packed: The same by gzip, where that is worth it.
    """

    kind: str
    plain: bytes
    packed: bytes | None


class Page:
    """The page's files.

    Args:
        static: The folder that is served as `/static/`.
    """

    def __init__(self, static: Path) -> None:
        self._static: Final = static
        self._seen: object = None
        self._files: Mapping[str, File] = {}

    def answer(self, request: Request) -> Response:
        """The document of `/` or `/docs`, or one of the files that they name: `/page/<version>/<name>`.

        Nothing is answered that somebody has changed meanwhile: who edits the page loads it again, and sees it.
        """
        path = request.url.path
        files = self._up_to_date()
        name = {"/": "index.html", "/docs": "docs.html"}.get(path, path.removeprefix("/page/"))
        found = files.get(name)
        if found is None:
            return Response(status_code=404, headers={"cache-control": "no-store"})
        headers = {"cache-control": ASK_AGAIN if name.endswith(".html") else FOR_EVER, "vary": "accept-encoding"}
        if found.packed is not None and takes_gzip(request):
            return Response(found.packed, media_type=found.kind, headers=headers | {"content-encoding": "gzip"})
        return Response(found.plain, media_type=found.kind, headers=headers)

    def _up_to_date(self) -> Mapping[str, File]:
        paths = sorted(p for p in self._static.rglob("*") if p.suffix in {".js", ".css", ".html", ".svg"})
        stats = [p.stat() for p in paths]
        seen = [(p, s.st_mtime_ns, s.st_size) for p, s in zip(paths, stats, strict=True)]
        if seen != self._seen:
            texts = {p.relative_to(self._static).as_posix(): p.read_text(encoding="utf-8") for p in paths}
            self._files, self._seen = _made(texts), seen
        return self._files


def _made(texts: Mapping[str, str]) -> dict[str, File]:
    """All files by name. They have a version in their names, of everything that they were made from."""
    version = hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in texts.items()).encode()).hexdigest()[:12]
    icon = f"/page/{version}/icon.svg"
    found = {f"{version}/{name}": text for name, text in texts.items() if name.startswith(VENDOR)}
    for document in ("index.html", "docs.html"):
        text = texts[document]
        sheets = _LINK.findall(text)
        entry = document.replace("index", "app").removesuffix(".html")
        found[f"{version}/{entry}.css"] = "".join(texts[sheet] for sheet in sheets)
        files = compose(texts, f"js/{entry}.js", icon)
        found |= {f"{version}/{name}": text for name, text in files.items()}
        link = f'  <link rel="stylesheet" href="page/{version}/{entry}.css">\n'
        # Else a browser would learn of these when it has the first file, a way there and back later.
        needed = sorted({address.removeprefix("./") for _, address in _HEAD.findall(files[f"{entry}.js"])})
        link += "".join(f'  <link rel="modulepreload" href="page/{version}/{name}">\n' for name in needed)
        first = text.index('  <link rel="stylesheet"')
        bare = _LINK.sub("", text)
        text = bare[:first] + link + bare[first:]
        for name in (f"js/{entry}.js", "js/boot.js", "icon.svg"):
            text = text.replace(f"/static/{name}", f"page/{version}/{PurePosixPath(name).name}")
        found[document] = text
    for path, text in texts.items():
        for named in _WORKER.findall(text):
            files = compose(texts, _place(path, named), icon)
            found |= {f"{version}/{name}": text for name, text in files.items()}
    found |= {f"{version}/boot.js": texts["js/boot.js"], f"{version}/icon.svg": texts["icon.svg"]}
    return {name: _file(name, text) for name, text in found.items()}


def _file(name: str, text: str) -> File:
    kinds = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
    plain = text.encode()
    packed = gzip.compress(plain, 9, mtime=0) if len(plain) >= LEAST_BYTES else None
    return File(f"{kinds[PurePosixPath(name).suffix]}; charset=utf-8", plain, packed)


def compose(texts: Mapping[str, str], entry: str, icon: str) -> dict[str, str]:
    """A module and all that it needs, as few modules.

    Args:
        texts: All modules, by their paths, which begin with `js/` or `vendor/`.
        entry: The one that is to run.
        icon: Address of the icon, for what is drawn.

    Returns:
        The files by name: the entry's own with what it needs at once; one for each module that is asked for late,
        with what nobody else needs; and `<entry>.shared.js`, with what several of those need.

    Raises:
        ValueError: A module imports or exports in another form, or needs itself.
    """
    first, late = _needs(texts, entry), {}
    waiting = [named for path in first for named in _late(texts, path)]
    while waiting:
        if (path := waiting.pop(0)) not in late:
            late[path] = [one for one in _needs(texts, path) if one not in first]
            waiting += [named for one in late[path] for named in _late(texts, one)]
    asked = Counter(path for paths in late.values() for path in paths)
    shared = [path for path in dict.fromkeys(chain(*late.values())) if asked[path] > 1]
    name = PurePosixPath(entry).stem
    ends = ["export { $ };\n"] if late else []
    files = {f"{name}.js": _file_of(texts, first, f"{name}.js", ["const $ = {};\n"], ends)}
    if shared:
        above = [f'import {{ $ }} from "./{name}.js";\n']
        files[f"{name}.shared.js"] = _file_of(texts, shared, f"{name}.shared.js", above, [])
    for path, paths in late.items():
        file = path.removeprefix("js/")
        own = [one for one in paths if asked[one] == 1]
        above = [f'import {{ $ }} from "{_up(file)}{name}.js";\n']
        above += [f'import "{_up(file)}{name}.shared.js";\n'] if len(own) < len(paths) else []
        given = f"export const {{ {', '.join(_exported(path, texts[path]))} }} = $[{path!r}];\n"
        files[file] = _file_of(texts, own, file, above, [given])
    return {file: text.replace(ICON, icon) for file, text in files.items()}


def _up(file: str) -> str:
    """The way from a file to where all are."""
    return "../" * file.count("/") or "./"


def _needs(texts: Mapping[str, str], entry: str) -> list[str]:
    """A module and all that it needs at once, each after those that it needs."""
    found: dict[str, None] = {}

    def add(path: str, above: tuple[str, ...]) -> None:
        if path in above:
            raise ValueError(f"these modules need each other: {' -> '.join((*above, path))}")
        if path in found:
            return
        for _, named in _IMPORT.findall(texts[path]) + _PASSED_ON.findall(texts[path]):
            if not (other := _place(path, named)).startswith(VENDOR):
                add(other, (*above, path))
        found[path] = None

    add(entry, ())
    return list(found)


def _late(texts: Mapping[str, str], path: str) -> list[str]:
    """The modules that a module asks for late, without the libraries."""
    places = (_place(path, named) for named in _DYNAMIC.findall(texts[path]))
    return [place for place in places if not place.startswith(VENDOR)]


def _file_of(texts: Mapping[str, str], paths: list[str], file: str, above: list[str], below: list[str]) -> str:
    """Modules one after another in a file, with the imports of libraries and other lines above all."""
    base = _up(file)
    heads = {head: None for path in paths for head in _heads(texts, path, base)}
    parts = (f"// {path}\n$[{path!r}] = (() => {{\n{_body(path, texts[path], base)}}})();\n" for path in paths)
    return "".join([*heads, *above, *parts, *below])


def _heads(texts: Mapping[str, str], path: str, base: str) -> Iterator[str]:
    for what, named in _IMPORT.findall(texts[path]) + _PASSED_ON.findall(texts[path]):
        if (other := _place(path, named)).startswith(VENDOR):
            yield f'import {" ".join(what.split())} from "{base}{other}";\n'


def _exported(path: str, text: str) -> dict[str, str]:
    """What a module exports: the name, and what stands for it in the body."""
    exports = {name: name for name in _EXPORT.findall(text)}
    exports |= {name: name for braces in _LISTED.findall(text) for name in _names(braces)}
    for braces, named in _PASSED_ON.findall(text):
        other = _place(path, named)
        own = "{}" if other.startswith(VENDOR) else f"$[{other!r}].{{}}"
        exports |= {name: own.format(name) for name in _names(braces)}
    return exports


def _body(path: str, text: str, base: str) -> str:
    """The module as the body of a function that returns what it exports."""
    exports = _exported(path, text)
    text = _COMMENT.sub("", text)
    text = _IMPORT.sub(lambda found: _brought(_place(path, found[2]), found[1]), text)
    text = _EXPORT.sub("", _LISTED.sub("", _PASSED_ON.sub("", text)))
    text = _WORKER.sub(lambda found: f'new URL("{base}{PurePosixPath(found[1]).name}", import.meta.url)', text)
    text = _DYNAMIC.sub(lambda found: f'"{base}{_place(path, found[1]).removeprefix("js/")}"', text)
    if left := _LEFT.search(text):
        raise ValueError(f"{path}: a form that cannot be composed: {left[0]}")
    given = ", ".join(name if name == value else f"{name}: {value}" for name, value in exports.items())
    return f"{text}return {{ {given} }};\n"


def _brought(other: str, what: str) -> str:
    """An import as a declaration; nothing for a library, which is imported above all."""
    return "" if other.startswith(VENDOR) else f"const {_renamed(what)} = $[{other!r}];"


def _place(path: str, named: str) -> str:
    """Where a module lies that another one names."""
    parts: list[str] = list(PurePosixPath(path).parent.parts)
    for part in PurePosixPath(named).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _names(braces: str) -> list[str]:
    return re.findall(r"[\w$]+(?: as [\w$]+)?", braces)


def _renamed(braces: str) -> str:
    """`{ a, b as c }` of an import as the `{ a, b: c }` of a declaration."""
    return "{ " + ", ".join(name.replace(" as ", ": ") for name in _names(braces)) + " }"
