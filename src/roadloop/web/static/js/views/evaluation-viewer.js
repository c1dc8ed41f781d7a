// @ts-check
/** The viewer: picture, truth and predictions side by side or laid over each other; keys for everything. */

import { query } from "../api.js";
import { className, shortModel, Swatch } from "../components/classes.js";
import { Failure, Loading } from "../components/layout.js";
import { MaskLayer, NOTHING, useMask } from "../components/mask.js";
import { count, score, t } from "../i18n.js";
import { html, useEffect, useState } from "../lib.js";
import { usePoll } from "../poll.js";

/**
 * @typedef {{key: string, name: any, note?: string, mask: import("../components/mask.js").Mask | undefined,
 *   classes: any[], predicted: boolean}} Layer
 */

/**
 * @param {{task: string, report: any, number: number, show: (number: number) => void}} props
 */
export function Viewer({ task, report, number, show }) {
  const { data, error, reload } = usePoll(
    (signal) => query("/show", { task_id: task, cur_img: number }, signal),
    [task, number],
  );
  const [look, setLook] = useState({
    mode: "side",
    layer: "1",
    opacity: 0.6,
    errors: false,
    hidden: /** @type {Set<number>} */ (new Set()),
  });
  const total = report.total_img;
  /** @param {Partial<typeof look>} part */
  const change = (part) => setLook((now) => ({ ...now, ...part }));
  useEffect(() => {
    const press = (/** @type {KeyboardEvent} */ e) => onKey(e, { number, total, show, look, change });
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
  return html`
    <div class="viewer">
      <div class="row viewer-bar">
        <button type="button" class="button" disabled=${number <= 1} title="←" onClick=${() => show(number - 1)}>
          ‹ ${t("上一张", "Previous")}
        </button>
        <label class="row tight">
          <input class="page-number num" type="number" min="1" max=${total} value=${number}
            aria-label=${t("第几张", "Picture number")}
            onChange=${(/** @type {any} */ e) => show(Math.min(total, Math.max(1, Number(e.target.value) || 1)))} />
          <span class="quiet">/ ${count(total)}</span>
        </label>
        <button type="button" class="button" disabled=${number >= total} title="→" onClick=${() => show(number + 1)}>
          ${t("下一张", "Next")} ›
        </button>
        <span class="bar-gap"></span>
        <div class="segmented" role="group" aria-label=${t("排列", "Arrangement")}>
          <button type="button" data-mode="side" aria-pressed=${String(look.mode === "side")}
            onClick=${() => change({ mode: "side" })}>
            ${t("并排", "Side by side")}
          </button>
          <button type="button" data-mode="over" aria-pressed=${String(look.mode === "over")}
            onClick=${() => change({ mode: "over" })}>
            ${t("叠加", "Overlay")}
          </button>
        </div>
        <label class="row slider">
          ${t("不透明度", "Opacity")}
          <input type="range" min="0" max="1" step="0.01" value=${look.opacity}
            onInput=${(/** @type {any} */ e) => change({ opacity: Number(e.target.value) })} />
          <output class="num">${Math.round(look.opacity * 100)} %</output>
        </label>
        ${
          data?.truth_url &&
          sameClasses(report) &&
          html`
            <label class="check">
              <input type="checkbox" checked=${look.errors} onChange=${() => change({ errors: !look.errors })} />
              ${t("只看错误", "Errors only")}
            </label>
          `
        }
        <span class="grow"></span>
        <span class="faint small">
          ${t("键：← → 翻页，[ ] 不透明度，o 排列，e 错误", "Keys: ← → pictures, [ ] opacity, o arrangement, e errors")}
        </span>
      </div>
      <${Failure} error=${error} retry=${reload} />
      ${
        !data
          ? !error && html`<${Loading} />`
          : html`<${Picture} shown=${data} report=${report} look=${look} change=${change} />`
      }
    </div>
  `;
}

/**
 * Keys, unless somebody is typing.
 * @param {KeyboardEvent} event
 * @param {{number: number, total: number, show: (n: number) => void, look: any, change: (part: any) => void}} viewer
 */
function onKey(event, { number, total, show, look, change }) {
  const target = /** @type {Element} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input:not([type=checkbox]), textarea, select"))
    return;
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowLeft: () => number > 1 && show(number - 1),
    ArrowRight: () => number < total && show(number + 1),
    "[": () => change({ opacity: Math.max(0, look.opacity - 0.1) }),
    "]": () => change({ opacity: Math.min(1, look.opacity + 0.1) }),
    o: () => change({ mode: look.mode === "side" ? "over" : "side" }),
    e: () => change({ errors: !look.errors }),
  };
  if (!(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
}

/** Whether all models speak of the same classes. @param {any} report */
function sameClasses(report) {
  const lists = report.models.map((/** @type {any} */ m) =>
    JSON.stringify(m.classes.map((/** @type {any} */ c) => [c.name_en, c.name_zh])),
  );
  return new Set(lists).size === 1;
}

/** @param {{shown: any, report: any, look: any, change: (part: any) => void}} props */
function Picture({ shown, report, look, change }) {
  const [at, setAt] = useState(/** @type {{x: number, y: number} | null} */ (null));
  const classes = report.models[0].classes;
  const truth = useMask(
    shown.truth_url,
    classes.map((/** @type {any} */ c) => c.color),
  );
  const layers = /** @type {Layer[]} */ ([
    ...(shown.truth_url ? [{ key: "truth", name: t("标注", "Truth"), mask: truth, classes, predicted: false }] : []),
    ...shown.la_data.map((/** @type {any} */ model, /** @type {number} */ k) => ({
      key: String(k + 1),
      name: shortModel(model.name),
      note: model.image_miou == null ? "" : `mIoU ${score(model.image_miou)}`,
      mask: useMask(model.id_url),
      classes: report.models[k].classes,
      predicted: true,
    })),
  ]);
  const chosen = layers.find((layer) => layer.key === look.layer) ?? layers[0];
  const panes = look.mode === "side" ? layers : [chosen];
  const pane = { shown, look, truth: look.errors ? truth : undefined, at, setAt };
  return html`
    <div class="row viewer-name">
      <b class="wrap">${shown.name}</b>
      <span class="faint">${shown.track} · ${shown.width} × ${shown.height}</span>
      ${
        look.mode === "over" &&
        html`
          <div class="segmented" role="group" aria-label=${t("图层", "Layer")}>
            ${layers.map(
              (layer) =>
                html`
                  <button type="button" aria-pressed=${String(layer === chosen)}
                    onClick=${() => change({ layer: layer.key })}>
                    ${layer.name}
                  </button>
                `,
            )}
          </div>
        `
      }
    </div>
    <div class=${`panes ${look.mode}`}>
      ${look.mode === "side" && html`<${Pane} ...${pane} name=${t("图片", "Picture")} />`}
      ${panes.map(
        (layer) => html`<${Pane} key=${layer.key} ...${pane} layer=${layer} name=${layer.name} note=${layer.note} />`,
      )}
    </div>
    <div class="under small">
      ${
        at
          ? html`
            <span class="faint mono">
              x ${at.x} y ${at.y}
            </span>${layers.map((layer) => html`<span>${layer.name}: <b>${classAt(layer, at)}</b></span>`)}
          `
          : html`
            <span class="faint">
              ${t("把鼠标移到图片上，看每一层的类别。", "Point at the picture to read each layer's class.")}
            </span>
          `
      }
    </div>
    <div class="legend">
      ${classes.map(
        (/** @type {any} */ c) => html`
          <button type="button" class="legend-item" aria-pressed=${String(!look.hidden.has(c.train_id))}
            onClick=${() => change({ hidden: toggled(look.hidden, c.train_id) })}>
            <${Swatch} color=${c.color} />${className(c)}
          </button>
        `,
      )}
      ${
        look.hidden.size > 0 &&
        html`
          <button type="button" class="button small-button" onClick=${() => change({ hidden: new Set() })}>
            ${t("全部显示", "Show all")}
          </button>
        `
      }
    </div>
  `;
}

/** @param {Set<number>} set @param {number} value */
function toggled(set, value) {
  const next = new Set(set);
  if (!next.delete(value)) next.add(value);
  return next;
}

/** @param {Layer} layer @param {{x: number, y: number}} at */
function classAt({ mask, classes }, at) {
  const id = mask ? mask.ids[at.y * mask.width + at.x] : NOTHING;
  const found = classes.find((c) => c.train_id === id);
  return found ? className(found) : t("忽略", "ignored");
}

/**
 * @param {{shown: any, look: any, truth?: any, at: any, setAt: (at: any) => void, layer?: Layer, name: any,
 *   note?: string}} props
 */
function Pane({ shown, look, truth, at, setAt, layer, name, note }) {
  /** @param {MouseEvent} event */
  const move = (event) => {
    const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    const inside = (/** @type {number} */ share, /** @type {number} */ size) =>
      Math.min(size - 1, Math.max(0, Math.floor(share * size)));
    setAt({
      x: inside((event.clientX - box.left) / box.width, shown.width),
      y: inside((event.clientY - box.top) / box.height, shown.height),
    });
  };
  return html`
    <figure class="pane">
      <figcaption class="row small">
        <b class="wrap">${name}</b>
        ${note && html`<span class="quiet">${note}</span>`}
      </figcaption>
      <div class="stacked" style=${{ aspectRatio: `${shown.width} / ${shown.height}` }} onMouseMove=${move}
        onMouseLeave=${() => setAt(null)}>
        <img src=${`data:image/jpeg;base64,${shown.or_data}`} alt=${shown.name} />
        ${
          layer &&
          html`
            <${MaskLayer} mask=${layer.mask} colors=${layer.classes.map((c) => c.color)} hidden=${look.hidden}
              truth=${layer.predicted ? truth : undefined} opacity=${look.opacity} />
          `
        }
        ${
          at &&
          html`
            <span class="spot"
              style=${{
                left: `${((at.x + 0.5) / shown.width) * 100}%`,
                top: `${((at.y + 0.5) / shown.height) * 100}%`,
              }}></span>
          `
        }
      </div>
    </figure>
  `;
}
