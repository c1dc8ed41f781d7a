"""`make audit`: known weaknesses of the pinned packages, by pip-audit (S10).

Asked is OSV's service; where there is no way to it, a stored copy of its database (`--database PyPI.zip`, the file `PyPI/all.zip`
that OSV publishes) is served to pip-audit on loopback; with neither, a sentence says that nothing was looked at, and nothing fails.
"""

import argparse
import json
import subprocess
import sys
import threading
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT: Final = Path(__file__).parents[1]
PROGRAM: Final = ROOT / ".services" / "audit" / "bin" / "pip-audit"
#: What pip-audit says where there is no way to the service.
NO_WAY: Final = (
    "ConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "NameResolutionError",
    "ProxyError",
    "Could not connect",
)


def main(arguments: Sequence[str]) -> int:
    """Audit, print what was found, and say by the exit status whether that is something: 1."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--database", type=Path, help="a stored copy of OSV's database for PyPI, a zip")
    parser.add_argument("--packages", type=Path, default=ROOT / "constraints.txt", help="pinned packages")
    said = parser.parse_args(arguments)
    if said.database is None:
        return audit(said.packages)
    server = Database(said.database)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        return audit(said.packages, f"http://127.0.0.1:{server.server_port}/v1/query")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def audit(packages: Path, service: str = "") -> int:
    """Run pip-audit over pinned packages, with a service of OSV's kind at another address than OSV's."""
    place = ["--osv-url", service] if service else []
    command = [str(PROGRAM), "--disable-pip", "--no-deps", "--progress-spinner", "off", "-s", "osv", "--format", "json"]
    done = subprocess.run([*command, *place, "-r", str(packages)], capture_output=True, text=True, check=False)
    try:
        looked_at = json.loads(done.stdout)["dependencies"]
    except ValueError:
        if not service and any(word in done.stderr for word in NO_WAY):
            print(
                "Packages were not audited: there is no way to api.osv.dev from here. Give a stored database:"
                ' make audit ARGS="--database PyPI.zip" (docs/operate.md).'
            )
            return 0
        print(done.stderr[-2000:], file=sys.stderr)
        return 2
    found = [(one, weak) for one in looked_at for weak in one.get("vulns", ())]
    for one, weak in found:
        cure = ", ".join(weak["fix_versions"]) or "no version yet"
        print(f"{one['name']} {one['version']}: {weak['id']} ({cure}) {weak['description'][:160]}")
    print(f"{len(looked_at)} packages, {len(found)} known weaknesses.")
    return 1 if found else 0


class Database(ThreadingHTTPServer):
    """A stored copy of OSV's database, asked as OSV's service is.

    Args:
        path: A zip of JSON documents of the OSV schema, https://ossf.github.io/osv-schema/.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.known: Final[defaultdict[str, list[dict[str, Any]]]] = defaultdict(list)
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    document = json.loads(archive.read(name))
                    for package in {canonicalize_name(one["package"]["name"]) for one in affected(document)}:
                        self.known[package].append(document)

    def find(self, package: str, version: str) -> list[dict[str, Any]]:
        """What is known against a version of a package."""
        return [
            document
            for document in self.known.get(canonicalize_name(package), ())
            if any(
                canonicalize_name(one["package"]["name"]) == canonicalize_name(package) and is_weak(one, version)
                for one in affected(document)
            )
        ]


def affected(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The packages of PyPI that a document is about."""
    return [one for one in document.get("affected", ()) if one.get("package", {}).get("ecosystem") == "PyPI"]


def is_weak(one: Mapping[str, Any], version: str) -> bool:
    """Whether a version is listed, or lies in a range: from `introduced` on, before `fixed`, up to `last_affected`."""
    if version in one.get("versions", ()):
        return True
    wanted = Version(version)
    return any(
        _within(events["events"], wanted) for events in one.get("ranges", ()) if events.get("type") == "ECOSYSTEM"
    )


def _within(events: Sequence[Mapping[str, str]], wanted: Version) -> bool:
    weak = False
    ordered = sorted(events, key=lambda event: _version(next(iter(event.values()))))
    for event in ordered:
        (kind, text), *_ = event.items()
        at = _version(text)
        if kind == "introduced" and at <= wanted:
            weak = True
        elif (kind == "fixed" and at <= wanted) or (kind == "last_affected" and at < wanted):
            weak = False
    return weak


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


class _Handler(BaseHTTPRequestHandler):
    server: Database

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps({"vulns": self.server.find(asked["package"]["name"], asked["version"])}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
