// @ts-check
/**
 * A folder as one file that is never there as a whole: a tar (POSIX.1-2001) whose parts are headers and the files
 * themselves, which the browser reads when a slice of it is sent.
 */

const BLOCK = 512;
const MOST_PLAIN = 8 ** 11 - 1; // bytes that fit the header's own field
const text = new TextEncoder();

/** @typedef {{path: string, file: File}} Named A file, and its path with `/`. */

/** @param {Named[]} files @returns {Blob} */
export function tarOf(files) {
  /** @type {BlobPart[]} */
  const parts = [];
  for (const { path, file } of files) {
    parts.push(headerOf(path, file.size), file, new Uint8Array(padding(file.size)));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts);
}

/** @param {number} size */
const padding = (size) => (BLOCK - (size % BLOCK)) % BLOCK;

/**
 * The header of a file; what does not fit its fields stands in records before it.
 * @param {string} path @param {number} size
 */
function headerOf(path, size) {
  const name = text.encode(path);
  const plain = name.length <= 100 && name.every((byte) => byte < 128) && size <= MOST_PLAIN;
  if (plain) return block(name, size, "0");
  const records = text.encode(record("path", path) + record("size", String(size)));
  const head = block(text.encode("records"), records.length, "x");
  const rest = new Uint8Array(padding(records.length));
  return join([head, records, rest, block(name.slice(0, 100), Math.min(size, MOST_PLAIN), "0")]);
}

/** `<length> <key>=<value>\n`, the length counting itself. @param {string} key @param {string} value */
function record(key, value) {
  const rest = text.encode(` ${key}=${value}\n`).length;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}

/** @param {Uint8Array} name @param {number} size @param {string} kind */
function block(name, size, kind) {
  const bytes = new Uint8Array(BLOCK);
  bytes.set(name);
  /** @param {number} at @param {string} value */
  const put = (at, value) => bytes.set(text.encode(value), at);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${size.toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(148, "        ");
  put(156, kind);
  put(257, "ustar\0" + "00");
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return bytes;
}

/** @param {Uint8Array[]} parts */
function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** By what a sender knows the same files again: names, sizes and times. @param {Named[]} files */
export function fingerprintOf(files) {
  // cyrb53 (public domain), which needs no secure context, as `crypto.subtle` does
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (const { path, file } of files) {
    for (const byte of text.encode(`${path}\0${file.size}\0${file.lastModified}\0`)) {
      a = Math.imul(a ^ byte, 2654435761);
      b = Math.imul(b ^ byte, 1597334677);
    }
  }
  return [a, b, files.length].map((part) => (part >>> 0).toString(16)).join("-");
}
