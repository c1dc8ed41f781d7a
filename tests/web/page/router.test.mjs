import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { parse, to } = await import(`${PAGE}/router.js`);

test("parse: names with any characters come back as they were", () => {
  const name = "苏州/50% <b>?";
  assert.deepEqual(parse(to("datasets", name)), { path: ["datasets", name], query: {} });
});

test("parse: the query is split off", () => {
  assert.deepEqual(parse("#/training/abc?tab=map&n=2"), { path: ["training", "abc"], query: { tab: "map", n: "2" } });
});

test("parse: a broken escape is shown as it is", () => {
  assert.deepEqual(parse("#/jobs/%E8%8").path, ["jobs", "%E8%8"]);
});

test("parse: nothing is the overview", () => {
  assert.deepEqual(parse(""), { path: [], query: {} });
});
