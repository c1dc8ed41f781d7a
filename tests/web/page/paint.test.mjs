import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { NOTHING, classPalette, confidencePalette, doubtPalette, paint, toIds } = await import(
  `${PAGE}/components/paint.js`
);

const CLASSES = [
  { train_id: 0, color: [255, 0, 0] },
  { train_id: 1, color: [0, 255, 0] },
];
const RED = [255, 0, 0, 255];
const GREEN = [0, 255, 0, 255];
const CLEAR = [0, 0, 0, 0];
const ids = (...values) => Uint8Array.from(values);
const pixels = (rgba) => Array.from({ length: rgba.length / 4 }, (_, i) => [...rgba.slice(4 * i, 4 * i + 4)]);
const palette = (hidden = () => false) => classPalette(CLASSES, hidden);

test("toIds: grey values are ids; colours are looked up, twins are the first class, unknown ones are nothing", () => {
  assert.deepEqual([...toIds(new Uint8ClampedArray([1, 1, 1, 255, 255, 255, 255, 255]))], [1, 255]);
  const painted = new Uint8ClampedArray([0, 255, 0, 255, 255, 0, 0, 255, 9, 9, 9, 255]);
  const colors = [[255, 0, 0], [0, 255, 0], [255, 0, 0], undefined];
  assert.deepEqual([...toIds(painted, colors)], [1, 0, NOTHING]);
});

test("paint: hidden and ignored classes are transparent", () => {
  assert.deepEqual(
    pixels(
      paint(
        ids(0, 1, 255),
        palette((one) => one.train_id === 1),
      ),
    ),
    [RED, CLEAR, CLEAR],
  );
});

test("paint: errors are shown in the colour of the true class; ignored truth is no error, no prediction is one", () => {
  assert.deepEqual(pixels(paint(ids(0, 1, 1, 255), palette(), ids(0, 0, 255, 1))), [CLEAR, RED, CLEAR, GREEN]);
});

test("confidencePalette: dark where it is certain, bright where it is not; nothing where nothing was said", () => {
  const shown = pixels(paint(ids(100, 75, 50, 0, 255), confidencePalette()));
  assert.deepEqual(shown, [[13, 8, 135, 255], [126, 3, 168, 255], [204, 71, 120, 255], [240, 249, 33, 255], CLEAR]);
});

test("doubtPalette: the same colours the other way round", () => {
  const shown = pixels(paint(ids(0, 25, 50, 100, 255), doubtPalette()));
  assert.deepEqual(shown, [[13, 8, 135, 255], [126, 3, 168, 255], [204, 71, 120, 255], [240, 249, 33, 255], CLEAR]);
});
