"""What the messages look like, and what the receivers' answers mean."""

import json
from typing import Any

import pytest

from roadloop.errors import Text
from roadloop.notices.forms import Change, fitting, refusal, write
from roadloop.notices.targets import Target

FAILED = Change(
    7, "abc", "train", "kd_seg <at user_id=\"all\"></at> [x](http://evil)\n# 苏州 @all", "failed",
    Text("磁盘已满，\n请清理。", "The disk is full."), "disk_full", 1_700_000_000.25,
)  # fmt: skip
DONE = Change(8, "def", "release", "苏州 v3", "succeeded", None, None, 1_700_000_001.0)


def target(form: str, **more: Any) -> Target:
    return Target.model_validate({"name": "x", "form": form, "url": "https://example.com/hook?k=1", **more})


def test_feishu__is_text_signed_in_the_body() -> None:
    letter = write(target("feishu", secret="s3cret"), "id", [FAILED, DONE], 1_700_000_000.9)
    body = json.loads(letter.body)
    # printf '' | openssl dgst -sha256 -hmac "$(printf '1700000000\ns3cret')" -binary | base64
    assert (body["timestamp"], body["sign"]) == ("1700000000", "IX3eHI0/v/Td7jqJ0ynSEK3Dq5JY3HUZeoeMgVZeZGo=")
    assert body["content"]["text"].split("\n") == [
        'roadloop：训练「kd_seg ＜at user_id="all"＞＜/at＞ ［x］(http://evil)\\n＃ 苏州 ＠all」失败：磁盘已满，\\n请清理。',
        "roadloop：发布「苏州 v3」完成",
    ]
    assert "sign" not in json.loads(write(target("feishu"), "id", [DONE], 0.0).body)


def test_dingtalk__is_markdown_signed_in_the_address() -> None:
    letter = write(target("dingtalk", secret="s3cret", language="en", page="https://r/"), "id", [DONE], 1_700_000_000.0)
    # printf '1700000000000\ns3cret' | openssl dgst -sha256 -hmac s3cret -binary | base64
    sign = "MT7bXSNfVTPzQMEuLWvmMNbmZSCUY1X6YKn9AxBnLsI%3D"
    assert letter.url == f"https://example.com/hook?k=1&timestamp=1700000000000&sign={sign}"
    text = 'roadloop: Release "苏州 v3" completed https://r/#/jobs/def'
    assert json.loads(letter.body) == {"msgtype": "markdown", "markdown": {"title": text[:60], "text": text}}


def test_wecom__is_markdown_below_its_limit() -> None:
    long = FAILED._replace(title="苏" * 500, reason=Text("满" * 900, "full" * 300))
    receiver = target("wecom")
    number = fitting(receiver, [long] * 10)
    letter = write(receiver, "id", [long] * number, 0.0)
    text = json.loads(letter.body)["markdown"]["content"]
    assert 1 < number < 10
    assert 2000 < len(text.encode()) <= 4096
    assert text.count("\n") == number - 1
    assert "苏" * 99 + "…" in text
    assert fitting(receiver, [DONE] * 30) == 10


def test_json__is_signed_as_standard_webhooks_says() -> None:
    letter = write(target("json", secret="s3cret", language="en"), "id-1", [FAILED], 1_700_000_000.0)
    (change,) = json.loads(letter.body)["data"]
    assert (change["title"], change["state"], change["reason"], change["error"]) == (
        FAILED.title, "failed", "The disk is full.", "disk_full",
    )  # fmt: skip
    assert (letter.headers["webhook-id"], letter.headers["webhook-timestamp"]) == ("id-1", "1700000000")
    small = write(target("json", secret="s3cret"), "id-1", [DONE], 1_700_000_000.0)
    other = write(target("json", secret="another"), "id-1", [DONE], 1_700_000_000.0)
    assert small.body == other.body
    assert small.headers["webhook-signature"] != other.headers["webhook-signature"]
    assert "webhook-signature" not in write(target("json"), "id-1", [DONE], 0.0).headers


@pytest.mark.parametrize(
    ("form", "status", "answer", "why"),
    [
        ("json", 204, b"", None),
        ("json", 302, b"", "HTTP 302"),
        ("json", 500, b"", "HTTP 500"),
        ("wecom", 200, b'{"errcode": 0, "errmsg": "ok"}', None),
        ("wecom", 200, b'{"errcode": 45009, "errmsg": "freq\\u001b[31m limit"}', "45009 freq\\x1b[31m limit"),
        ("dingtalk", 200, b'{"errcode": 310000, "errmsg": "sign not match"}', "310000 sign not match"),
        ("feishu", 200, b'{"code": 0, "msg": "success"}', None),
        ("feishu", 200, b'{"StatusCode": 0, "StatusMessage": "success"}', None),
        ("feishu", 200, b'{"code": 19021, "msg": "sign match fail"}', "19021 sign match fail"),
        ("feishu", 200, b"<html>", "HTTP 200, and not the answer of a feishu robot"),
        ("feishu", 200, b"[]", "HTTP 200, and not the answer of a feishu robot"),
    ],
)
def test_answers__mean_what_each_receiver_means(form: str, status: int, answer: bytes, why: str | None) -> None:
    assert refusal(target(form), status, answer) == why
