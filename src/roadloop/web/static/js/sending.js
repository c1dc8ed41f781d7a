// @ts-check
/** What this browser sends to the server: it goes on while one looks at other pages, and after a broken connection. */

import { act, ApiError, beginUpload, ended, get, removeUpload, sendBytes } from "./api.js";
import { t } from "./i18n.js";
import { useHeard } from "./heard.js";
import { fingerprintOf, tarOf } from "./tar.js";

/** @typedef {import("./tar.js").Named} Named */
/**
 * @typedef {object} Send
 * @property {number} key
 * @property {string} name The folder below imports/ to be.
 * @property {number} size Bytes in all.
 * @property {number} sent
 * @property {"sending" | "waiting" | "unpacking" | "done" | "failed"} state waiting: for the server.
 * @property {string} address Of the upload; empty before it has one.
 * @property {string} task The job that unpacks it.
 * @property {string} error
 * @property {AbortController} abort
 */

const PIECE = 4 * 2 ** 20;
const PAUSE = 2000;
const LEFT_OUT = new Set(["Thumbs.db", "desktop.ini"]);

/** @type {Send[]} */
const sends = [];
/** @type {Set<() => void>} */
const listeners = new Set();
let keys = 0;

const changed = () => listeners.forEach((listener) => listener());

/** What is being sent from here, or was; drawn again when it changes. */
export function useSends() {
  useHeard(listeners);
  return sends;
}

/**
 * Send files: one archive as it is, everything else as one folder.
 * @param {Named[]} files With paths as they were chosen or dropped. @param {string} [name] Of the folder to be.
 * @returns {Promise<Send | undefined>} When it has ended; undefined when there was nothing to send.
 */
export async function sendFiles(files, name) {
  const wanted = files.filter(({ path }) => !path.split("/").some((part) => part[0] === "." || LEFT_OUT.has(part)));
  if (wanted.length === 0) return undefined;
  wanted.sort((a, b) => (a.path < b.path ? -1 : 1));
  const packed = wanted.length === 1 && /\.(zip|tar)$/i.test(wanted[0].path);
  const blob = packed ? wanted[0].file : tarOf(wanted);
  /** @type {Send} */
  const one = {
    key: (keys += 1),
    name: name ?? nameOf(wanted[0].path),
    size: blob.size,
    sent: 0,
    state: "sending",
    address: "",
    task: "",
    error: "",
    abort: new AbortController(),
  };
  sends.unshift(one);
  changed();
  addEventListener("beforeunload", ask);
  try {
    await sendAll(one, blob, fingerprintOf(wanted));
    one.state = "unpacking";
    one.task = await unpack(one.address);
    changed();
    await ended(one.task);
    one.state = "done";
  } catch (error) {
    if (one.abort.signal.aborted) sends.splice(sends.indexOf(one), 1);
    one.state = "failed";
    one.error = error instanceof Error ? error.message : String(error);
  }
  if (!sends.some((other) => other.state === "sending" || other.state === "waiting")) {
    removeEventListener("beforeunload", ask);
  }
  changed();
  return one;
}

/** Stop sending, and remove what was sent. @param {Send} one */
export async function giveUp(one) {
  one.abort.abort();
  if (sends.includes(one)) sends.splice(sends.indexOf(one), 1);
  changed();
  if (one.address) await removeUpload(one.address).catch(() => {}); // a job unpacks it, or it is gone: both are listed
  changed();
}

/** @param {BeforeUnloadEvent} event */
const ask = (event) => event.preventDefault();

/** What the folder is called after what was dropped. @param {string} path */
const nameOf = (path) => path.split("/")[0].replace(/\.(zip|tar)$/i, "");

/** @param {Send} one @param {Blob} blob @param {string} fingerprint */
async function sendAll(one, blob, fingerprint) {
  let known = false;
  while (!known || one.sent < one.size) {
    try {
      if (!one.address) one.address = await addressOf(one, fingerprint);
      if (!known) {
        one.sent = (await get(one.address, {}, one.abort.signal)).data.offset;
        known = true;
      } else {
        const piece = await readPiece(blob, one.sent);
        await sendBytes(one.address, one.sent, piece, one.abort.signal);
        one.sent += piece.size;
      }
      one.state = "sending";
      one.error = "";
      changed();
    } catch (error) {
      const passing = error instanceof ApiError && (error.passing || (error.status === 409 && one.address !== ""));
      if (!passing) throw error;
      known = false;
      one.state = "waiting";
      one.error = error.message;
      changed();
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      one.abort.signal.throwIfAborted();
    }
  }
}

/**
 * Read before it is sent: what the browser cannot read any more is no failure of the server.
 * @param {Blob} blob @param {number} from
 */
async function readPiece(blob, from) {
  try {
    return new Blob([await blob.slice(from, from + PIECE).arrayBuffer()]);
  } catch {
    throw new Error(
      t(
        "有文件在上传期间被改动或移走；请重新选择。",
        "A file was changed or moved while it was sent; choose it again.",
      ),
    );
  }
}

/**
 * The upload of the same files that was cut off, or a new one; where the name is taken, with a number behind it.
 * @param {Send} one @param {string} fingerprint
 */
async function addressOf(one, fingerprint) {
  const { data } = await get("/v1/uploads", {}, one.abort.signal);
  const found = data.find((/** @type {any} */ row) => row.fingerprint === fingerprint);
  if (found) {
    one.name = found.name;
    return `/v1/uploads/${found.id}`;
  }
  const filename = one.name;
  for (let number = 2; ; number += 1) {
    try {
      return await beginUpload(one.size, { name: one.name, filename, fingerprint });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "name_taken" || number > 99) throw error;
      one.name = `${filename}-${number}`;
    }
  }
}

/** @param {string} address @returns {Promise<string>} The job. */
async function unpack(address) {
  try {
    return (await act(`${address}/unpack`)).data;
  } catch (error) {
    if (error instanceof ApiError && error.details.task_id) return error.details.task_id; // it was asked for already
    throw error;
  }
}

/** The files of something that was dropped, folders with all that is in them. @param {DataTransfer} transfer */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  /** @type {Named[]} */
  const files = [];
  for (const entry of entries) await collect(entry, files);
  return files;
}

/** @param {FileSystemEntry} entry @param {Named[]} files */
async function collect(entry, files) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) =>
      /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject),
    );
    files.push({ path: entry.fullPath.replace(/^\//, ""), file: /** @type {File} */ (file) });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
    if (some.length === 0) return;
    for (const inner of some) await collect(inner, files);
  }
}

/** The files of an input. @param {FileList} list @returns {Named[]} */
export const chosenFiles = (list) => [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
