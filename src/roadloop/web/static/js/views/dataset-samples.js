// @ts-check
/** Sample pictures of a dataset with their labels laid over them. */

import { Empty } from "../components/layout.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";

/** @typedef {{index: number, name: string, track: string, image_url: string, label_url: string}} Picture */

/** @param {{pictures: Record<string, Picture[]>}} props */
export function Samples({ pictures }) {
  const splits = Object.keys(pictures).filter((split) => pictures[split].length > 0);
  const [split, setSplit] = useState(splits[0]);
  const [opacity, setOpacity] = useState(0.55);
  if (splits.length === 0) return html`<${Empty}>${t("没有图片。", "No pictures.")}<//>`;
  return html`
    <div class="row samples-head">
      <div class="segmented" role="group" aria-label=${t("划分", "Split")}>
        ${splits.map(
          (name) =>
            html`
              <button type="button" aria-pressed=${String(name === split)} onClick=${() => setSplit(name)}>
                ${name}
              </button>
            `,
        )}
      </div>
      <label class="row slider">
        ${t("标注不透明度", "Label opacity")}
        <input type="range" min="0" max="1" step="0.01" value=${opacity}
          onInput=${(/** @type {any} */ e) => setOpacity(Number(e.target.value))} />
        <output class="num">${Math.round(opacity * 100)} %</output>
      </label>
    </div>
    <div class="samples">
      ${pictures[split].map(
        (picture) => html`
          <figure key=${picture.image_url}>
            <a class="stacked" href=${picture.image_url} target="_blank" rel="noreferrer">
              <img src=${picture.image_url} alt=${picture.name} loading="lazy" />
              <img class="label" src=${picture.label_url} alt="" loading="lazy" style=${{ opacity: String(opacity) }} />
            </a>
            <figcaption class="small wrap">
              ${picture.name}
              <div class="faint">${t("轨迹", "track")} ${picture.track}</div>
            </figcaption>
          </figure>
        `,
      )}
    </div>
  `;
}
