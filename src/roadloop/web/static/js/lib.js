// @ts-check
/** The one door to the vendored libraries. Everything on the page is drawn through `html`, which escapes text. */

import htm from "../vendor/htm-3.1.1.js";
import { h, render } from "../vendor/preact-11.2.0.js";

export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-hooks-11.2.0.js";
export { render };

/** Where the server's paths begin for this browser: `/`, or the path below which a proxy shows them. */
export const BASE = new URL(".", document.baseURI).pathname;

/** An address of the server, as this browser reaches it. @param {string} path */
export const at = (path) => (path.startsWith("/") ? BASE + path.slice(1) : path);

/** @type {(props: any) => unknown} */
let out = () => false;

/** What is not drawn at all, by its properties. @param {(props: any) => unknown} which */
export const leaveOut = (which) => void (out = which);

/** @param {any} type @param {any} props @param {any[]} children */
function element(type, props, ...children) {
  if (props && out(props)) return null;
  return h(type, typeof type === "string" ? reached(props) : props, ...children);
}

/** @param {any} given `calls`: the call that it makes, for `leaveOut`. */
function reached(given) {
  const { calls: _calls, ...props } = given ?? {};
  if (typeof props?.src === "string") return { ...props, src: at(props.src) };
  return typeof props?.href === "string" ? { ...props, href: at(props.href) } : props;
}

export const html = htm.bind(element);

/** @typedef {import("../vendor/preact-11.2.0.js").Child} Child */
