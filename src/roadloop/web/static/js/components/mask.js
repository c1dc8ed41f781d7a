// @ts-check
/** Masks: read as class numbers, coloured on a canvas, so that opacity and hidden classes cost nothing. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";

/** Ignored, unknown or outside the model's half of the picture. */
export const NOTHING = 255;

/** @typedef {{width: number, height: number, ids: Uint8Array}} Mask */

/**
 * Reads a PNG whose grey values are train ids, or, with `colors`, one that is painted in the colours of its classes.
 * @param {string} url @param {number[][]} [colors] By train id. @returns {Promise<Mask>}
 */
async function loadMask(url, colors) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, ids: toIds(data, colors) };
}

/** @param {Uint8ClampedArray} rgba @param {number[][]} [colors] */
export function toIds(rgba, colors) {
  const ids = new Uint8Array(rgba.length / 4);
  if (!colors) {
    for (let i = 0; i < ids.length; i += 1) ids[i] = rgba[4 * i];
    return ids;
  }
  /** @type {Map<number, number>} */
  const byColor = new Map();
  colors.forEach(([r, g, b], id) => {
    const key = (r << 16) | (g << 8) | b;
    if (!byColor.has(key)) byColor.set(key, id);
  });
  for (let i = 0; i < ids.length; i += 1) {
    ids[i] = byColor.get((rgba[4 * i] << 16) | (rgba[4 * i + 1] << 8) | rgba[4 * i + 2]) ?? NOTHING;
  }
  return ids;
}

/**
 * The colours of a mask's pixels; transparent where there is nothing to show.
 * @param {Mask} mask @param {number[][]} colors By train id. @param {Set<number>} hidden Classes that are not shown.
 * @param {Mask} [truth] With it, only the pixels that differ from it are shown.
 */
export function paint(mask, colors, hidden, truth) {
  const lookup = new Uint32Array(256); // little-endian RGBA, as in every browser's memory today
  colors.forEach(([r, g, b], id) => {
    if (!hidden.has(id)) lookup[id] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
  const pixels = new Uint32Array(mask.ids.length);
  for (let i = 0; i < pixels.length; i += 1) {
    const wrong = !truth || (truth.ids[i] !== NOTHING && truth.ids[i] !== mask.ids[i]);
    pixels[i] = wrong ? lookup[mask.ids[i]] : 0;
  }
  return new Uint8ClampedArray(pixels.buffer);
}

/** A mask that is being read; undefined until it is there. @param {string | null} url @param {number[][]} [colors] */
export function useMask(url, colors) {
  const [found, setFound] = useState(/** @type {{url: string, mask: Mask} | undefined} */ (undefined));
  useEffect(() => {
    let wanted = true;
    if (url)
      loadMask(url, colors).then(
        (mask) => wanted && setFound({ url, mask }),
        () => wanted && setFound(undefined),
      );
    return () => {
      wanted = false;
    };
  }, [url]);
  return found && found.url === url ? found.mask : undefined;
}

/**
 * A mask as a layer over a picture.
 * @param {{mask: Mask | undefined, colors: number[][], hidden: Set<number>, truth?: Mask, opacity: number}} props
 */
export function MaskLayer({ mask, colors, hidden, truth, opacity }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || !mask) return;
    context.putImageData(new ImageData(paint(mask, colors, hidden, truth), mask.width, mask.height), 0, 0);
  }, [mask, hidden, truth]);
  return (
    mask &&
    html`
      <canvas ref=${canvas} class="layer" width=${mask.width} height=${mask.height}
        style=${{ opacity: String(opacity) }}></canvas>
    `
  );
}
