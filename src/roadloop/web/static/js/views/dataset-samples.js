// @ts-check
/** Sample pictures of a dataset with their labels laid over them; each opens in the viewer. */

import { Empty } from "../components/layout.js";
import { Opacity } from "../components/opacity.js";
import { Viewer } from "../components/viewer.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { setQuery, to, useReturn } from "../router.js";

/**
 * @typedef {{index: number, name: string, track: string, width: number, height: number, image_url: string,
 *   label_url: string}} Picture
 */

/** @param {{task: string, info: any, query: Record<string, string>}} props `query`: `s` split, `i` picture in it. */
export function Samples({ task, info, query }) {
  const pictures = /** @type {Record<string, Picture[]>} */ (info.pictures);
  const splits = Object.keys(pictures).filter((split) => pictures[split].length > 0);
  const split = splits.includes(query.s) ? query.s : splits[0];
  if (splits.length === 0) return html`<${Empty}>${t("没有图片。", "No pictures.")}<//>`;
  const number = pictures[split].findIndex((picture) => String(picture.index) === query.i);
  if (number >= 0) return html`<${One} task=${task} info=${info} split=${split} number=${number} />`;
  return html`<${Grid} task=${task} splits=${splits} split=${split} pictures=${pictures[split]} />`;
}

/** @param {string} task @param {string} split @param {number} [index] */
const place = (task, split, index) =>
  `${to("datasets", task)}?tab=pictures&s=${split}${index === undefined ? "" : `&i=${index}`}`;

/** @param {{task: string, splits: string[], split: string, pictures: Picture[]}} props */
function Grid({ task, splits, split, pictures }) {
  const [opacity, setOpacity] = useState(0.55);
  useReturn(true);
  return html`
    <div class="row samples-head">
      <div class="segmented" role="group" aria-label=${t("划分", "Split")}>
        ${splits.map(
          (name) =>
            html`
              <button type="button" aria-pressed=${String(name === split)} onClick=${() => setQuery({ s: name })}>
                ${name}
              </button>
            `,
        )}
      </div>
      <${Opacity} value=${opacity} set=${setOpacity} />
    </div>
    <div class="samples">
      ${pictures.map(
        (picture) => html`
          <figure key=${picture.image_url}>
            <a class="stacked" href=${place(task, split, picture.index)}>
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

/** @param {{task: string, info: any, split: string, number: number}} props `number`: its place in the list. */
function One({ task, info, split, number }) {
  const pictures = /** @type {Picture[]} */ (info.pictures[split]);
  const picture = pictures[number];
  const [before, after] = [pictures[number - 1], pictures[number + 1]];
  const near = [after, before].flatMap((one) => (one ? [shownOf(info, one)] : []));
  /** @param {Picture | undefined} one */
  const show = (one) => one && setQuery({ i: String(one.index) });
  const title = html`
    <div class="row viewer-name">
      <b class="wrap">${picture.name}</b>
      <span class="quiet wrap">
        ${split} · ${t("轨迹", "track")} ${picture.track} · ${picture.width} × ${picture.height}
      </span>
    </div>
  `;
  const bar = html`
    <a class="button" href=${place(task, split)}>${t("全部样例", "All samples")}</a>
    <button type="button" class="button" disabled=${!before} aria-keyshortcuts="ArrowLeft"
      aria-label=${t("上一张", "Previous picture")} onClick=${() => show(before)}>‹</button>
    <button type="button" class="button" disabled=${!after} aria-keyshortcuts="ArrowRight"
      aria-label=${t("下一张", "Next picture")} onClick=${() => show(after)}>›</button>
  `;
  return html`
    <${Viewer} shown=${shownOf(info, picture)} near=${near} title=${title} bar=${bar}
      keys=${{ ArrowLeft: () => show(before), ArrowRight: () => show(after) }}
      help=${[["← →", t("上一张、下一张", "previous, next picture")]]} />
  `;
}

/**
 * A sample as the viewer takes it; its classes are the raw ones that occur in the dataset.
 * @param {any} info @param {Picture} picture
 */
const shownOf = (info, picture) => ({
  key: picture.image_url,
  name: picture.name,
  width: picture.width,
  height: picture.height,
  image: picture.image_url,
  masks: [
    {
      key: "truth",
      digit: "2",
      name: t("标注", "Label"),
      url: picture.label_url,
      painted: true,
      classes: info.table.classes
        .filter((/** @type {any} */ one) => Object.keys(info.statistics).some((s) => info.statistics[s][one.raw_id]))
        .map((/** @type {any} */ one) => ({ ...one, train_id: one.raw_id })),
    },
  ],
});
