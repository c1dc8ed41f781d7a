// @ts-check
/** Text of the API description: paragraphs, and `code` between backticks. */

import { html } from "../lib.js";
import { language } from "../preferences.js";

const CHINESE = /[\u4e00-\u9fff]/;

/**
 * What the description says somewhere, in the language in use where it has that.
 * @param {any} of @param {"summary" | "description" | "name"} key @returns {string}
 */
export const said = (of, key) => (language() === "zh" ? (of[`x-${key}-zh`] ?? of[key]) : of[key]) ?? "";

/** @param {{text: string | undefined}} props */
export const Code = ({ text }) =>
  html`${(text ?? "").split("`").map((part, i) => (i % 2 ? html`<code>${part}</code>` : part))}`;

/** Paragraphs; their line breaks mean nothing. @param {{text: string, class?: string}} props */
export const Prose = ({ text, class: more = "" }) =>
  html`${paragraphs(text).map((paragraph) => html`<p class=${`prose ${more}`}><${Code} text=${paragraph} /></p>`)}`;

/**
 * Paragraphs in the language in use; all of them where the text has only one language.
 * @param {{text: string}} props
 */
export const InLanguage = ({ text }) => {
  const all = paragraphs(text);
  const mine = all.filter((paragraph) => CHINESE.test(paragraph) === (language() === "zh"));
  return html`<${Prose} text=${(mine.length ? mine : all).join("\n\n")} class="intro" />`;
};

/** @param {string} text */
const paragraphs = (text) =>
  text
    .split(/\n\s*\n/)
    .map((paragraph) =>
      paragraph.replace(/\s*\n\s*/g, (_, at) => (CHINESE.test(paragraph[at - 1] ?? "") ? "" : " ")).trim(),
    )
    .filter(Boolean);
