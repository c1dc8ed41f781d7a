// @ts-check
/** How far two scores are apart. */

import { html } from "../lib.js";

/** A difference of scores below which two models are the same, to the digits that are shown. */
const SAME = 0.0005;

/**
 * How much better or worse a score is; by sign and arrow, not by colour alone.
 * @param {{value: any, from: any}} props
 */
export function Difference({ value, from }) {
  if (value == null || from == null) return html`<span class="faint">–</span>`;
  const change = value - from;
  if (Math.abs(change) < SAME) return html`<span class="difference faint">±0.000</span>`;
  const [mark, kind] = change > 0 ? ["▲", "better"] : ["▼", "bad"];
  return html`
    <span class=${`difference nowrap ${kind}`}>
      <span aria-hidden="true">${mark}</span> ${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(3)}
    </span>
  `;
}
