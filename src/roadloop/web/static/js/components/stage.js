// @ts-check
/** The viewer's stage: panes of one picture with its masks, under one view. The worker draws them. */

import { t } from "../i18n.js";
import { BASE, html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";
import { className } from "./classes.js";
import { useGestures } from "./gestures.js";
import { NOTHING } from "./paint.js";
import { bounded, fit, layout, pan, pixelAt, toPane, zoomAt } from "./view.js";

/** @typedef {{train_id: number, name_en: string, name_zh: string, color: number[]}} Class */
/**
 * A mask of a picture.
 * @typedef {object} Mask
 * @property {string} key
 * @property {string} digit The key that shows and hides it.
 * @property {string} name
 * @property {string} [short] Of the name, for its button.
 * @property {string} [note]
 * @property {string} url A PNG of class numbers, or one painted in the colours of the classes.
 * @property {boolean} [painted]
 * @property {Class[]} classes
 * @property {string} [truth] For a prediction: a PNG of the true class numbers.
 * @property {string} [confidence] For a prediction: a PNG of whole percent.
 * @property {boolean} [doubt] Its numbers are whole percent, and no classes.
 */
/** @typedef {{key: string, name: string, width: number, height: number, image: string, masks: Mask[]}} Shown */
/**
 * @typedef {{key: string, name: string, note?: string, picture: boolean,
 *   layers: import("./viewer-worker.js").Layer[]}} PaneOf
 */
/** @typedef {import("./view.js").View} View */
/** @typedef {import("./view.js").Point} Point */
/**
 * What keys and buttons do to the view.
 * @typedef {{zoomBy: (factor: number) => void, zoomTo: (zoom: number) => void, fit: () => void,
 *   pan: (x: number, y: number) => void, say: () => void}} Control
 */

/** The last view, for the next picture of the same size, also when one comes back to the viewer. */
const last = { size: "", view: /** @type {View | null} */ (null) };

/**
 * @param {{shown: Shown, near: Shown[], layersOf: (shown: Shown) => import("./viewer-worker.js").Layer[],
 *   panes: PaneOf[], swipe: number | null, opacity: number,
 *   control: {current: Control | null}, zoomed: (zoom: number, whole: boolean) => void,
 *   setSwipe: (at: number) => void}} props
 *   `near`: pictures that may come next, and `layersOf` what would be seen of one. `swipe`: where the first pane ends
 *   and the second begins, 0..1; null = apart.
 */
export function Stage({ shown, near, layersOf, panes, swipe, opacity, control, zoomed, setSwipe }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const worker = useWorker(box);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [at, setAt] = useState(/** @type {Point | null} */ (null));
  const [spoken, setSpoken] = useState("");
  const [, redraw] = useState(0);
  const picture = { width: shown.width, height: shown.height };
  const boxes = swipe === null ? layout(panes.length, size, picture) : layout(1, size, picture);
  const pane = boxes[0] ?? { x: 0, y: 0, ...size };
  const view = last.size === sizeOf(shown) && last.view ? bounded(last.view, picture, pane) : fit(picture, pane);

  /** @param {View | null} next Null shows all of the picture. */
  const look = (next) => {
    Object.assign(last, { size: sizeOf(shown), view: next });
    redraw((n) => n + 1);
  };
  const middle = { x: pane.width / 2, y: pane.height / 2 };
  const reading = worker.reading?.picture === shown.key ? worker.reading : null;
  control.current = {
    zoomBy: (factor) => look(zoomAt(view, view.zoom * factor, middle, pane, picture)),
    zoomTo: (zoom) => look(zoomAt(view, zoom, middle, pane, picture)),
    fit: () => look(null),
    pan: (x, y) => look(pan(view, { x: -x * pane.width, y: -y * pane.height }, pane, picture)),
    say: () => {
      const centre = pixelAt(view, middle, pane, picture);
      setAt(centre);
      setSpoken("…");
    },
  };

  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      setSize({ width: Math.floor(width), height: Math.floor(height) });
    });
    watch.observe(/** @type {HTMLElement} */ (box.current));
    return () => watch.disconnect();
  }, []);
  useEffect(() => zoomed(view.zoom, !last.view || last.size !== sizeOf(shown)), [view.zoom, last.view, shown.key]);
  const wanted = [shown, ...near].map((one, i) => files(one, i === 0 ? [] : layersOf(one)));
  useEffect(() => worker.send({ wanted }), [wanted.map(names).join("\n")]);
  useEffect(() => {
    if (size.width === 0) return;
    const wiped = { ...pane, width: Math.round(pane.width * (swipe ?? 1)) };
    const rest = { ...pane, x: wiped.width, width: pane.width - wiped.width };
    const scene = {
      picture: shown.key,
      panes: panes.map(({ picture: under, layers }, i) => ({
        box: boxes[i] ?? pane,
        clip: swipe === null ? boxes[i] : [wiped, rest][i],
        picture: under,
        layers,
      })),
      ...{ view, opacity, ...size, ratio: devicePixelRatio },
    };
    worker.send({ scene });
  });
  useEffect(() => void (at && worker.send({ read: at })), [at, shown.key, worker.drawn]);
  const words = reading && at && reading.x === at.x && reading.y === at.y ? read(shown, reading) : [];
  useEffect(() => {
    if (spoken === "…" && words.length) {
      setSpoken(words.map(({ name, text, sure }) => `${name} ${text} ${sure}`.trim()).join(t("，", ", ")));
    }
  });
  useGestures(box, { view, pane, boxes, picture, look, point: setAt, swipe, setSwipe });
  const busy = worker.drawn !== shown.key;
  const failed = worker.failed.filter((one) => one.picture === shown.key);
  const label = t(
    `${shown.name}：${panes.map((one) => one.name).join("、")}`,
    `${shown.name}: ${panes.map((one) => one.name).join(", ")}`,
  );
  return html`
    <div class="stage" ref=${box} aria-busy=${String(busy && failed.length === 0)}
      data-drawn=${busy ? "" : shown.key} data-zoom=${view.zoom}>
      <canvas role="img" aria-label=${label}></canvas>
      ${panes.map((one, i) => {
        const place = boxes[i] ?? pane;
        const right = swipe !== null && i === 1;
        const style = right
          ? { right: `${size.width - pane.x - pane.width}px`, top: `${place.y}px` }
          : { left: `${place.x}px`, top: `${place.y}px`, maxWidth: `${place.width}px` };
        return html`
          <div class="pane-name small" key=${one.key} style=${style}>
            <b>${one.name}</b>${one.note && html`<span>${one.note}</span>`}
          </div>
        `;
      })}
      ${at && boxes.map((place) => html`<${Spot} at=${at} view=${view} box=${place} />`)}
      ${swipe !== null && html`<${Divider} at=${swipe} pane=${pane} set=${setSwipe} />`}
      ${
        worker.broken &&
        html`
          <div class="failure stage-failure" role="alert">
            <span class="mark" aria-hidden="true">✕</span>
            <span class="grow">${tooOld()}</span>
          </div>
        `
      }
      ${
        failed.length > 0 &&
        html`
          <div class="failure stage-failure" role="alert">
            <span class="mark" aria-hidden="true">✕</span>
            <span class="grow">${unread(failed.map((one) => nameOf(shown, one.url)))}</span>
            <button type="button" class="button" onClick=${() => worker.retry(shown.key)}>
              ${t("重试", "Try again")}
            </button>
          </div>
        `
      }
    </div>
    <div class="under small">
      ${
        at && words.length
          ? html`
            <span class="quiet mono">x ${at.x} y ${at.y}</span>
            ${words.map(
              ({ name, text, sure, wrong }) => html`
                <span>
                  ${name}${t("：", ": ")}<b>${text}</b>${sure && html` <span class="quiet">${sure}</span>`}
                  ${wrong && html` <span class="bad">✕ ${t("错", "wrong")}</span>`}
                </span>
              `,
            )}
          `
          : html`<span class="quiet">${hint()}</span>`
      }
    </div>
    <div class="unseen" role="status">${spoken === "…" ? "" : spoken}</div>
  `;
}

