// @ts-check
/** The one door to the vendored libraries. Everything on the page is drawn through `html`, which escapes text. */

import htm from "../vendor/htm-3.1.1.js";
import { h, render } from "../vendor/preact-11.2.0.js";

export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-hooks-11.2.0.js";
export { render };

export const html = htm.bind(h);

/** @typedef {import("../vendor/preact-11.2.0.js").Child} Child */
