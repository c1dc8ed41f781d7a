import assert from "node:assert/strict";
import test from "node:test";
import { PAGE } from "./browser.mjs";

const { fingerprintOf, tarOf } = await import(`${PAGE}/tar.js`);

/** A file as a browser has it. */
const named = (path, text, lastModified = 1) => ({ path, file: new File([text], "f", { lastModified }) });

const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());
const ascii = (bytes) => new TextDecoder().decode(bytes).replaceAll("\0", "");

test("tarOf: header, file, padding, and two empty blocks at the end", async () => {
  const bytes = await bytesOf(tarOf([named("a/b.txt", "hello")]));
  assert.equal(bytes.length, 512 * 4);
  assert.equal(ascii(bytes.slice(0, 100)), "a/b.txt");
  assert.equal(ascii(bytes.slice(124, 136)), "00000000005");
  assert.equal(ascii(bytes.slice(257, 265)), "ustar00");
  const sum = bytes.slice(0, 512).reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  assert.equal(Number.parseInt(ascii(bytes.slice(148, 154)), 8), sum);
  assert.equal(ascii(bytes.slice(512, 1024)), "hello");
});

test("tarOf: what is not plain ASCII, or long, stands in a record before the header", async () => {
  const path = "路".repeat(60);
  const bytes = await bytesOf(tarOf([named(path, "")]));
  assert.equal(String.fromCharCode(bytes[156]), "x");
  const record = ascii(bytes.slice(512, 1024)).split("\n")[0];
  assert.equal(record, `190 path=${path}`); // three digits, a space, `path=`, 180 bytes, a line feed
  assert.equal(String.fromCharCode(bytes[1024 + 156]), "0");
});

test("fingerprintOf: the same for the same files, another for another name, size or time", () => {
  const first = fingerprintOf([named("a", "1"), named("b", "2")]);
  assert.equal(first, fingerprintOf([named("a", "1"), named("b", "2")]));
  const others = [
    [named("a", "1"), named("c", "2")],
    [named("a", "1"), named("b", "22")],
    [named("a", "1"), named("b", "2", 2)],
    [named("a", "1")],
  ];
  assert.equal(new Set([first, ...others.map(fingerprintOf)]).size, 5);
});
