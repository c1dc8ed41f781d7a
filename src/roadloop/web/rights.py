"""Who may ask for what: the right that each route declares, the roles that have it, and who calls.

A route says its right in one word where it is declared; one that says none does not start (`server.create_app`). Who calls is
found out by the gate, before anything of the request's body is read: `accounts.gate`, which the application carries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

Role = Literal["viewer", "annotator", "engineer", "admin"]
#: open: everybody, without a log-in. self: whoever is logged in, about themselves. package: annotators too, those packages that
#: were given to them. see: looks at things. work: makes, starts, stops, removes things. rule: people, code that runs, the record.
Right = Literal["open", "self", "package", "see", "work", "rule"]

RIGHTS: Final[tuple[Right, ...]] = get_args(Right)
ROLES: Final[tuple[Role, ...]] = get_args(Role)
_SEE: Final = frozenset[Role]({"viewer", "engineer", "admin"})
HOLDERS: Final[Mapping[Right, frozenset[Role]]] = {
    "open": frozenset(ROLES),
    "self": frozenset(ROLES),
    "package": frozenset(ROLES),
    "see": _SEE,
    "work": frozenset({"engineer", "admin"}),
    "rule": frozenset({"admin"}),
}
#: What a POST, or a DELETE, with one of these rights does is recorded.
WRITING: Final = frozenset[Right]({"work", "rule"})


@dataclass(frozen=True)
class Visit:
    """What a request shows of who sends it.

    Attributes:
        reads: Whether its method only reads.
        address: Where it comes from; behind a proxy of this machine what that says.
        secure: Whether it came over TLS, here or at the proxy.
        bearer: The token of a program; None where it names none.
        cookies: The browser's.
        ours: Whether a page of this server sends it, as far as a browser says.
        package: The number of the package that its path names.
        host: The server as the browser calls it: a name, and a port where one is said.
    """

    reads: bool = True
    address: str = ""
    secure: bool = False
    bearer: str | None = None
    cookies: Mapping[str, str] | None = None
    ours: bool = False
    package: str | None = None
    host: str = ""


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        name: Of the account; "": nobody has one, or it is not known who calls.
        role: What they may do; None: it is not known who calls.
        account: Its row; 0 without one.
        scope: The role that a program's token is limited to; None: no token.
        session: The row of the browser's session; "" without one.
        visit: What the request showed.
    """

    name: str = ""
    role: Role | None = None
    account: int = 0
    scope: Role | None = None
    session: str = ""
    visit: Visit = Visit()

    def may(self, right: Right) -> bool:
        """Whether role and scope have the right."""
        scope = self.role if self.scope is None else self.scope
        return right == "open" or (self.role in HOLDERS[right] and scope in HOLDERS[right])

    @property
    def only_given(self) -> bool:
        """Whether they see only the packages that were given to them."""
        return not self.may("see")


#: Who calls as long as nobody has an account.
ANYBODY: Final = Caller(role="admin")


class Gate(Protocol):
    """Finds out who calls, and refuses."""

    def at_once(self, visit: Visit, right: Right) -> Caller | None:
        """Who calls, where that is known without a look at any row; else None."""

    def admit(self, visit: Visit, right: Right) -> Caller:
        """Who calls. It looks at rows.

        Raises:
            LogInNeededError: It is not known who calls.
            AccessRefusedError: They have not the right, or a foreign page makes a browser ask.
        """
