// @ts-check
/** Lists of names in one text with commas between them, as the server reads and writes them (lists.py). */

const NAME = /\s*(?:"((?:[^"]|"")*)"|([^,，]*))\s*(?:[,，]|$)/g;

/** A name as a list wants it: quoted where it holds a comma. @param {string} name */
export const listed = (name) => (/[,，]|^"/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);

/** The names of a list. @param {string} text */
export const namesIn = (text) =>
  [...text.matchAll(NAME)].map((found) => found[1]?.replaceAll('""', '"') ?? found[2].trim()).filter(Boolean);
