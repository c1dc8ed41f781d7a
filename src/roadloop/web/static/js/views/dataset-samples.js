// @ts-check
/** The pictures of a dataset with their labels laid over them, by split and class; each opens in the viewer. */

import { get } from "../api.js";
import { ClassName } from "../components/classes.js";
import { Empty, Failure, Loading } from "../components/layout.js";
import { Opacity } from "../components/opacity.js";
import { Viewer } from "../components/viewer.js";
import { count, many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { setQuery, to, useReturn } from "../router.js";

const PAGE = 24;

/**
 * @typedef {{index: number, name: string, track: string, width: number, height: number, image_url: string,
 *   label_url: string}} Picture
 */
/**
 * Which pictures: of a split, those that show a class ("": all), from an index on; `i`: the one in the viewer, by its
 * index, or the first.
 * @typedef {{s: string, c: string, from: number, i: string}} Which
 */
/** @typedef {{data: Picture[], total: number, next: number | null}} Listed */

/** @param {{task: string, info: any, query: Record<string, string>}} props */
export function Samples({ task, info, query }) {
  const splits = Object.keys(info.counts).filter((split) => info.counts[split] > 0);
  const s = splits.includes(query.s) ? query.s : splits[0];
  const c = info.statistics[s]?.[query.c] ? query.c : "";
  const which = { s, c, from: Math.max(0, Math.floor(Number(query.from)) || 0), i: query.i ?? "" };
  const path = `/v1/datasets/${encodeURIComponent(info.name)}/pictures`;
  const {
    data: reply,
    error,
    reload,
  } = usePoll(
    (signal) => get(path, { split: s, raw_id: c, start: which.from, limit: PAGE }, signal),
    [path, s, c, which.from],
  );
  const data = /** @type {Listed | undefined} */ (/** @type {unknown} */ (reply));
  if (splits.length === 0) return html`<${Empty}>${t("没有图片。", "No pictures.")}<//>`;
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const number = which.i === "first" ? 0 : data.data.findIndex((picture) => String(picture.index) === which.i);
  if (which.i && data.data[number])
    return html`<${One} task=${task} info=${info} which=${which} listed=${data} number=${number} />`;
  return html`<${Grid} task=${task} info=${info} splits=${splits} which=${which} listed=${data} />`;
}

/** @param {string} task @param {Partial<Which>} which */
const place = (task, { s, c, from, i }) => {
  const query = Object.entries({ tab: "pictures", s, c, from: from || "", i }).filter(([, value]) => value);
  return `${to("datasets", task)}?${new URLSearchParams(/** @type {any} */ (query))}`;
};

/** @param {{task: string, info: any, splits: string[], which: Which, listed: Listed}} props */
function Grid({ task, info, splits, which, listed }) {
  const [opacity, setOpacity] = useState(0.55);
  useReturn(true);
  return html`
    <div class="row samples-head">
      <div class="segmented" role="group" aria-label=${t("划分", "Split")}>
        ${splits.map(
          (name) =>
            html`
              <button type="button" aria-pressed=${String(name === which.s)}
                onClick=${() => setQuery({ s: name, from: "" })}>
                ${name} <span class="quiet">${count(info.counts[name])}</span>
              </button>
            `,
        )}
      </div>
      <${Opacity} value=${opacity} set=${setOpacity} />
    </div>
    <${Legend} info=${info} which=${which} />
    ${listed.data.length === 0 && listed.next === null && html`<${Empty}>${t("没有图片。", "No pictures.")}<//>`}
    <div class="samples">
      ${listed.data.map(
        (picture) => html`
          <figure key=${picture.image_url}>
            <a class="stacked" href=${place(task, { ...which, i: String(picture.index) })}>
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
    <${Pages} task=${task} which=${which} listed=${listed} />
  `;
}

/**
 * The classes of a split with their colours; each chooses the pictures that show it.
 * @param {{info: any, which: Which}} props
 */
const Legend = ({ info, which }) => html`
  <div class="legend-row" role="group" aria-label=${t("类别", "Classes")}>
    <button type="button" class="legend-chip" aria-pressed=${String(!which.c)}
      onClick=${() => setQuery({ c: "", from: "" })}>
      ${t("全部类别", "All classes")}
    </button>
    ${info.table.classes
      .filter((/** @type {any} */ one) => info.statistics[which.s][one.raw_id])
      .map(
        (/** @type {any} */ one) => html`
          <button type="button" class="legend-chip" aria-pressed=${String(which.c === String(one.raw_id))}
            onClick=${() => setQuery({ c: String(one.raw_id), from: "" })}>
            <${ClassName} of=${one} />
            <span class="small quiet">${count(info.statistics[which.s][one.raw_id].pictures)}</span>
          </button>
        `,
      )}
  </div>
`;

/** @param {{task: string, which: Which, listed: Listed}} props */
function Pages({ task, which, listed }) {
  const { data, total, next } = listed;
  if (which.from === 0 && next === null) return null;
  const first = which.from + 1;
  const words = which.c
    ? t(`共 ${count(total)} 张含有这个类别`, `${many(total, "picture shows", "pictures show")} this class`)
    : t(
        `第 ${count(first)}–${count(which.from + data.length)} 张，共 ${count(total)} 张`,
        `${count(first)}–${count(which.from + data.length)} of ${count(total)}`,
      );
  // Where a class is looked for, what comes before an index is known only by its beginning.
  const before = which.c ? 0 : Math.max(0, which.from - PAGE);
  return html`
    <nav class="row pages" aria-label=${t("翻页", "Pages")}>
      ${
        which.from > 0 &&
        html`
          <a class="button" href=${place(task, { ...which, from: before, i: "" })}>
            ‹ ${before === 0 ? t("第一页", "First page") : t("上一页", "Previous")}
          </a>
        `
      }
      <span class="quiet">${words}</span>
      ${
        next !== null &&
        html`<a class="button" href=${place(task, { ...which, from: next, i: "" })}>${t("下一页", "Next")} ›</a>`
      }
    </nav>
  `;
}

/**
 * @param {{task: string, info: any, which: Which, listed: Listed, number: number}} props
 *   `number`: its place in the list.
 */
function One({ task, info, which, listed, number }) {
  const pictures = listed.data;
  const picture = pictures[number];
  const [before, after] = [pictures[number - 1], pictures[number + 1]];
  const near = [after, before].flatMap((one) => (one ? [shownOf(info, one)] : []));
  const start = pictures[0].index; // the page that is shown, wherever the address began
  /** @type {Record<string, string> | undefined} */
  const back = before
    ? { i: String(before.index) }
    : !which.c && start > 0
      ? { i: String(start - 1), from: String(Math.max(0, start - PAGE)) }
      : undefined;
  /** @type {Record<string, string> | undefined} */
  const on = after
    ? { i: String(after.index) }
    : listed.next !== null
      ? { i: "first", from: String(listed.next) }
      : undefined;
  /** @param {Record<string, string> | undefined} where */
  const show = (where) => where && setQuery(where);
  const title = html`
    <div class="row viewer-name">
      <b class="wrap">${picture.name}</b>
      <span class="quiet wrap">
        ${which.s} · ${t("轨迹", "track")} ${picture.track} · ${picture.width} × ${picture.height}
      </span>
    </div>
  `;
  const bar = html`
    <a class="button" href=${place(task, { ...which, i: "" })}>${t("全部图片", "All pictures")}</a>
    <button type="button" class="button" disabled=${!back} aria-keyshortcuts="ArrowLeft"
      aria-label=${t("上一张", "Previous picture")} onClick=${() => show(back)}>‹</button>
    <button type="button" class="button" disabled=${!on} aria-keyshortcuts="ArrowRight"
      aria-label=${t("下一张", "Next picture")} onClick=${() => show(on)}>›</button>
  `;
  return html`
    <${Viewer} shown=${shownOf(info, picture)} near=${near} title=${title} bar=${bar}
      keys=${{ ArrowLeft: () => show(back), ArrowRight: () => show(on) }}
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
