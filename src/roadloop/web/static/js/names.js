// @ts-check
/** Names of things seen so far, so that the way to here reads as names, not as ids. */

import { useHeard } from "./heard.js";

/** @type {Map<string, string>} */
const names = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();

/** Remember what a thing is called. @param {string} id @param {string} name */
export function learnName(id, name) {
  if (names.get(id) === name) return;
  names.set(id, name);
  queueMicrotask(() => listeners.forEach((listener) => listener()));
}

/** What a thing is called; the beginning of its id until that is known. @param {string | undefined} id */
export function useName(id) {
  useHeard(listeners);
  return id === undefined ? "" : (names.get(id) ?? id.slice(0, 8));
}
