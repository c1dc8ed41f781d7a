// @ts-check
/**
 * The viewer's worker: fetches and decodes pictures and masks, paints them and draws the panes, so that the page is
 * never kept waiting. Pictures that may come next are loaded ahead, within a bound.
 */

import { paint, toIds } from "./paint.js";

/** @typedef {{url: string, colors?: number[][]}} MaskFile  `colors`: the PNG is painted in them, by class number. */
/**
 * `layers`: what is likely to be seen of it.
 * @typedef {{key: string, image: string, masks: MaskFile[], layers: Layer[]}} Picture
 */
/** @typedef {{url: string, truth?: string, palette: Uint32Array, paletteName: string}} Layer */
/** @typedef {import("./view.js").Box} Box */
/** @typedef {{box: Box, clip: Box, picture: boolean, layers: Layer[]}} Pane */
/**
 * What is to be seen; boxes in CSS pixels.
 * @typedef {{picture: string, panes: Pane[], view: import("./view.js").View, opacity: number, ratio: number,
 *   width: number, height: number}} Scene
 */
/**
 * @typedef {object} Loaded
 * @property {AbortController} abort
 * @property {ImageBitmap} [image]
 * @property {Map<string, Uint8Array>} ids By address.
 * @property {Map<string, ImageBitmap | null>} painted By address, truth and palette; null while it is being made.
 * @property {boolean} done Everything was tried.
 */

/** Bytes of pictures kept; the one that is shown is kept whatever it takes. */
const ROOM = 384 * 2 ** 20;
/** As in viewer.css, in both themes. */
const GROUND = "#2a2a28";
/** Up to this zoom a picture is smooth; beyond, its pixels are squares. */
const SMOOTH = 2;
/** Layers of one picture that are kept in colours: truth, two models, their errors and confidence, a hidden class. */
const MOST_PAINTED = 8;

/** Where the server's paths begin. */
let server = "/";
/** @type {OffscreenCanvas | undefined} */
let canvas;
/** @type {Scene | undefined} */
let scene;
/** @type {Map<string, Loaded>} */
const kept = new Map();
/** @type {Picture[]} */
let wanted = [];
let drawing = false;
/** @type {OffscreenCanvas | undefined} Where masks are read from. */
let scratch;

addEventListener("message", ({ data }) => {
  if (data.server) server = data.server;
  if (data.canvas) canvas = data.canvas;
  if (data.wanted) load(data.wanted);
  if (data.scene) {
    scene = data.scene;
    drawSoon();
  }
  if (data.retry) {
    kept.delete(data.retry);
    next();
  }
  if (data.read) read(data.read);
});

/** Pictures, the one that is looked at first. @param {Picture[]} pictures */
function load(pictures) {
  wanted = pictures;
  const keys = new Set(wanted.map((one) => one.key));
  const coloured = wanted.slice(0, 2).map((one) => one.key);
  for (const [key, one] of kept) {
    if (!coloured.includes(key)) forget(one.painted);
    if (!keys.has(key) && !one.done) {
      one.abort.abort();
      kept.delete(key);
    }
  }
  next();
}

/** Load the first picture that is wanted and not there. */
function next() {
  const picture = wanted.find((one) => !kept.get(one.key)?.done);
  if (wanted.length > 1) paintAhead(wanted[1]);
  if (!picture || kept.has(picture.key)) return;
  makeRoom();
  if (picture !== wanted[0] && size() > ROOM) return;
  /** @type {Loaded} */
  const one = { abort: new AbortController(), ids: new Map(), painted: new Map(), done: false };
  kept.set(picture.key, one);
  Promise.all([
    part(one, picture, picture.image, async (blob) => {
      one.image = await createImageBitmap(blob);
    }),
    ...picture.masks.map(({ url, colors }) =>
      part(one, picture, url, async (blob) => {
        one.ids.set(url, toIds(await pixels(blob), colors));
      }),
    ),
  ]).then(() => {
    if (one.abort.signal.aborted) return;
    one.done = true;
    next();
  });
}

/** Colour the picture that is most likely the next one, once the present one is drawn. @param {Picture} picture */
function paintAhead({ key, layers }) {
  const one = kept.get(key);
  if (one?.done && kept.get(wanted[0].key)?.done) for (const layer of layers) painted(one, layer);
}

/**
 * @param {Loaded} one @param {Picture} picture @param {string} url @param {(blob: Blob) => Promise<void>} take
 */
async function part(one, picture, url, take) {
  try {
    const reply = await fetch(server + url.slice(1), { signal: one.abort.signal });
    if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
    await take(await reply.blob());
  } catch (error) {
    if (one.abort.signal.aborted) return;
    postMessage({ failed: { picture: picture.key, url, why: String(error) } });
  }
  if (picture.key === scene?.picture) drawSoon();
}

/** @param {Blob} blob */
async function pixels(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { width, height } = bitmap;
  scratch ??= new OffscreenCanvas(width, height);
  if (scratch.width !== width) scratch.width = width;
  if (scratch.height !== height) scratch.height = height;
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    scratch.getContext("2d", { willReadFrequently: true })
  );
  context.globalCompositeOperation = "copy";
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height).data;
}

