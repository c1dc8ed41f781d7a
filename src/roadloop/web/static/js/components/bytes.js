// @ts-check
/** Sizes for people. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes with a unit in which they are short. @param {number | null | undefined} size */
export function bytes(size) {
  if (size == null) return "–";
  const power = size < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(size) / 10));
  const value = size / 1024 ** power;
  return `${power && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`;
}
