import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { asked, nextOrder, pagesNear } = await import(`${PAGE}/components/listing.js`);

test("asked: the address says what the server is asked for, and nothing else of it is sent", () => {
  assert.deepEqual(asked({}, []), { page: 1, page_size: 25 });
  assert.deepEqual(asked({ q: "苏州", page: "3", state: "failed", order: "-data_name", tab: "x" }, []), {
    page: 3,
    page_size: 25,
    q: "苏州",
    state: "failed",
    order: "-data_name",
  });
  assert.equal(asked({ data_type: "aug", type: "x" }, ["data_type"]).only, '{"data_type":"aug"}');
});

test("asked: whatever stands for the page, it is one", () => {
  for (const page of ["", "0", "-4", "x", "1.9"]) assert.equal(asked({ page }, []).page, 1);
  assert.equal(asked({ page: "1e99" }, []).page, 1e6);
});

test("nextOrder: words up, down, newest; numbers down, up, newest", () => {
  assert.deepEqual(
    [nextOrder("", "n", false), nextOrder("n", "n", false), nextOrder("-n", "n", false)],
    ["n", "-n", ""],
  );
  assert.deepEqual([nextOrder("a", "n", true), nextOrder("-n", "n", true), nextOrder("n", "n", true)], ["-n", "n", ""]);
});

test("pagesNear: the ends, the neighbours, and 0 for a gap of two and more", () => {
  assert.deepEqual(pagesNear(1, 1), [1]);
  assert.deepEqual(pagesNear(1, 8), [1, 2, 0, 8]);
  assert.deepEqual(pagesNear(4, 8), [1, 2, 3, 4, 5, 0, 8]);
  assert.deepEqual(pagesNear(8, 8), [1, 0, 7, 8]);
});
