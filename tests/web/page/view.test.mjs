import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { MOST, bounded, fit, layout, pan, pixelAt, toPane, toPicture, zoomAt } = await import(
  `${PAGE}/components/view.js`
);

const PICTURE = { width: 200, height: 100 };
const PANE = { width: 400, height: 400 };

test("fit: the whole picture, as large as the pane allows and no more than 3,200 %", () => {
  assert.deepEqual(fit(PICTURE, PANE), { zoom: 2, x: 100, y: 50 });
  assert.equal(fit({ width: 2, height: 2 }, PANE).zoom, MOST);
});

test("zoomAt: the point under the pointer stays where it is", () => {
  const pane = { width: 100, height: 100 };
  const view = { zoom: 2, x: 100, y: 50 };
  const point = { x: 90, y: 20 };
  const before = toPicture(view, point, pane);
  const next = zoomAt(view, 8, point, pane, PICTURE);
  assert.equal(next.zoom, 8);
  assert.deepEqual(toPicture(next, point, pane), before);
  assert.deepEqual(toPane(next, before, pane), point);
});

test("zoomAt: no more than 3,200 %, no less than the whole picture or its own size", () => {
  const middle = { x: 200, y: 200 };
  assert.equal(zoomAt(fit(PICTURE, PANE), 1000, middle, PANE, PICTURE).zoom, 32);
  assert.equal(zoomAt(fit(PICTURE, PANE), 0.01, middle, PANE, PICTURE).zoom, 1);
  const small = { width: 50, height: 50 };
  assert.equal(zoomAt({ zoom: 4, x: 100, y: 50 }, 0.01, { x: 0, y: 0 }, small, PICTURE).zoom, 0.25);
});

test("pan: the picture follows the hand and never leaves the pane", () => {
  const pane = { width: 100, height: 100 };
  const view = { zoom: 2, x: 100, y: 50 };
  assert.deepEqual(pan(view, { x: 20, y: -10 }, pane, PICTURE), { zoom: 2, x: 90, y: 55 });
  assert.deepEqual(pan(view, { x: 1e6, y: 1e6 }, pane, PICTURE), { zoom: 2, x: 25, y: 25 });
  assert.deepEqual(bounded({ zoom: 0.5, x: 0, y: 0 }, PICTURE, pane), { zoom: 0.5, x: 100, y: 50 });
});

test("pixelAt: whole pixels, the nearest one outside", () => {
  const view = { zoom: 32, x: 100, y: 50 };
  const pane = { width: 64, height: 64 };
  assert.deepEqual(pixelAt(view, { x: 31.9, y: 32 }, pane, PICTURE), { x: 99, y: 50 });
  assert.deepEqual(pixelAt(fit(PICTURE, PANE), { x: 399, y: 0 }, PANE, PICTURE), { x: 199, y: 0 });
});

test("layout: columns that show the picture largest", () => {
  const wide = layout(2, { width: 804, height: 200 }, PICTURE);
  assert.deepEqual(
    wide.map(({ x, y, width, height }) => [x, y, width, height]),
    [
      [0, 0, 400, 200],
      [404, 0, 400, 200],
    ],
  );
  const high = layout(2, { width: 400, height: 404 }, PICTURE);
  assert.deepEqual(
    high.map(({ x, y }) => [x, y]),
    [
      [0, 0],
      [0, 204],
    ],
  );
  assert.equal(layout(4, { width: 804, height: 404 }, PICTURE)[3].x, 404);
});
