import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { readGpus, toggled, writeGpus } = await import(`${PAGE}/gpus.js`);

test("gpus texts are read and written back", () => {
  for (const [text, read] of [
    ["", []],
    ["cpu", []],
    ["0,2", [":0", ":2"]],
    ["node2:10", ["node2:10"]],
    ["b:1;a:0,3", ["b:1", "a:0", "a:3"]],
  ]) {
    assert.deepEqual(readGpus(text), read);
    assert.equal(writeGpus(read), text === "cpu" ? "" : text);
  }
  assert.equal(writeGpus(["a:10", "b:0", "a:9"]), "a:9,10;b:0");
});

test("a click chooses, and lets go", () => {
  assert.deepEqual(toggled([], "a:0", false), ["a:0"]);
  assert.deepEqual(toggled(["a:0"], "a:0", false), []);
  assert.deepEqual(toggled(["a:0"], "a:1", false), ["a:0", "a:1"]);
  assert.deepEqual(toggled(["a:0", "a:1"], "b:1", false), ["b:1"]);
  assert.deepEqual(toggled(["a:0", "a:1"], "b:1", true), ["a:0", "a:1", "b:1"]);
});
