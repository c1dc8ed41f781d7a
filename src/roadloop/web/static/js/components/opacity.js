// @ts-check
/** How much of a label is seen over its picture. */

import { t } from "../i18n.js";
import { html } from "../lib.js";

/** @param {{value: number, set: (value: number) => void}} props  0 to 1. */
export const Opacity = ({ value, set }) => html`
  <label class="row slider">
    ${t("标注不透明度", "Label opacity")}
    <input type="range" min="0" max="1" step="0.01" value=${value}
      onInput=${(/** @type {any} */ e) => set(Number(e.target.value))} />
    <output class="num">${Math.round(value * 100)} %</output>
  </label>
`;
