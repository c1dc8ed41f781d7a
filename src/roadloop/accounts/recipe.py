"""What calls about people and tokens say."""

from typing import Literal

from pydantic import Field, SecretStr

from roadloop.parameters import NEWEST, Parameters
from roadloop.web.rights import Role

Change = Literal["", "yes", "no"]


class LogIn(Parameters):
    """Who logs in."""

    name: str = Field(max_length=64, description="Name of the account.")
    password: SecretStr = Field(max_length=1000, description="Its password.")


class FirstAccount(LogIn):
    """The first account, an admin's."""

    code: SecretStr = Field(max_length=100, description="The code that `roadloop serve` has printed.")


class BeginSignOn(Parameters):
    """Where a log-in by the provider begins."""

    page: str = Field(
        max_length=500, description="Address of the page, as the browser has it; the provider sends it back there."
    )


class SignOn(BeginSignOn):
    """What the provider has sent the browser back with."""

    code: SecretStr = Field(SecretStr(""), max_length=4000, description="The code; absent where there is an error.")
    state: str = Field(max_length=200, description="As it was when the log-in was begun.")
    iss: str = Field("", max_length=500, description="Who answers; absent where the provider says nothing of it.")
    error: str = Field("", max_length=100, description="Why there is no code.")
    error_description: str = Field("", max_length=1000, description="The same in words.")


class NewAccount(Parameters):
    """An account."""

    name: str = Field(max_length=64, description="Name of the account.")
    password: SecretStr | None = Field(
        None, max_length=1000, description="Its password; absent: they log in by the provider only."
    )
    role: Role = Field(description="What they may do.")


class ChangeAccount(Parameters):
    """What is to be different."""

    name: str = Field(max_length=64, description="Name of the account.")
    role: Role | None = Field(None, description="What they may do from now on; absent: as before.")
    disabled: bool | None = Field(None, description="Whether they can do nothing any more; absent: as before.")
    password: SecretStr | None = Field(
        None, max_length=1000, description="A new password, which ends their sessions; absent: as before."
    )


class ChangePassword(Parameters):
    """One's own password."""

    old: SecretStr = Field(max_length=1000, description="The password until now.")
    password: SecretStr = Field(max_length=1000, description="The new one.")


class NewToken(Parameters):
    """A token for a program."""

    name: str = Field(min_length=1, max_length=64, description="What the program is called.")
    scope: Role = Field("viewer", description="The role that it is limited to; it has no more rights than its owner.")
    days: int = Field(90, ge=1, le=3650, description="It ends after so many days.")


class ListTokens(Parameters):
    """Which tokens."""

    all: bool = Field(False, description="Those of everybody; for admins.")


class OneToken(Parameters):
    """Names a token."""

    token: int = Field(ge=1, le=2**31 - 1, description="Its number.")


class ReadAudit(Parameters):
    """Which lines of the record."""

    who: str = Field("", max_length=64, description="Only what this account did.")
    what: str = Field("", max_length=80, description="Only this, such as `log_in` or `create_train`.")
    before: int = Field(0, ge=0, le=2**31 - 1, description="Only lines before this number; absent: the newest.")
    page_size: int = Field(100, ge=1, le=NEWEST, description="Lines in the answer.")
