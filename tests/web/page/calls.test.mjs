import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { asCurl, asPython, callsMade, forgetCalls, noteCall } = await import(`${PAGE}/calls.js`);
const SERVER = "http://127.0.0.1:8600";

test("calls: as a shell takes them", () => {
  assert.equal(asCurl({ method: "GET", path: "/data", values: {} }, SERVER), "curl http://127.0.0.1:8600/data");
  assert.equal(
    asCurl({ method: "GET", path: "/v1/jobs", values: { q: "苏州 a'b", page: 1 } }, SERVER),
    "curl -G http://127.0.0.1:8600/v1/jobs --data-urlencode 'q=苏州 a'\\''b' --data-urlencode page=1",
  );
  assert.equal(
    asCurl({ method: "POST", path: "/endtask", values: { task_id: "1" } }, SERVER),
    `curl http://127.0.0.1:8600/endtask -H 'Content-Type: application/json' -d '{"task_id":"1"}'`,
  );
});

test("calls: as Python takes them", () => {
  const values = { task_id: "1", deep: { a: [1, true, null], b: 'say "x"' }, import: "reference" };
  assert.equal(
    asPython({ method: "POST", path: "/x", values }),
    'client.post("/x", task_id="1", deep={"a": [1, True, None], "b": "say \\"x\\""}, **{"import": "reference"})',
  );
});

test("calls: each once, the newest last, 30 at most, and none of another page", () => {
  for (let k = 0; k < 40; k++) noteCall("GET", "/a", { k });
  noteCall("GET", "/a", { k: 20 });
  assert.deepEqual(
    callsMade().map((call) => call.values.k),
    [...Array.from({ length: 10 }, (_, k) => 10 + k), ...Array.from({ length: 19 }, (_, k) => 21 + k), 20],
  );
  forgetCalls();
  assert.deepEqual(callsMade(), []);
});
