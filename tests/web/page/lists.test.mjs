import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { listed, namesIn } = await import(`${PAGE}/lists.js`);

test("namesIn: what was listed comes back, commas and quotes included", () => {
  const names = ["car", "road, wet", "车道，线", '"odd', 'in"side'];
  assert.equal(names.map(listed).join(","), 'car,"road, wet","车道，线","""odd",in"side');
  assert.deepEqual(namesIn(names.map(listed).join(",")), names);
});

test("namesIn: white space, Chinese commas and empty parts do not count", () => {
  assert.deepEqual(namesIn(" a ，b,, c "), ["a", "b", "c"]);
  assert.deepEqual(namesIn(""), []);
});
