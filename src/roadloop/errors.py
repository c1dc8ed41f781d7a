"""Every error this project raises on purpose, and the two-language text they carry.

* RoadloopError
  x MalformedRequestError      the body or the query cannot be read
  x LogInNeededError           it is not known who calls
  x AccessRefusedError         this caller may not do this
    + PathOutsideError         a path leaves the workspace and its roots, or is read-only
    + UntrustedCodeError       a file carries code that nobody has approved here
  x NotFoundError              no object has that id or name
  x ConflictError              the object's state forbids this
    + NameTakenError           a name that must be unique is used
    + InvalidTransitionError   a life cycle does not have that step
    + StaleRunError            another attempt of this job has taken over
  x TooLargeError              the request is larger than a limit
  x InvalidValueError          a value that cannot be right
    + InvalidNameError         not usable as a name
    + LabelMapError            labels, class table and label map do not fit together
    + BrokenFileError          a file is not what its name says
      - BrokenDatabaseError    that file is the database
    + IdempotencyMismatchError same Idempotency-Key, another request
  x BusyError                  try again later
    + DiskFullError            no space left, or the disk is read-only
    + TooManyAttemptsError     passwords were wrong too often
  x JobError                   a job cannot go on; becomes the job's reason
    + OutOfMemoryError         GPU or host memory
    + NonFiniteLossError       the loss is NaN or infinite
    + OtherVersionError        another version of roadloop wrote it
    + MissingPackageError      one that only some installations need
    + ObjectStoreError         an object store refuses, or does not answer

`web/errors.py` maps the classes to HTTP statuses; nothing here knows HTTP.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, NamedTuple

Language = Literal["zh", "en"]


class Text(NamedTuple):
    """One message in both languages. Say what happened, what is safe, and what to do."""

    zh: str
    en: str

    def pick(self, language: Language) -> str:
        """The text in `language`."""
        return self.zh if language == "zh" else self.en


def many(number: int, one: str, more: str = "") -> str:
    """A number of things in English: `1 picture is`, `1,234 pictures are`.

    Args:
        number: How many.
        one: What one is called, with its verb.
        more: What several are called, where that is not `one` with an s.
    """
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


class RoadloopError(Exception):
    """Base of all deliberate errors.

    Args:
        text: What is wrong and what to do, in both languages.
        details: Facts for programs, JSON values only.
    """

    code: ClassVar[str] = "roadloop_error"

    def __init__(self, text: Text, **details: Any) -> None:
        super().__init__(text.en)
        self.text = text
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        """Let worker processes hand errors back whole."""
        return _rebuild, (type(self), self.text, self.details)


def _rebuild(kind: type[RoadloopError], text: Text, details: dict[str, Any]) -> RoadloopError:
    return kind(Text(*text), **details)


class MalformedRequestError(RoadloopError):
    """The body or the query cannot be read at all."""

    code = "malformed_request"


class LogInNeededError(RoadloopError):
    """It is not known who calls: log in, or send a valid token."""

    code = "log_in_needed"


class AccessRefusedError(RoadloopError):
    """This caller, host or origin may not do this."""

    code = "access_refused"


class PathOutsideError(AccessRefusedError):
    """A path leaves the workspace and the configured roots, or the root is read-only."""

    code = "path_outside"


class UntrustedCodeError(AccessRefusedError):
    """A file carries code that nobody has approved here, or lies where no code runs; `details` has its digest."""

    code = "untrusted_code"


class NotFoundError(RoadloopError):
    """No object has that id or name."""

    code = "not_found"


class ConflictError(RoadloopError):
    """The object's state forbids this action."""

    code = "conflict"


class NameTakenError(ConflictError):
    """A name that must be unique is used; `details` carries the existing `task_id`."""

    code = "name_taken"


class InvalidTransitionError(ConflictError):
    """A life cycle does not have that step."""

    code = "invalid_transition"


class StaleRunError(ConflictError):
    """Another attempt of this job has taken over; this one must not write any more."""

    code = "stale_run"


class TooLargeError(RoadloopError):
    """The request is larger than a limit."""

    code = "too_large"


class InvalidValueError(RoadloopError):
    """A value that cannot be right; `details` names the parameter."""

    code = "invalid_value"


class InvalidNameError(InvalidValueError):
    """Text that cannot be used as the name of a thing."""

    code = "invalid_name"


class LabelMapError(InvalidValueError):
    """Labels, class table and label map do not fit together."""

    code = "label_map"


class DatumError(InvalidValueError):
    """A distance between positions whose datums differ, or are not known."""

    code = "datum"


class BrokenFileError(InvalidValueError):
    """A file is not what its name says: truncated, another format, a wrong hash."""

    code = "broken_file"


class BrokenDatabaseError(BrokenFileError):
    """The database is damaged, or is no database at all."""

    code = "broken_database"


class IdempotencyMismatchError(InvalidValueError):
    """The Idempotency-Key was used before with another request."""

    code = "idempotency_mismatch"


class BusyError(RoadloopError):
    """Nothing is wrong; try again later."""

    code = "busy"


class OvertakenError(BusyError):
    """Rows that a write was prepared from have changed; it is prepared anew."""

    def __init__(self) -> None:
        super().__init__(
            Text(
                "所依据的记录一再被其他请求改动，未作任何改动；请稍后重试。",
                "Other requests keep changing what this one is based on; nothing was changed. Try again in a moment.",
            )
        )


class DatabaseAwayError(BusyError):
    """The database's server does not answer, or has ended the session."""

    code = "database_away"


class DiskFullError(BusyError):
    """No space left on the disk, or it is read-only."""

    code = "disk_full"


class TooManyAttemptsError(BusyError):
    """Passwords, or codes, were wrong too often from one address; it has to wait."""

    code = "too_many_attempts"


class JobError(RoadloopError):
    """A job cannot go on; the text becomes the job's reason."""

    code = "job_failed"


class WorkerLostError(JobError):
    """Processes that a job's own process needs are lost: it leaves, and the supervisor goes on as if it were lost itself."""


class OutOfMemoryError(JobError):
    """GPU or host memory did not suffice."""

    code = "out_of_memory"


class NonFiniteLossError(JobError):
    """The training loss is NaN or infinite."""

    code = "non_finite_loss"


class OtherVersionError(JobError):
    """Another version of roadloop wrote this job, and this one cannot read it; `details` has the fields."""

    code = "other_version"


class MissingPackageError(JobError):
    """A package that only some installations need is not installed; the text says how to get it."""

    code = "missing_package"


#: Packages that are imported without being asked for first, and the extra of this project that brings each.
EXTRAS: Final[Mapping[str, str]] = {
    "torch": "torch",
    "onnx": "torch",
    "onnxruntime": "torch",
    "onnxscript": "torch",
    "authlib": "oidc",
    "joserfc": "oidc",
}


def missing_package(error: ImportError) -> MissingPackageError | None:
    """What is said where such a package is missing; None: it is another one, or not missing."""
    package = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package not in EXTRAS:
        return None
    extra = EXTRAS[package]
    return MissingPackageError(
        Text(
            f"这里没有安装 {package}：请运行 pip install 'roadloop[{extra}]'（装在运行任务的每台机器上），然后重新提交。",
            f"{package} is not installed here: run pip install 'roadloop[{extra}]', on every machine that runs jobs, then try"
            " again.",
        )
    )


class ObjectStoreError(JobError):
    """An object store refuses whatever is asked, or does not answer: no single object is to blame."""

    code = "object_store"
