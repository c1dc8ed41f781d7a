import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { spanned, toggled } = await import(`${PAGE}/views/dataset-filter.js`);
const { inShort } = await import(`${PAGE}/views/dataset-preview.js`);

test("toggled: values come and go, and a field without any is none", () => {
  const one = toggled({}, "city", "苏州");
  assert.deepEqual(one, { city: ["苏州"] });
  assert.deepEqual(toggled(one, "city", ""), { city: ["苏州", ""] });
  assert.deepEqual(toggled({ ...one, author: ["a"] }, "city", "苏州"), { author: ["a"] });
});

test("spanned: either end alone, and none is no field", () => {
  const from = spanned({ city: ["x"] }, "from", "2026-01-01");
  assert.deepEqual(from, { city: ["x"], time: { from: "2026-01-01" } });
  assert.deepEqual(spanned(from, "to", "2026-02-01").time, { from: "2026-01-01", to: "2026-02-01" });
  assert.deepEqual(spanned(from, "from", ""), { city: ["x"] });
});

test("inShort: what there is, the pictures of the base among them", () => {
  const part = (pictures, base) => ({ pictures, base });
  assert.equal(inShort({ parts: { train: part(40, 1000), val: part(0, 2), test: part(0, 0) } }), "train 1,040 · val 2");
});
