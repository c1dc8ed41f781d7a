"""Routes of uploads: tus 1.0 (https://tus.io/protocols/resumable-upload), and the step that unpacks what was sent."""

import base64
import binascii
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import anyio
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from roadloop.errors import (
    ConflictError,
    DiskFullError,
    InvalidNameError,
    MalformedRequestError,
    NameTakenError,
    NotFoundError,
    Text,
)
from roadloop.parameters import NoParameters
from roadloop.storage.platform import Platform
from roadloop.uploads import files, service
from roadloop.uploads.files import Inlet, Upload
from roadloop.uploads.recipe import OneUpload
from roadloop.web import body
from roadloop.web.body import Claim, read_pieces
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success
from roadloop.web.errors import failure, language_of
from roadloop.web.share import Share

VERSION: Final = "1.0.0"
_TUS: Final = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
_MOST_METADATA: Final = 8192
_MOST_DIGITS: Final = 15


class UploadRow(BaseModel):
    """One upload that is not unpacked."""

    id: str
    name: str = Field(description="The folder below imports/ to be.")
    filename: str = Field(description="What its sender calls it.")
    fingerprint: str = Field(description="By which its sender knows it again.")
    length: int = Field(description="Bytes in all.")
    offset: int = Field(description="Bytes that have come.")
    task_id: str | None = Field(description="The newest job that unpacks it.")


class UploadList(Success):
    """The uploads."""

    data: list[UploadRow]


class OneUploadReply(Success):
    """One upload."""

    data: UploadRow


def routes(platform: Platform) -> APIRouter:
    """All routes of this feature."""
    router = Endpoints(platform, tag="uploads")
    _sending(router, platform)

    @router.get("/v1/uploads", NoParameters, "see", reply=UploadList)
    def uploads(_call: Call, _p: NoParameters) -> Answer:
        """The uploads that are not unpacked, newest first: how far each has come."""
        return {"data": list(service.list_all(platform))}

    @router.get("/v1/uploads/{upload}", OneUpload, "see", reply=OneUploadReply, errors=(NotFoundError,))
    def upload(_call: Call, p: OneUpload) -> Answer:
        """How far an upload has come; HEAD answers it in `Upload-Offset`, as tus has it."""
        found = files.find(platform.workspace, p.upload)
        row = service.describe(platform, found)
        return JSONResponse({"errno": 1, "data": row}, headers=_headers(found, row["offset"]))

    @router.post(
        "/v1/uploads/{upload}/unpack",
        OneUpload,
        "work",
        reply={"message": "success", "data": "8a4f0c2e5b7d4e6f9a1b3c5d7e9f1a2b"},
        errors=(NotFoundError, ConflictError, NameTakenError),
    )
    def unpack(call: Call, p: OneUpload) -> Answer:
        """Unpack an upload that has come whole into its folder below imports/. Answers with the task id."""
        return call.submit(lambda: service.unpack(platform, p.upload))

    return router.api


def _sending(router: Endpoints, platform: Platform) -> None:
    share = Share()

    @router.raw(
        "POST",
        "/v1/uploads",
        "work",
        headers={
            "Upload-Length": "Bytes in all.",
            "Upload-Metadata": "Names and values in base64: `name` of the folder below imports/, or `filename`, whose stem it"
            " is then; `fingerprint`, by which the sender finds the upload again.",
        },
        status=HTTPStatus.CREATED,
        errors=(NameTakenError, DiskFullError, InvalidNameError),
    )
    async def begin_upload(request: Request) -> Response:
        """Begin to send a zip, or an uncompressed tar, of pictures. Answers with the upload's address in `Location`."""
        if (other := _other_version(request)) is not None:
            return other
        length = _number(request, "upload-length")
        said = _metadata(request.headers.get("upload-metadata", ""))
        upload = await share.run(partial(service.begin, platform, said, length))
        return Response(status_code=201, headers={**_headers(upload, 0), "Location": f"/v1/uploads/{upload.id}"})

    @router.raw(
        "PATCH",
        "/v1/uploads/{upload}",
        "work",
        headers={
            "Upload-Offset": "Where these bytes begin: as many as have come.",
            "Content-Type": "That of tus: application/offset+octet-stream.",
        },
        status=HTTPStatus.NO_CONTENT,
        errors=(NotFoundError, ConflictError, DiskFullError),
    )
    async def send_bytes(request: Request) -> Response:
        """Send bytes of an upload, as many as one likes. What has come when the connection breaks stays."""
        if (other := _other_version(request)) is not None:
            return other
        if request.headers.get("content-type", "") != "application/offset+octet-stream":
            raise _malformed(
                "Content-Type 应为 application/offset+octet-stream",
                "its Content-Type should be application/offset+octet-stream",
            )
        offset = _number(request, "upload-offset")
        upload = await share.run(partial(files.find, platform.workspace, request.path_params["upload"]))
        reserve = platform.settings.min_free_mib * 2**20
        with Claim(body.requests) as claim:
            inlet = await share.run(partial(Inlet, platform.workspace, upload, offset, reserve))
            try:
                async for piece in read_pieces(request, upload.length - inlet.offset, claim):
                    await share.run(partial(inlet.write, piece))
            finally:
                with anyio.CancelScope(shield=True):
                    await share.run(inlet.close)
        return Response(status_code=204, headers=_headers(upload, inlet.offset))

    @router.raw(
        "DELETE",
        "/v1/uploads/{upload}",
        "work",
        headers={},
        status=HTTPStatus.NO_CONTENT,
        errors=(NotFoundError, ConflictError),
    )
    async def remove_upload(request: Request) -> Response:
        """Remove an upload that nobody needs."""
        await share.run(partial(service.remove, platform, request.path_params["upload"]))
        return Response(status_code=204, headers=_TUS)


def _headers(upload: Upload, offset: int) -> dict[str, str]:
    return {**_TUS, "Upload-Offset": str(offset), "Upload-Length": str(upload.length)}


def _other_version(request: Request) -> Response | None:
    """The refusal of another version of tus; who names none is taken at the word of the other headers."""
    if request.headers.get("tus-resumable", VERSION) == VERSION:
        return None
    error = _malformed(f"只支持 tus {VERSION}", f"only tus {VERSION} is spoken here")
    said: Any = failure(error, language_of(request))
    return JSONResponse(said, status_code=HTTPStatus.PRECONDITION_FAILED, headers={"Tus-Version": VERSION})


def _number(request: Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise _malformed(f"请求头 {header} 应为字节数", f"its header {header} should be a number of bytes")
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """tus: pairs `<name> <value in base64>`, with commas between them."""
    if len(text) > _MOST_METADATA:
        raise _malformed("Upload-Metadata 太长", "its Upload-Metadata is too long")
    said = {}
    try:
        for pair in filter(None, text.split(",")):
            name, _, value = pair.strip().partition(" ")
            said[name] = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _malformed(
            "Upload-Metadata 的值应为 base64 编码的 UTF-8",
            "the values of its Upload-Metadata should be UTF-8 in base64",
        ) from error
    return said


def _malformed(zh: str, en: str) -> MalformedRequestError:
    return MalformedRequestError(Text(f"无法读取请求：{zh}。", f"The request cannot be read: {en}."))
