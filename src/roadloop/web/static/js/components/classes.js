// @ts-check
/** Classes: their colour and their name in the language in use. */

import { html } from "../lib.js";
import { language } from "../preferences.js";

/** @typedef {{name_en: string, name_zh: string, color: number[]}} Named */

/** @param {{name_en: string, name_zh: string}} named */
export const className = (named) =>
  language() === "zh" ? named.name_zh || named.name_en : named.name_en || named.name_zh;

/** A model's name without its task's, when its file repeats that. @param {string} name `<source>/<file>` */
export function shortModel(name) {
  const [source, file] = [name.slice(0, name.lastIndexOf("/")), name.slice(name.lastIndexOf("/") + 1)];
  return file.startsWith(source) ? file : name;
}

/** @param {number[]} color */
const css = (color) => `rgb(${color.join(" ")})`;

/** @param {{color: number[] | undefined}} props */
export const Swatch = ({ color }) =>
  html`<span class="swatch" style=${{ background: color ? css(color) : "transparent" }}></span>`;

/** @param {{of: Named}} props */
export const ClassName = ({ of }) => html`
  <span class="class-name" title=${`${of.name_zh} · ${of.name_en}`}>
    <${Swatch} color=${of.color} />
    ${className(of)}
  </span>
`;

/**
 * A share as a bar beside its number.
 * @param {{value: number | null | undefined, text: string, most?: number}} props
 */
export const Meter = ({ value, text, most = 1 }) => html`
  <span class="meter">
    <span class="track"><span style=${{ width: `${Math.min(100, ((value ?? 0) / most) * 100)}%` }}></span></span>
    <span class="reading">${text}</span>
  </span>
`;
