// @ts-check
/** The viewer: one picture with its masks, side by side, laid over each other or swiped; a key for everything. */

import { t } from "../i18n.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";
import { className, Swatch } from "./classes.js";
import { classPalette, confidencePalette, doubtPalette } from "./paint.js";
import { Stage } from "./stage.js";

/** @typedef {import("./stage.js").Shown} Shown */
/** @typedef {import("./stage.js").Mask} Mask */
/** @typedef {import("./stage.js").Class} Class */
/**
 * How one looks; the same for the next picture.
 * @typedef {object} Look
 * @property {"side" | "over" | "swipe"} mode
 * @property {Record<string, boolean>} on By arrangement and layer, where somebody chose.
 * @property {boolean} errors @property {boolean} confidence
 * @property {number} opacity
 * @property {number} swipe
 * @property {Set<string>} hidden Classes by their names.
 */
/** @typedef {{key: string, digit: string, name: string, short?: string, on: boolean, toggle: () => void}} Switch */

/** @type {Look} */
let kept = {
  ...{ mode: "side", on: {}, errors: false, confidence: false, opacity: 0.6, swipe: 0.5 },
  hidden: new Set(),
};
const MODES = /** @type {const} */ (["side", "over", "swipe"]);
const ZOOMS = [0.5, 1, 2, 4, 8, 16, 32];

/**
 * @param {{shown: Shown, near: Shown[], keys?: Record<string, () => void>, help?: [string, any][], title?: any,
 *   bar?: any, children?: any}} props
 *   `near`: pictures that may come next. `keys`: what else keys do, with `help` about them. `title` and `bar`
 *   stand above the picture, children below it.
 */
