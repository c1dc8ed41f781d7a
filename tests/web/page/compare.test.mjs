import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { aligned, best, differences, smoothed } = await import(`${PAGE}/compare.js`);
const maps = await import(`${PAGE}/maps.js`);

test("curves stand on one axis", () => {
  assert.deepEqual(
    aligned([
      { x: [10, 20], values: [1, 2] },
      { x: [5, 20], values: [3, 4] },
    ]),
    {
      x: [5, 10, 20],
      values: [
        [null, 1, 2],
        [3, null, 4],
      ],
    },
  );
});

test("smoothing is a running mean without a pull to zero", () => {
  assert.deepEqual(
    smoothed([3, null, 3], 0.9).map((v) => v && Number(v.toFixed(9))),
    [3, null, 3],
  );
  assert.deepEqual(smoothed([1, 4], 0), [1, 4]);
  assert.equal(smoothed([0, 3], 0.5)[1], 2); // (0.5·0 + 1·3) / 1.5
});

test("recipes differ where a value does", () => {
  const records = [
    { base_lr: 0.1, lr_factors: { a: 1, b: 2 }, crop: [32, 32] },
    { base_lr: 0.2, lr_factors: { b: 2, a: 1 } },
  ];
  assert.deepEqual(
    differences(records).map((row) => row.key),
    ["base_lr", "crop"],
  );
  assert.equal(differences(records, true).length, 3);
  assert.deepEqual(best([0.5, null, 0.7]), [false, false, true]);
  assert.deepEqual(best([0.5, undefined]), [false, false]);
  assert.deepEqual(best([0.50001, 0.5]), [false, false]);
});

test("a label map is changed, undone and done again", () => {
  const stored = { 10: ["0", "red", "红"], 20: ["1", "green", "绿"], 30: ["255", "blue", "蓝"] };
  let edited = maps.fresh(stored);
  assert.deepEqual(edited.now, { 10: "0", 20: "1", 30: "" });
  edited = maps.changed(edited, maps.given(edited.now, [20, 30], 0));
  assert.deepEqual(maps.different(edited.now, stored), ["20", "30"]);
  assert.equal(maps.free(edited.now), 1);
  edited = maps.undone(edited);
  assert.deepEqual([edited.now[20], edited.past.length, edited.future.length], ["1", 0, 1]);
  edited = maps.redone(edited);
  assert.equal(edited.now[30], "0");
  assert.equal(maps.changed(edited, { ...edited.now }), edited);
  const pixels = (raw) => ({ share: raw / 100, pictures: raw });
  const groups = maps.grouped({ 10: "0", 20: "0", 30: "" }, [{ raw_id: 10 }, { raw_id: 20 }, { raw_id: 30 }], pixels);
  assert.equal(groups.get(0).share.toFixed(2), "0.30");
  assert.equal(groups.get(0).pictures, 20);
  assert.equal(groups.get(255).members.length, 1);
});
