// @ts-check
/** The pictures of one package with the labels that came back laid over them; each opens in the viewer. */

import { get } from "../api.js";
import { Failure, Loading } from "../components/layout.js";
import { Opacity } from "../components/opacity.js";
import { Viewer } from "../components/viewer.js";
import { t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { setQuery, to } from "../router.js";
import { KINDS } from "./annotation-list.js";
import { Pager } from "./annotation-rejected.js";

const PAGE = 24;

/** @type {Record<string, () => [string, string, string]>} sign, word, colour */
const STATES = {
  waiting: () => ["○", t("等待标注", "no label yet"), "waiting"],
  returned: () => ["◔", t("已取回", "taken back"), "running"],
  published: () => ["✓", t("已发布", "published"), "good"],
  rejected: () => ["✕", t("退回", "rejected"), "failed"],
  superseded: () => ["■", t("已由另一张代替", "superseded"), "waiting"],
};

/**
 * @param {{version: string, number: string, query: Record<string, string>, list?: string, all?: string}} props
 *   `list`: where all packages stand; `all`: where this one does.
 */
export function PackagePictures({ version, number, query, list, all: here }) {
  const page = Number(query.page ?? 1);
  const { data, error, reload } = usePoll(
    (signal) =>
      get(`/v1/packages/${encodeURIComponent(version)}/${number}/pictures`, { page, page_size: PAGE }, signal),
    [version, number, page],
    () => ({ kinds: KINDS }),
  );
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const rows = /** @type {any[]} */ (data.data);
  const at = rows.findIndex((row) => row.name === query.p);
  const packages = list ?? `${to("annotation", version)}?tab=packages`;
  const all = `${here ?? `${packages}&n=${number}`}&page=${page}`;
  return at >= 0
    ? html`<${One} rows=${rows} at=${at} classes=${data.classes} all=${all} />`
    : html`<${Grid} rows=${rows} total=${data.total} page=${page} all=${all} list=${packages} number=${number} />`;
}

/** @param {{rows: any[], total: number, page: number, all: string, list: string, number: string}} props */
function Grid({ rows, total, page, all, list, number }) {
  const [opacity, setOpacity] = useState(0.55);
  return html`
    <div class="row samples-head">
      <a class="button" href=${list}>
        ‹ ${t("全部任务包", "All packages")}
      </a>
      <b>${t(`第 ${number} 包`, `Package ${number}`)}</b>
      <${Opacity} value=${opacity} set=${setOpacity} />
      <span class="grow"></span>
      <${Pager} page=${page} size=${PAGE} total=${total}
        choose=${(/** @type {number} */ next) => setQuery({ page: String(next) })} />
    </div>
    <div class="samples">
      ${rows.map(
        (row) => html`
          <figure key=${row.name}>
            <a class="stacked" href=${`${all}&p=${encodeURIComponent(row.name)}`}>
              <img src=${row.image_url} alt=${row.name} loading="lazy" />
              ${
                row.label_url &&
                row.state !== "rejected" &&
                html`
                  <img class="label" src=${row.label_url} alt="" loading="lazy" style=${{ opacity: String(opacity) }} />
                `
              }
            </a>
            <figcaption class="small wrap">
              <${Chip} state=${row.state} /> ${row.name}
              ${row.reason && html`<div class="bad">${row.reason}</div>`}
              <div class="faint">${t("轨迹", "track")} ${row.track}</div>
            </figcaption>
          </figure>
        `,
      )}
    </div>
  `;
}

/** @param {{rows: any[], at: number, classes: any[], all: string}} props */
function One({ rows, at, classes, all }) {
  const [before, row, after] = [rows[at - 1], rows[at], rows[at + 1]];
  const near = [after, before].filter(Boolean).map((one) => shownOf(one, classes));
  /** @param {any} one */
  const show = (one) => one && setQuery({ p: one.name });
  const title = html`
    <div class="row viewer-name">
      <${Chip} state=${row.state} /><b class="wrap">${row.name}</b>
      <span class="quiet wrap">${t("轨迹", "track")} ${row.track} · ${row.width} × ${row.height}</span>
      ${row.reason && html`<span class="bad wrap">${row.reason}</span>`}
    </div>
  `;
  const bar = html`
    <a class="button" href=${all}>${t("全部图片", "All pictures")}</a>
    <button type="button" class="button" disabled=${!before} aria-keyshortcuts="ArrowLeft"
      aria-label=${t("上一张", "Previous picture")} onClick=${() => show(before)}>‹</button>
    <button type="button" class="button" disabled=${!after} aria-keyshortcuts="ArrowRight"
      aria-label=${t("下一张", "Next picture")} onClick=${() => show(after)}>›</button>
  `;
  return html`
    <${Viewer} shown=${shownOf(row, classes)} near=${near} title=${title} bar=${bar}
      keys=${{ ArrowLeft: () => show(before), ArrowRight: () => show(after) }}
      help=${[["← →", t("上一张、下一张", "previous, next picture")]]} />
  `;
}

/** @param {{state: string}} props */
function Chip({ state }) {
  const [sign, word, color] = STATES[state]();
  return html`<span class=${`chip ${color}`}><span aria-hidden="true">${sign}</span>${word}</span>`;
}

/**
 * A picture as the viewer takes it; a label of another size could not be laid over it.
 * @param {any} row @param {any[]} classes
 */
const shownOf = (row, classes) => ({
  key: row.image_url,
  name: row.name,
  width: row.width,
  height: row.height,
  image: row.image_url,
  masks:
    row.label_url && (row.state !== "rejected" || row.spots.length > 0)
      ? [
          {
            key: "label",
            digit: "2",
            name: t("标注", "Label"),
            url: row.label_url,
            painted: true,
            classes: classes.map((one) => ({ ...one, train_id: one.raw_id })),
          },
        ]
      : [],
});
