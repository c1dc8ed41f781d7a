// @ts-check
/** Words in two languages, side by side where they are used, and how numbers and times are written. */

import { language } from "./preferences.js";

/**
 * The text for the language in use.
 * @template T
 * @param {T} zh
 * @param {T} en
 */
export const t = (zh, en) => (language() === "zh" ? zh : en);

/** A whole number with separators. @param {number | null | undefined} value */
export const count = (value) => (value == null ? "–" : Math.round(value).toLocaleString("en-US"));

/**
 * A number of things in English: `1 picture is`, `1,234 pictures are`.
 * @param {number | null | undefined} number
 * @param {string} one What one is called, with its verb.
 * @param {string} [more] What several are called, where that is not `one` with an s.
 */
export const many = (number, one, more = `${one}s`) => `${count(number)} ${things(number, one, more)}`;

/**
 * The word of `many` alone, where the number stands elsewhere.
 * @param {number | null | undefined} number @param {string} one @param {string} [more]
 */
export const things = (number, one, more = `${one}s`) => (number === 1 ? one : more);

/**
 * A share 0..1 as percent.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
export const percent = (value, digits = 1) => (value == null ? "–" : `${(value * 100).toFixed(digits)} %`);

/** A score 0..1. @param {number | null | undefined} value */
export const score = (value) => (value == null ? "–" : value.toFixed(3));

/** A number at an axis, with the digits that tell it from the next one. @param {number} value @param {number} step */
export const mark = (value, step) =>
  value.toLocaleString("en-US", { maximumFractionDigits: Math.max(0, 1 - Math.floor(Math.log10(step))) });

/** A share of pixels, with more digits the rarer it is. @param {number} value */
export function share(value) {
  if (value === 0) return "0";
  if (value < 0.0001) return "< 0.01 %";
  return percent(value, value < 0.01 ? 2 : 1);
}

/** Seconds as words: 8 s, 3 min, 2 h 5 min. @param {number} seconds */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return t(`${s} 秒`, `${s} s`);
  const minutes = Math.round(s / 60);
  if (minutes < 60) return t(`${minutes} 分钟`, `${minutes} min`);
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return t(`${hours} 小时 ${minutes % 60} 分`, `${hours} h ${minutes % 60} min`);
  return t(`${Math.round(hours / 24)} 天`, `${Math.round(hours / 24)} days`);
}

/** Seconds that the server's wall clock is ahead of this browser's, time zone included; see `setServerNow`. */
let ahead = 0;

/** Learn the server's clock from its own text. @param {string} text */
export function setServerNow(text) {
  ahead = (parse(text) - Date.now()) / 1000;
}

/** The server's `YYYY-MM-DD HH:MM:SS` as milliseconds of this browser's calendar. @param {string} text */
const parse = (text) => new Date(text.replace(" ", "T")).getTime();

/**
 * Seconds between two of the server's times; without an end: until now.
 * @param {string} start
 * @param {string | null} [end]
 */
export function seconds(start, end) {
  return end ? (parse(end) - parse(start)) / 1000 : Date.now() / 1000 + ahead - parse(start) / 1000;
}

/** How long ago, in words. @param {string} text */
export function ago(text) {
  const passed = seconds(text);
  if (passed < 45) return t("刚刚", "just now");
  if (passed < 48 * 3600) return t(`${duration(passed)}前`, `${duration(passed)} ago`);
  return text.slice(0, 16);
}
