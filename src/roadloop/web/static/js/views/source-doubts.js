// @ts-check
/** Likely label errors side by side, and the way of their pictures to annotators. */

import { count, percent, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { pathOf } from "../source-path.js";
import { Labelled } from "./source-pictures.js";
import { Rework } from "./source-rework.js";

/** @param {{set: any, noise: any[]}} props */
export function Doubts({ set, noise }) {
  const [chosen, setChosen] = useState(/** @type {string[]} */ ([]));
  /** @param {string} picture */
  const toggle = (picture) =>
    setChosen(chosen.includes(picture) ? chosen.filter((one) => one !== picture) : [...chosen, picture]);
  return html`
    <div class="stack">
      <p class="small quiet">
        ${t(
          "左边是照片，右边叠加了标注；勾选要重新标注的图片，它们会成为一个任务包。",
          "The photograph, and with its label laid over. Tick what is to be labelled again: it becomes a package.",
        )}
      </p>
      <div class="compare">
        ${noise.map(
          (one) => html`
            <${Doubtful} key=${`${one.picture} ${one.x} ${one.y}`} set=${set} of=${one}
              chosen=${chosen.includes(one.picture)} choose=${() => toggle(one.picture)} />
          `,
        )}
      </div>
      ${chosen.length > 0 && html`<${Rework} calls="/v1/sources/{name}/rework" set=${set} pictures=${chosen} />`}
    </div>
  `;
}

/** A picture of a set by its key. @param {string} set @param {string} key `<package>/<name>` */
export function pictureOf(set, key) {
  const [folder, ...name] = key.split("/");
  const at = `${pathOf(set)}/pictures/${encodeURIComponent(folder)}/${encodeURIComponent(name.join("/"))}`;
  return { name: key, image_url: `${at}/image`, label_url: `${at}/label` };
}

/**
 * The photograph and its label, the doubtful piece framed in both.
 * @param {{set: any, of: any, chosen: boolean, choose: () => void}} props
 */
function Doubtful({ set, of, chosen, choose }) {
  const [size, setSize] = useState(/** @type {[number, number] | undefined} */ (undefined));
  const picture = pictureOf(set.name, of.picture);
  const frame = size && {
    left: `${(100 * of.x) / size[0]}%`,
    top: `${(100 * of.y) / size[1]}%`,
    width: `${(100 * of.width) / size[0]}%`,
    height: `${(100 * of.height) / size[1]}%`,
  };
  const box = frame && html`<span class="piece" style=${frame}></span>`;
  /** @param {any} event */
  const loaded = (event) => setSize([event.target.naturalWidth, event.target.naturalHeight]);
  return html`
    <figure>
      <div class="side" onLoadCapture=${loaded}>
        <${Labelled} picture=${picture} opacity=${0}>${box}<//>
        <${Labelled} picture=${picture} opacity=${0.7}>${box}<//>
      </div>
      <figcaption class="small wrap">
        <label class="check">
          <input type="checkbox" checked=${chosen} onChange=${choose} />
          <span class="mono">${of.picture}</span>
        </label>
        ${t(
          `标注 ${of.labelled_zh || of.labelled}，模型认为 ${of.predicted_zh || of.predicted}`,
          `labelled ${of.labelled_en || of.labelled}, the model says ${of.predicted_en || of.predicted}`,
        )} · ${percent(of.confidence)} · ${count(of.pixels)} px
      </figcaption>
    </figure>
  `;
}
