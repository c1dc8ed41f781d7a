// @ts-check
/** Where the API has a source set. */

/** @param {string} name */
export const pathOf = (name) => `/v1/sources/${encodeURIComponent(name)}`;