const size = () =>
  [...kept.values()].reduce((sum, { image, ids, painted }) => {
    const area = image ? image.width * image.height : 0;
    return sum + 4 * area * (1 + painted.size) + area * ids.size;
  }, 0);

/** Let go of pictures that nobody wants, those that were seen longest ago first. */
function makeRoom() {
  const keys = new Set(wanted.map((one) => one.key));
  for (const [key, one] of kept) {
    if (size() <= ROOM) return;
    if (keys.has(key)) continue;
    one.image?.close();
    kept.delete(key);
  }
}

/** @param {Map<string, ImageBitmap | null>} painted @param {number} [most] How many of the newest stay. */
function forget(painted, most = 0) {
  for (const [name, bitmap] of painted) {
    if (painted.size <= most) return;
    bitmap?.close();
    painted.delete(name);
  }
}

function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

/** Draw the scene; until everything of it is there, or was tried, what was drawn before stays. */
function draw() {
  const one = scene && kept.get(scene.picture);
  if (!canvas || !scene || !one?.image) return;
  const layers = scene.panes.flatMap((pane) => pane.layers);
  const bitmaps = new Map(layers.map((layer) => [layer, painted(one, layer)]));
  if ([...bitmaps.values()].includes(null) || (!one.done && [...bitmaps.values()].includes(undefined))) return;
  const [width, height] = [Math.round(scene.width * scene.ratio), Math.round(scene.height * scene.ratio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  context.fillStyle = GROUND;
  context.fillRect(0, 0, width, height);
  for (const pane of scene.panes) {
    context.save();
    const clip = scaled(pane.clip, scene.ratio);
    context.beginPath();
    context.rect(clip.x, clip.y, clip.width, clip.height);
    context.clip();
    if (pane.picture) put(context, one.image, pane, scene.view.zoom <= SMOOTH);
    context.globalAlpha = scene.opacity;
    for (const layer of pane.layers) {
      const bitmap = bitmaps.get(layer);
      if (bitmap) put(context, bitmap, pane, false);
    }
    context.restore();
  }
  postMessage({ drawn: scene.picture });
}

/** @param {Box} box @param {number} by @returns {Box} */
const scaled = (box, by) => ({ x: box.x * by, y: box.y * by, width: box.width * by, height: box.height * by });

/**
 * One picture on its place in a pane: of a large one no more than can be seen.
 * @param {OffscreenCanvasRenderingContext2D} context @param {ImageBitmap} bitmap @param {Pane} pane
 * @param {boolean} smooth
 */
function put(context, bitmap, pane, smooth) {
  const { view, ratio } = /** @type {Scene} */ (scene);
  const zoom = view.zoom * ratio;
  const box = scaled(pane.box, ratio);
  const left = Math.round(box.x + box.width / 2 - view.x * zoom);
  const top = Math.round(box.y + box.height / 2 - view.y * zoom);
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "medium";
  if (smooth) return context.drawImage(bitmap, left, top, bitmap.width * zoom, bitmap.height * zoom);
  const [x, y] = [Math.max(0, Math.floor((box.x - left) / zoom)), Math.max(0, Math.floor((box.y - top) / zoom))];
  const width = Math.min(bitmap.width, Math.ceil((box.x + box.width - left) / zoom)) - x;
  const height = Math.min(bitmap.height, Math.ceil((box.y + box.height - top) / zoom)) - y;
  if (width <= 0 || height <= 0) return undefined;
  return context.drawImage(bitmap, x, y, width, height, left + x * zoom, top + y * zoom, width * zoom, height * zoom);
}

/**
 * A layer in its colours; null while they are being made, undefined while its numbers are not there.
 * @param {Loaded} one @param {Layer} layer
 */
function painted(one, layer) {
  const [ids, truth] = [one.ids.get(layer.url), layer.truth ? one.ids.get(layer.truth) : undefined];
  if (!ids || !one.image || (layer.truth && !truth)) return undefined;
  const { width, height } = one.image;
  if (ids.length !== width * height || (truth && truth.length !== ids.length)) return undefined;
  const name = `${layer.url} ${layer.truth ?? ""} ${layer.paletteName}`;
  const before = one.painted.get(name);
  if (before !== undefined) return before;
  forget(one.painted, MOST_PAINTED - 1);
  one.painted.set(name, null);
  createImageBitmap(new ImageData(paint(ids, layer.palette, truth), width, height)).then((bitmap) => {
    if (!one.painted.has(name)) return bitmap.close(); // nobody wants it any more
    one.painted.set(name, bitmap);
    return drawSoon();
  });
  return null;
}

/** The numbers of every mask at a pixel. @param {{x: number, y: number}} at */
function read({ x, y }) {
  const one = scene && kept.get(scene.picture);
  if (!one?.image) return;
  const place = y * one.image.width + x;
  const values = Object.fromEntries([...one.ids].map(([url, ids]) => [url, ids[place]]));
  postMessage({ reading: { picture: scene?.picture, x, y, values } });
}
