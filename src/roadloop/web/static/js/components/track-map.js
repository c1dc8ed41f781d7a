// @ts-check
/** A drive from above: its positions as a line, what was taken as dots. No map behind it: nothing leaves here. */

import { t } from "../i18n.js";
import { html } from "../lib.js";

/**
 * @typedef {{point: string, longitude: number | null, latitude: number | null, datum: string | null,
 *   file: string | null, removed: boolean}} Point
 */

const SIZE = 220;
const MARGIN = 12;

/**
 * Positions as places in a square, north above, true to shape; without those that have no position, or another datum
 * than the first: between two of them a distance means nothing.
 * @param {Point[]} points @returns {{x: number, y: number, point: Point}[]}
 */
export function project(points) {
  const placed = points.filter((one) => one.longitude !== null && one.latitude !== null);
  const same = placed.filter((one) => one.datum === placed[0].datum);
  if (same.length === 0) return [];
  const north = same.map((one) => Number(one.latitude));
  const middle = (Math.min(...north) + Math.max(...north)) / 2;
  const east = same.map((one) => Number(one.longitude) * Math.cos((middle * Math.PI) / 180));
  const [left, bottom] = [Math.min(...east), Math.min(...north)];
  const [wide, high] = [Math.max(...east) - left, Math.max(...north) - bottom];
  const room = SIZE - 2 * MARGIN;
  const scale = room / (Math.max(wide, high) || 1);
  return same.map((point, i) => ({
    x: MARGIN + (room - wide * scale) / 2 + (east[i] - left) * scale,
    y: SIZE - MARGIN - (room - high * scale) / 2 - (north[i] - bottom) * scale,
    point,
  }));
}

/** @param {{points: Point[], now: string, show: (file: string) => void}} props `now`: the point that is looked at. */
export function TrackMap({ points, now, show }) {
  const places = project(points);
  if (places.length < 2) return null;
  const line = places.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  return html`
    <figure class="track-map">
      <svg viewBox=${`0 0 ${SIZE} ${SIZE}`} role="img"
        aria-label=${t("轨迹的走向，上方为北", "The drive, north above")}>
        <polyline points=${line} />
        ${places
          .filter(({ point }) => point.file || point.point === now)
          .map(
            ({ x, y, point }) => html`
              <circle cx=${x} cy=${y} r=${point.point === now ? 6 : 3.5}
                class=${`${point.point === now ? "now" : ""} ${point.removed ? "removed" : ""}`}
                onClick=${() => point.file && show(point.file)}>
                <title>${point.point}</title>
              </circle>
            `,
          )}
      </svg>
      <figcaption class="small faint">${t("上北", "north above")} · ${places[0].point.datum?.toUpperCase()}</figcaption>
    </figure>
  `;
}