export function Viewer({ shown, near, keys = {}, help = [], title, bar, children }) {
  const [look, setLook] = useState(kept);
  const [zoom, setZoom] = useState({ zoom: 1, whole: true });
  const [full, setFull] = useState(false);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const control = useRef(/** @type {import("./stage.js").Control | null} */ (null));
  /** @param {Partial<Look>} part */
  const change = (part) => setLook((now) => (kept = { ...now, ...part }));
  const mode = look.mode === "swipe" && shown.masks.length < 2 ? "side" : look.mode;
  const switches = switchesOf(shown, { ...look, mode }, change);
  const on = new Set(switches.filter((one) => one.on).map((one) => one.key));
  const panes = panesOf(shown, { ...look, mode }, on);
  /** @param {Shown} one */
  const layersOf = (one) => panesOf(one, { ...look, mode }, on).flatMap((pane) => pane.layers);
  useFull(box, full);
  /** @type {Record<string, () => void>} */
  const own = {
    ...keys,
    ...Object.fromEntries(switches.map((one) => [one.digit, one.toggle])),
    "[": () => change({ opacity: Math.max(0, Math.round(look.opacity * 10 - 1) / 10) }),
    "]": () => change({ opacity: Math.min(1, Math.round(look.opacity * 10 + 1) / 10) }),
    o: () => change({ mode: MODES[(MODES.indexOf(mode) + 1) % (shown.masks.length < 2 ? 2 : 3)] }),
    f: () => setFull(!full),
    ...(full ? { Escape: () => setFull(false) } : {}),
    0: () => control.current?.fit(),
    "+": () => control.current?.zoomBy(1.5),
    "=": () => control.current?.zoomBy(1.5),
    "-": () => control.current?.zoomBy(1 / 1.5),
    c: () => control.current?.say(),
    "Shift+ArrowLeft": () => control.current?.pan(-0.2, 0),
    "Shift+ArrowRight": () => control.current?.pan(0.2, 0),
    "Shift+ArrowUp": () => control.current?.pan(0, -0.2),
    "Shift+ArrowDown": () => control.current?.pan(0, 0.2),
  };
  useKeys(own);
  const classes = unique(shown.masks.flatMap((mask) => mask.classes));
  return html`
    <section class=${`viewer ${full ? "full" : ""} ${shown.masks.length ? "" : "bare"}`} ref=${box}
      aria-label=${t("看图", "Viewer")}>
      ${title}
      <div class="row viewer-bar">
        ${bar}
        <div class="segmented" role="group" aria-label=${t("图层", "Layers")}>
          ${switches.map(
            (one) => html`
              <button type="button" data-layer=${one.key} aria-pressed=${String(one.on)} title=${one.name}
                aria-keyshortcuts=${one.digit} onClick=${one.toggle}>
                <kbd>${one.digit}</kbd>${one.short ?? one.name}
              </button>
            `,
          )}
        </div>
        <div class="segmented" role="group" aria-label=${t("排列", "Arrangement")}>
          ${MODES.filter((name) => name !== "swipe" || shown.masks.length > 1).map(
            (name) => html`
              <button type="button" data-mode=${name} aria-pressed=${String(mode === name)}
                onClick=${() => change({ mode: name })}>
                ${MODE_NAMES()[name]}
              </button>
            `,
          )}
        </div>
        <label class="row tight">
          <span class="small">${t("缩放", "Zoom")}</span>
          <select class="zoom" aria-label=${t("缩放", "Zoom")} value=${zoom.whole ? "fit" : String(zoom.zoom)}
            onChange=${(/** @type {any} */ event) => {
              const { value } = event.target;
              if (value === "fit") control.current?.fit();
              else control.current?.zoomTo(Number(value));
              letGo(event.target);
            }}>
            <option value="fit">${t("适合窗口", "Fit")} ${zoom.whole ? `${percent(zoom.zoom)}` : ""}</option>
            ${(zoom.whole || ZOOMS.includes(zoom.zoom) ? ZOOMS : [...ZOOMS, zoom.zoom].sort((a, b) => a - b)).map(
              (value) => html`<option value=${String(value)}>${percent(value)}</option>`,
            )}
          </select>
        </label>
        <label class="row slider">
          <span class="small">${t("不透明度", "Opacity")}</span>
          <input type="range" min="0" max="1" step="0.01" value=${look.opacity}
            onInput=${(/** @type {any} */ e) => change({ opacity: Number(e.target.value) })} />
          <output class="num">${Math.round(look.opacity * 100)} %</output>
        </label>
        <button type="button" class="button" data-full aria-pressed=${String(full)} aria-keyshortcuts="f"
          onClick=${() => setFull(!full)}>
          ${full ? t("退出全窗口", "Leave full window") : t("全窗口", "Full window")}
        </button>
        <${Help} of=${help} />
      </div>
      <${Stage} shown=${shown} near=${near} layersOf=${layersOf} panes=${panes}
        swipe=${mode === "swipe" ? look.swipe : null} opacity=${look.opacity} control=${control}
        setSwipe=${(/** @type {number} */ at) => change({ swipe: at })}
        zoomed=${(/** @type {number} */ value, /** @type {boolean} */ whole) => setZoom({ zoom: value, whole })} />
      ${children}
      <div class="legend" role="group" aria-label=${t("显示的类别", "Classes shown")}>
        ${
          look.confidence &&
          html`<span class="ramp small">100 %<span aria-hidden="true"></span>0 % ${t("置信度", "confidence")}</span>`
        }
        ${shown.masks
          .filter((mask) => mask.doubt)
          .map((mask) => html`<span class="ramp small">0 %<span aria-hidden="true"></span>100 % ${mask.name}</span>`)}
        ${classes.map(
          (one) => html`
            <button type="button" class="legend-item" aria-pressed=${String(!look.hidden.has(nameOf(one)))}
              onClick=${() => change({ hidden: toggled(look.hidden, nameOf(one)) })}>
              <${Swatch} color=${one.color} />${className(one)}
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
    </section>
  `;
}

/**
 * After a choice by mouse the keys are the viewer's again; who chooses by keys stays where he is.
 * @param {HTMLElement} list
 */
export function letGo(list) {
  if (!list.matches(":focus-visible")) list.blur();
}

const MODE_NAMES = () => ({
  side: t("并排", "Side by side"),
  over: t("叠加", "Overlay"),
  swipe: t("卷帘", "Swipe"),
});

/** @param {number} zoom */
const percent = (zoom) => `${Math.round(zoom * 100).toLocaleString("en-US")} %`;

/** @param {Class} one */
const nameOf = (one) => `${one.name_en}|${one.name_zh}`;

/** Classes of several masks, each once. @param {Class[]} classes */
const unique = (classes) => [...new Map(classes.map((one) => [nameOf(one), one])).values()];

/** @param {Set<string>} set @param {string} value */
function toggled(set, value) {
  const next = new Set(set);
  if (!next.delete(value)) next.add(value);
  return next;
}

/**
 * What the number keys turn on and off.
 * @param {Shown} shown @param {Look} look @param {(part: Partial<Look>) => void} change @returns {Switch[]}
 */
function switchesOf(shown, look, change) {
  const first = shown.masks.find((mask) => mask.truth !== undefined || mask.confidence !== undefined);
  const picture = { key: "picture", digit: "1", name: t("图片", "Picture"), short: undefined };
  const layers = [picture, ...shown.masks];
  /** In one pane not everything is laid over everything at first. @param {string} key */
  const usual = (key) => look.mode !== "over" || key === "picture" || key === (first ?? shown.masks[0])?.key;
  /** @type {Switch[]} */
  const switches = layers.map(({ key, digit, name, short }) => {
    const on = look.on[`${look.mode} ${key}`] ?? usual(key);
    const toggle = () => change({ on: { ...look.on, [`${look.mode} ${key}`]: !on } });
    return { key, digit, name, short, on, toggle };
  });
  if (shown.masks.some((mask) => mask.truth)) {
    const toggle = () => change({ errors: !look.errors, confidence: false });
    switches.push({ key: "errors", digit: "5", name: t("错误", "Errors"), on: look.errors, toggle });
  }
  if (shown.masks.some((mask) => mask.confidence)) {
    const toggle = () => change({ confidence: !look.confidence, errors: false });
    switches.push({ key: "confidence", digit: "6", name: t("置信度", "Confidence"), on: look.confidence, toggle });
  }
  return switches;
}

/**
 * The panes and what lies in them.
 * @param {Shown} shown @param {Look} look @param {Set<string>} on @returns {import("./stage.js").PaneOf[]}
 */
function panesOf(shown, look, on) {
  const masks = shown.masks.filter((mask) => on.has(mask.key));
  const under = on.has("picture");
  const alone = { key: "picture", name: t("图片", "Picture"), picture: true, layers: [] };
  /** @param {Mask} mask */
  const pane = (mask) => ({ key: mask.key, name: mask.name, note: mask.note, layers: [layerOf(mask, look)] });
  if (look.mode === "swipe") {
    const two = (masks.length > 2 ? masks.filter((mask) => mask.truth ?? mask.confidence) : masks).slice(0, 2);
    const sides = two.map((mask) => ({ ...pane(mask), picture: under }));
    return sides.length === 2 ? sides : [...sides, alone, alone].slice(0, 2);
  }
  if (look.mode === "over") {
    const name = masks.map((mask) => mask.name).join(" + ") || alone.name;
    return [{ key: "over", name, picture: under, layers: masks.map((mask) => layerOf(mask, look)) }];
  }
  const sides = masks.map((mask) => ({ ...pane(mask), picture: true }));
  return under || sides.length === 0 ? [alone, ...sides] : sides;
}

/** @param {Mask} mask @param {Look} look @returns {import("./viewer-worker.js").Layer} */
function layerOf(mask, look) {
  if (look.confidence && mask.confidence) {
    return { url: mask.confidence, palette: confidencePalette(), paletteName: "confidence" };
  }
  if (mask.doubt) return { url: mask.url, palette: doubtPalette(), paletteName: "doubt" };
  const hidden = [...look.hidden].sort().join();
  const palette = classPalette(mask.classes, (one) => look.hidden.has(nameOf(one)));
  const layer = { url: mask.url, palette, paletteName: `${mask.key} ${hidden}` };
  return look.errors && mask.truth ? { ...layer, truth: mask.truth } : layer;
}

/**
 * Keys, unless somebody is typing; a second press finds what the first one did.
 * @param {Record<string, () => void>} keys
 */
function useKeys(keys) {
  useLayoutEffect(() => {
    const press = (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {Element} */ (event.target);
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (target.closest("input:not([type=checkbox]), textarea, select")) return;
      const key = event.shiftKey && event.key.startsWith("Arrow") ? `Shift+${event.key}` : event.key;
      if (!(key in keys)) return;
      event.preventDefault();
      keys[key]();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}

/**
 * The viewer over the whole window, everything else out of reach.
 * @param {{current: HTMLElement | null}} box @param {boolean} full
 */
function useFull(box, full) {
  useEffect(() => {
    if (!full) return undefined;
    /** @type {Element[]} */
    const rest = [];
    for (let at = /** @type {Element | null} */ (box.current); at && at !== document.body; at = at.parentElement) {
      rest.push(...[...(at.parentElement?.children ?? [])].filter((one) => one !== at && !one.hasAttribute("inert")));
    }
    rest.forEach((one) => one.setAttribute("inert", ""));
    return () => rest.forEach((one) => one.removeAttribute("inert"));
  }, [full]);
}

/** @param {{of: [string, any][]}} props */
const Help = ({ of }) => html`
  <details class="keys">
    <summary class="button">${t("按键", "Keys")}</summary>
    <dl class="small">
      ${[...of, ...viewerKeys()].map(([key, words]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${words}</dd></div>`)}
    </dl>
  </details>
`;

/** The viewer's keys, wherever it stands. @returns {[string, any][]} */
export const viewerKeys = () => [
  ["1 … 6", t("显示或隐藏图层", "show or hide layers")],
  ["[ ]", t("不透明度", "opacity")],
  ["o", t("并排、叠加、卷帘", "side by side, overlay, swipe")],
  ["+ −", t("放大、缩小；滚轮以指针为中心", "zoom; the wheel zooms at the pointer")],
  ["0", t("适合窗口", "fit")],
  ["Shift ←→↑↓", t("移动画面", "move the picture")],
  ["c", t("读出画面中心的类别", "read the classes in the middle")],
  ["f", t("全窗口", "full window")],
];