const hint = () =>
  t(
    "指向图片可读出每一层的类别；c 键读出画面中心。",
    "Point at the picture to read each layer's class; c reads the middle.",
  );

const tooOld = () =>
  t(
    "这个浏览器画不出图片；请用 Chromium 80、Firefox 114、Safari 16.4 或更新的版本。",
    "This browser cannot draw the pictures; Chromium 80, Firefox 114, Safari 16.4 and newer can.",
  );

/** @param {string[]} names */
const unread = (names) =>
  t(
    `读不到：${names.join("、")}。其余图层仍可查看；稍后重试。`,
    `Cannot be read: ${names.join(", ")}. The other layers can be seen; try again in a moment.`,
  );

/** @param {Shown} shown @param {string} url */
function nameOf(shown, url) {
  const found = shown.masks.find((mask) => [mask.url, mask.truth, mask.confidence].includes(url));
  return found ? found.name : t("图片", "picture");
}

/** @param {Shown} shown */
const sizeOf = (shown) => `${shown.width}x${shown.height}`;

/**
 * What is to be fetched of a picture.
 * @param {Shown} shown @param {import("./viewer-worker.js").Layer[]} layers
 * @returns {import("./viewer-worker.js").Picture}
 */
function files({ key, image, masks }, layers) {
  /** @type {Map<string, import("./viewer-worker.js").MaskFile>} */
  const found = new Map();
  for (const mask of masks) {
    /** @type {number[][]} */
    const colors = [];
    if (mask.painted) for (const one of mask.classes) colors[one.train_id] = one.color;
    found.set(mask.url, mask.painted ? { url: mask.url, colors } : { url: mask.url });
    for (const url of [mask.truth, mask.confidence]) if (url) found.set(url, { url });
  }
  return { key, image, masks: [...found.values()], layers };
}

