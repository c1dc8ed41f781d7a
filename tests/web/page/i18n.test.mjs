import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { duration, many, mark, percent, score, seconds, setServerNow, share, t, things } = await import(
  `${PAGE}/i18n.js`
);

test("t: the language of the document decides", () => {
  assert.equal(t("数据", "data"), "data");
  document.documentElement.lang = "zh";
  assert.equal(t("数据", "data"), "数据");
  document.documentElement.lang = "en";
});

test("duration: the two largest units that matter", () => {
  assert.deepEqual([8, 61, 3599, 7500, 260_000].map(duration), ["8 s", "1 min", "1 h 0 min", "2 h 5 min", "3 days"]);
});

test("percent, score: an absent number is a dash", () => {
  assert.deepEqual([percent(0.1234), percent(null), score(0.5), score(undefined)], ["12.3 %", "–", "0.500", "–"]);
});

test("share: rarer classes get more digits", () => {
  assert.deepEqual([0, 0.00001, 0.0042, 0.389].map(share), ["0", "< 0.01 %", "0.42 %", "38.9 %"]);
});

test("seconds: the server's clock counts, not the browser's", () => {
  setServerNow("2031-05-06 12:00:00");
  assert.ok(Math.abs(seconds("2031-05-06 11:59:00") - 60) < 2);
  assert.equal(seconds("2031-05-06 11:00:00", "2031-05-06 11:01:30"), 90);
});

test("many: one of a thing is said with its own word and verb", () => {
  assert.equal(many(1, "picture is", "pictures are"), "1 picture is");
  assert.deepEqual(
    [0, 1, 2, 1234, null].map((n) => many(n, "class", "classes")),
    ["0 classes", "1 class", "2 classes", "1,234 classes", "– classes"],
  );
  assert.deepEqual(
    [1, 7].map((n) => many(n, "track")),
    ["1 track", "7 tracks"],
  );
});

test("things: the word that goes with a number that stands elsewhere", () => {
  assert.deepEqual(
    [0, 1, 2].map((n) => things(n, "model")),
    ["models", "model", "models"],
  );
  assert.deepEqual([things(1, "class", "classes"), things(5, "class", "classes")], ["class", "classes"]);
});

test("mark: neighbours at an axis are never written alike", () => {
  assert.deepEqual(
    [0.0325, 0.033, 0.0335].map((value) => mark(value, 0.0005)),
    ["0.0325", "0.033", "0.0335"],
  );
  assert.deepEqual([mark(0.30000000000000004, 0.1), mark(0.25, 0.25), mark(12000, 2000)], ["0.3", "0.25", "12,000"]);
});
