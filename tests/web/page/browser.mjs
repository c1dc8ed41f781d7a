/** The little of a browser that the page's pure modules touch when they are loaded. */

globalThis.document = { documentElement: { lang: "en", dataset: {} }, hidden: false, baseURI: "http://127.0.0.1/" };
globalThis.location = { hash: "" };
globalThis.window = globalThis;

export const PAGE = "../../../src/roadloop/web/static/js";
