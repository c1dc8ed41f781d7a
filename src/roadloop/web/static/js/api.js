// @ts-check
/** The only module that talks to the server. Everything else takes data. */

import { noteCall } from "./calls.js";
import { at } from "./lib.js";
import { language } from "./preferences.js";

/** @typedef {Record<string, any>} Reply  The JSON of a successful answer. */

/** A failure that the server explained: what is wrong and what to do. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status; 0 when the server could not be reached.
   * @param {string} code Stable code, for example `not_found`.
   * @param {string} message In the language of the page.
   * @param {Record<string, any>} details
   */
  constructor(status, code, message, details) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** Whether the same request may succeed later by itself. */
  get passing() {
    return this.status === 0 || this.status >= 500;
  }
}

/**
 * Read. @param {string} path @param {Record<string, any>} [parameters] @param {AbortSignal} [signal]
 * @returns {Promise<Reply>}
 */
export function get(path, parameters = {}, signal) {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  noteCall("GET", path, Object.fromEntries(given));
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return send(query ? `${path}?${query}` : path, { signal });
}

/**
 * Read through one of the documented POSTs. @param {string} path @param {Record<string, any>} [body]
 * @param {AbortSignal} [signal] @returns {Promise<Reply>}
 */
export function query(path, body = {}, signal) {
  noteCall("POST", path, body);
  return send(path, { ...asJson(body), signal });
}

/** Keys of requests whose outcome is unknown: asking again with the same key does nothing twice. */
const unsettled = new Map();

/**
 * Do something. Should the answer get lost, the same call again carries the same Idempotency-Key.
 * @param {string} path @param {Record<string, any>} [body] @returns {Promise<Reply>}
 */
export async function act(path, body = {}) {
  noteCall("POST", path, body);
  const options = asJson(body);
  const what = `${path} ${options.body}`;
  const key = unsettled.get(what) ?? newKey();
  unsettled.set(what, key);
  try {
    const reply = await send(path, { ...options, headers: { ...options.headers, "Idempotency-Key": key } });
    unsettled.delete(what);
    return reply;
  } catch (error) {
    if (error instanceof ApiError && !error.passing) unsettled.delete(what);
    throw error;
  }
}

/**
 * Do something with a password or a token: nothing of it is kept for the calls behind the page, and nothing repeated.
 * @param {string} path @param {Record<string, any>} [body] @returns {Promise<Reply>}
 */
export const secretly = (path, body = {}) => send(path, asJson(body));

/** @type {() => void} */
let logInNeeded = () => undefined;

/** Called when the server says that somebody has to log in. @param {() => void} listener */
export const onLogInNeeded = (listener) => void (logInNeeded = listener);

/** @param {Record<string, any>} body */
const asJson = (body) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Wait for the end of a job; an error says why it did not succeed. @param {string} task */
export async function ended(task) {
  for (;;) {
    const job = await get("/v1/jobs", { task_id: task }).then(
      (reply) => reply.data,
      (error) => {
        if (error instanceof ApiError && error.passing) return undefined;
        throw error;
      },
    );
    if (job?.state === "succeeded") return;
    if (job?.state === "failed" || job?.state === "cancelled")
      throw new ApiError(422, job.error ?? "job_failed", job.reason ?? job.status, { task_id: task });
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}

/** What every request of tus carries. */
const TUS = { "Tus-Resumable": "1.0.0" };

/**
 * Begin to send a file. @param {number} length Bytes. @param {Record<string, string>} said What it is called.
 * @returns {Promise<string>} Its address.
 */
export async function beginUpload(length, said) {
  const metadata = Object.entries(said).map(([name, value]) => `${name} ${base64(value)}`);
  const headers = { ...TUS, "Upload-Length": String(length), "Upload-Metadata": metadata.join(",") };
  return (await request("/v1/uploads", { method: "POST", headers })).headers.get("Location") ?? "";
}

/** Send bytes of it. @param {string} address @param {number} offset @param {Blob} piece @param {AbortSignal} signal */
export function sendBytes(address, offset, piece, signal) {
  const headers = { ...TUS, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
  return request(address, { method: "PATCH", headers, body: piece, signal });
}

/** @param {string} address */
export const removeUpload = (address) => request(address, { method: "DELETE", headers: TUS });

/** UTF-8 in base64. @param {string} text */
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** @param {string} path @param {RequestInit} options @returns {Promise<Reply>} */
async function send(path, options) {
  const response = await request(path, options);
  const reply = await response.json().catch(() => null);
  if (reply !== null && (reply.errno === 1 || !("errno" in reply))) return reply;
  throw failureOf(response.status, reply);
}

/** @param {number} status @param {any} reply The body of a failure; null when it cannot be read. */
const failureOf = (status, reply) =>
  reply === null || reply.errno !== 0
    ? unreadable(status)
    : new ApiError(status, reply.error, reply.message, reply.details ?? {});

/** A successful answer. @param {string} path @param {RequestInit} options @returns {Promise<Response>} */
async function request(path, options) {
  const headers = { Accept: "application/json", "Accept-Language": language(), ...options.headers };
  let response;
  try {
    response = await fetch(at(path), { ...options, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
  if (response.ok) return response;
  if (response.status === 401) logInNeeded();
  throw failureOf(response.status, await response.json().catch(() => null));
}

function unreachable() {
  const zh = "连不上服务。请确认 roadloop serve 正在运行；已提交的任务不受影响。";
  const en = "The server cannot be reached. Is roadloop serve running? Jobs that were started are not affected.";
  return new ApiError(0, "unreachable", language() === "zh" ? zh : en, {});
}

/** @param {number} status */
function unreadable(status) {
  const zh = `服务的回答无法读取（HTTP ${status}）。`;
  const en = `The server's answer cannot be read (HTTP ${status}).`;
  return new ApiError(status, "unreadable", language() === "zh" ? zh : en, {});
}