/** @param {import("./viewer-worker.js").Picture} picture */
const names = ({ key, masks, layers }) =>
  [key, ...masks.map((mask) => mask.url), ...layers.map((one) => `${one.url} ${one.truth} ${one.paletteName}`)].join();

/** What every mask says at a pixel. @param {Shown} shown @param {{values: Record<string, number>}} reading */
function read(shown, { values }) {
  return shown.masks
    .filter((mask) => mask.url in values)
    .map((mask) => {
      const id = values[mask.url];
      const found = mask.classes.find((one) => one.train_id === id);
      const sure = mask.confidence === undefined ? NOTHING : (values[mask.confidence] ?? NOTHING);
      const truth = mask.truth === undefined ? NOTHING : (values[mask.truth] ?? NOTHING);
      return {
        name: mask.name,
        text: mask.doubt ? `${id} %` : found ? className(found) : t("忽略", "ignored"),
        sure: sure === NOTHING ? "" : `${sure} %`,
        wrong: truth !== NOTHING && truth !== id,
      };
    });
}

/** @param {{at: Point, view: View, box: import("./view.js").Box}} props */
function Spot({ at, view, box }) {
  const point = toPane(view, { x: at.x + 0.5, y: at.y + 0.5 }, box);
  if (point.x < 0 || point.y < 0 || point.x > box.width || point.y > box.height) return null;
  return html`<span class="spot" style=${{ left: `${box.x + point.x}px`, top: `${box.y + point.y}px` }}></span>`;
}

/** @param {{at: number, pane: import("./view.js").Box, set: (at: number) => void}} props */
const Divider = ({ at, pane, set }) => html`
  <div class="divider" role="slider" tabindex="0" aria-label=${t("分界的位置", "Where the two meet")}
    aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(at * 100)}
    style=${{ left: `${pane.x + Math.round(pane.width * at)}px` }}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
      if (step === undefined || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      set(Math.min(1, Math.max(0, at + step)));
    }}></div>
`;

/**
 * The worker of a stage, and what it said last.
 * @param {{current: HTMLElement | null}} box
 */
function useWorker(box) {
  const worker = useRef(/** @type {Worker | null} */ (null));
  const [said, setSaid] = useState(
    /** @type {{reading?: any, drawn?: string, broken?: boolean, failed: {picture: string, url: string}[]}} */ ({
      failed: [],
    }),
  );
  useLayoutEffect(() => {
    const made = new Worker(new URL("./viewer-worker.js", import.meta.url), { type: "module" });
    made.addEventListener("message", ({ data }) => {
      const { reading, drawn, failed } = data;
      if (reading) setSaid((now) => ({ ...now, reading }));
      else if (failed) setSaid((now) => ({ ...now, failed: [...now.failed, failed] }));
      else setSaid((now) => (now.drawn === drawn ? now : { ...now, drawn }));
    });
    made.addEventListener("error", () => setSaid((now) => ({ ...now, broken: true })));
    const canvas = box.current?.querySelector("canvas")?.transferControlToOffscreen();
    if (canvas) made.postMessage({ server: BASE, canvas }, [canvas]);
    worker.current = made;
    return () => made.terminate();
  }, []);
  return {
    ...said,
    send: (/** @type {any} */ message) => worker.current?.postMessage(message),
    retry: (/** @type {string} */ picture) => {
      setSaid((now) => ({ ...now, failed: [] }));
      worker.current?.postMessage({ retry: picture });
    },
  };
}
