import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { NOTHING, paint, toIds } = await import(`${PAGE}/components/mask.js`);

const COLORS = [
  [255, 0, 0],
  [0, 255, 0],
  [255, 0, 0],
];
const mask = (...ids) => ({ width: ids.length, height: 1, ids: Uint8Array.from(ids) });
const pixels = (rgba) => Array.from({ length: rgba.length / 4 }, (_, i) => [...rgba.slice(4 * i, 4 * i + 4)]);

test("toIds: grey values are ids; colours are looked up, unknown ones are nothing", () => {
  const grey = new Uint8ClampedArray([1, 1, 1, 255, 255, 255, 255, 255]);
  assert.deepEqual([...toIds(grey)], [1, 255]);
  const painted = new Uint8ClampedArray([0, 255, 0, 255, 255, 0, 0, 255, 9, 9, 9, 255]);
  assert.deepEqual([...toIds(painted, COLORS)], [1, 0, NOTHING]);
});

test("paint: hidden and ignored classes are transparent", () => {
  const shown = pixels(paint(mask(0, 1, 255), COLORS, new Set([1])));
  assert.deepEqual(shown, [
    [255, 0, 0, 255],
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ]);
});

test("paint: errors only shows what differs from the truth, ignored truth aside", () => {
  const shown = pixels(paint(mask(0, 1, 1), COLORS, new Set(), mask(0, 0, 255)));
  assert.deepEqual(shown, [
    [0, 0, 0, 0],
    [0, 255, 0, 255],
    [0, 0, 0, 0],
  ]);
});
