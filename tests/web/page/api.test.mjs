import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { act, ApiError, get } = await import(`${PAGE}/api.js`);

/** Answers of a server, in order; what was sent is kept. */
function server(...answers) {
  const sent = [];
  globalThis.fetch = async (path, options) => {
    sent.push({ path, ...options });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return new Response(JSON.stringify(answer.body), { status: answer.status });
  };
  return sent;
}

const OK = { status: 200, body: { errno: 1, data: "id" } };
const BUSY = { status: 503, body: { errno: 0, error: "busy", message: "busy", details: {} } };
const REFUSED = {
  status: 422,
  body: { errno: 0, error: "invalid_value", message: "thread: too small", details: { parameter: "thread" } },
};

test("get: empty parameters are left out, the language is asked for", async () => {
  const sent = server(OK);
  await get("/v1/jobs", { page: 1, q: "", x: undefined });
  assert.equal(sent[0].path, "/v1/jobs?page=1");
  assert.equal(sent[0].headers["Accept-Language"], "en");
});

test("act: a lost answer is asked for again with the same key, a settled one is not", async () => {
  const sent = server(new TypeError("lost"), BUSY, OK, OK);
  await assert.rejects(act("/release", { a: 1 }), (error) => error instanceof ApiError && error.status === 0);
  await assert.rejects(act("/release", { a: 1 }), { code: "busy" });
  await act("/release", { a: 1 });
  await act("/release", { a: 1 });
  const keys = sent.map((request) => request.headers["Idempotency-Key"]);
  assert.equal(new Set(keys.slice(0, 3)).size, 1);
  assert.notEqual(keys[3], keys[0]);
});

test("act: a refusal carries the server's words and the parameter", async () => {
  server(REFUSED);
  await assert.rejects(
    act("/create_data", {}),
    (error) => error.message === "thread: too small" && error.details.parameter === "thread",
  );
});

test("get: errno 0 is a failure whatever the status", async () => {
  server({ status: 200, body: { errno: 0, error: "odd", message: "odd", details: {} } });
  await assert.rejects(get("/x"), { code: "odd" });
});
