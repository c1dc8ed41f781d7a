/** Ranges of annotation tasks, and a drive from above. */

import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { rangesOf } = await import(`${PAGE}/views/annotation-packages.js`);
const { project } = await import(`${PAGE}/components/track-map.js`);

test("ranges of annotation tasks hold nothing else", () => {
  /** @param {number | null} first @param {number | null} last */
  const row = (first, last) => ({ number: 1, done: 1, first, last });
  assert.deepEqual(rangesOf([row(4, 4), row(1, 1), row(2, 2)]), [
    [1, 2],
    [4, 4],
  ]);
  assert.deepEqual(rangesOf([row(100, 102), row(103, 110), row(null, null)]), [[100, 110]]);
  assert.deepEqual(rangesOf([]), []);
});

test("a drive keeps its shape, north above, and mixes no datums", () => {
  /** @param {string} point @param {number | null} longitude @param {number | null} latitude @param {string} datum */
  const at = (point, longitude, latitude, datum = "wgs84") => ({
    point,
    longitude,
    latitude,
    datum: longitude === null ? null : datum,
    file: null,
    removed: false,
  });
  const found = project([at("a", 120, 60), at("b", null, null), at("c", 120.002, 60.001), at("d", 5, 5, "gcj02")]);
  assert.deepEqual(
    found.map((one) => one.point.point),
    ["a", "c"],
  );
  // At 60 degrees north a degree of longitude is half as long: the drive goes as far east as north.
  assert.ok(Math.abs(found[1].x - found[0].x - (found[0].y - found[1].y)) < 0.01);
  assert.ok(found[0].y > found[1].y);
  assert.deepEqual(project([at("a", null, null)]), []);
  assert.equal(project([at("a", 120, 30)]).length, 1);
});
