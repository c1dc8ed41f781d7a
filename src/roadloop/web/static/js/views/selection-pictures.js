// @ts-check
/** The pictures of a selection: why each was taken and where it stands in its track; take out and put back. */

import { act, ApiError, get } from "../api.js";
import { Film } from "../components/film.js";
import { Failure, Loading } from "../components/layout.js";
import { TrackMap } from "../components/track-map.js";
import { Viewer } from "../components/viewer.js";
import { count, many, score, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { mayCall } from "../me.js";
import { usePoll } from "../poll.js";
import { setQuery, to } from "../router.js";
import { Pager } from "./annotation-rejected.js";

const PAGE = 120;
/** Frames of a track beside the present one that the strip shows. */
const BESIDE = 150;

/** @type {Record<string, () => string>} */
export const ARMS = {
  random: () => t("随机抽取", "Random"),
  mined: () => t("挑出", "Mined"),
  control: () => t("随机对照组", "Random control arm"),
};

/**
 * @param {{task: string, blind: boolean, query: Record<string, string>, cut: boolean}} props
 *   `blind`: nothing tells the arms apart. `cut`: packages were cut already.
 */
export function Pictures({ task, blind, query, cut }) {
  const base = `/v1/selections/${task}`;
  const page = Number(query.page ?? 1);
  const [failed, setFailed] = useState(/** @type {ApiError | undefined} */ (undefined));
  const { data, error, reload } = usePoll(
    (signal) => get(`${base}/pictures`, { page, page_size: PAGE, blind: blind ? 1 : 0 }, signal),
    [base, page, blind],
  );
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  /** @param {any} row */
  async function toggle(row) {
    setFailed(undefined);
    try {
      await act(`${base}/remove`, { files: [row.file], back: row.removed });
    } catch (caught) {
      if (!(caught instanceof ApiError)) throw caught;
      setFailed(caught);
    }
    reload();
  }
  const rows = /** @type {any[]} */ (data.data);
  const at = rows.findIndex((row) => row.file === query.p);
  const change = data.may_remove && !cut && mayCall("/v1/selections/{task_id}/remove") ? toggle : undefined;
  return html`
    <${Failure} error=${failed ?? error} retry=${reload} />
    ${
      at >= 0
        ? html`<${One} task=${task} rows=${rows} at=${at} page=${page} toggle=${change} />`
        : html`<${Grid} task=${task} data=${data} page=${page} toggle=${change} cut=${cut} />`
    }
  `;
}

/** @param {string} task @param {number} page @param {string} [file] */
const place = (task, page, file) =>
  `${to("selection", task)}?tab=pictures&page=${page}${file ? `&p=${encodeURIComponent(file)}` : ""}`;

/** @param {{task: string, data: any, page: number, toggle?: (row: any) => void, cut: boolean}} props */
const Grid = ({ task, data, page, toggle, cut }) => html`
  <div class="row samples-head">
    <span class="quiet wrap">
      ${t(`${count(data.total)} 张`, many(data.total, "picture"))}
      ${
        data.removed > 0 &&
        t(`，已移出 ${count(data.removed)} 张，不会切入任务包`, `, ${count(data.removed)} taken out of what is cut`)
      }
      ${cut && t("；已切成任务包，不能再移出", "; cut into packages, nothing can be taken out any more")}
      ${
        !data.may_remove &&
        t("；输出目录不在 images/ 下，不能切成任务包", "; it stands outside images/, where nothing is cut")
      }
    </span>
    <span class="grow"></span>
    <${Pager} page=${page} size=${PAGE} total=${data.total}
      choose=${(/** @type {number} */ next) => setQuery({ page: String(next) })} />
  </div>
  <div class="samples">
    ${data.data.map(
      (/** @type {any} */ row) => html`
        <figure key=${row.file} class=${row.removed ? "removed" : ""}>
          <a class="stacked" href=${place(task, page, row.file)}>
            <img src=${row.image_url} alt=${row.file} loading="lazy" />
          </a>
          <figcaption class="small wrap">
            <div class="row tight">
              ${row.arm && html`<span class="chip">${ARMS[row.arm]()} ${count(row.rank)}</span>`}
              ${row.score != null && html`<span class="num">${score(row.score)}</span>`}
              <span class="grow"></span>
              ${
                toggle &&
                html`
                  <button type="button" class="button small-button" onClick=${() => toggle(row)}>
                    ${row.removed ? t("放回", "Put back") : t("移出", "Take out")}
                  </button>
                `
              }
            </div>
            ${row.reason && html`<div>${row.reason}</div>`}
            <div class="faint mono">${row.file}</div>
          </figcaption>
        </figure>
      `,
    )}
  </div>
`;

/** @param {{task: string, rows: any[], at: number, page: number, toggle?: (row: any) => void}} props */
function One({ task, rows, at, page, toggle }) {
  const [before, row, after] = [rows[at - 1], rows[at], rows[at + 1]];
  const near = [after, before].filter(Boolean).map(shownOf);
  /** @param {any} one */
  const show = (one) => one && setQuery({ p: one.file });
  const title = html`
    <div class="row viewer-name">
      ${
        row.removed &&
        html`<span class="chip waiting"><span aria-hidden="true">■</span>${t("已移出", "taken out")}</span>`
      }
      <b class="wrap">${row.file}</b>
      <span class="quiet wrap">
        ${row.arm && `${ARMS[row.arm]()} ${count(row.rank)} · `}${t("轨迹", "track")} ${row.track}
        ${row.score != null && ` · ${t("不确定度", "uncertainty")} ${score(row.score)}`}
        ${row.time && ` · ${row.time}`}
      </span>
      ${row.reason && html`<span class="wrap">${row.reason}</span>`}
    </div>
  `;
  const bar = html`
    <a class="button" href=${place(task, page)}>${t("全部图片", "All pictures")}</a>
    <button type="button" class="button" disabled=${!before} aria-keyshortcuts="ArrowLeft"
      aria-label=${t("上一张", "Previous picture")} onClick=${() => show(before)}>‹</button>
    <button type="button" class="button" disabled=${!after} aria-keyshortcuts="ArrowRight"
      aria-label=${t("下一张", "Next picture")} onClick=${() => show(after)}>›</button>
    ${
      toggle &&
      html`
        <button type="button" class="button" data-take aria-keyshortcuts="x" onClick=${() => toggle(row)}>
          <kbd>x</kbd> ${row.removed ? t("放回", "Put back") : t("移出", "Take out")}
        </button>
      `
    }
  `;
  return html`
    <${Viewer} shown=${shownOf(row)} near=${near} title=${title} bar=${bar}
      keys=${{
        ArrowLeft: () => show(before),
        ArrowRight: () => show(after),
        ...(toggle ? { x: () => toggle(row) } : {}),
      }}
      help=${[
        ["← →", t("上一张、下一张", "previous, next picture")],
        ...(toggle ? [["x", t("移出、放回", "take out, put back")]] : []),
      ]}>
      <${Where} task=${task} row=${row} rows=${rows} />
    <//>
  `;
}

/** Where a picture stands in its track, also from above. @param {{task: string, row: any, rows: any[]}} props */
function Where({ task, row, rows }) {
  const { data } = usePoll(
    (signal) => get(`/v1/selections/${task}/track`, { track: row.track }, signal),
    [task, row.track, rows],
  );
  const points = /** @type {import("../components/track-map.js").Point[]} */ (data?.data.points ?? []);
  const now = points.findIndex((one) => one.point === row.point);
  if (now < 0) return null;
  const scores = new Map(rows.map((one) => [one.file, one.score ?? 1]));
  /** @param {string | null} file */
  const show = (file) => file && rows.some((one) => one.file === file) && setQuery({ p: file });
  const first = Math.max(0, now - BESIDE);
  const frames = points.slice(first, now + BESIDE + 1).map((one, i) => ({
    number: first + i,
    name: one.point,
    values: [one.file ? (scores.get(one.file) ?? 1) : null],
  }));
  return html`
    <div class="where">
      <${Film} frames=${frames} now=${now} models=${[t("选中（高度为不确定度）", "taken (height: uncertainty)")]}
        label=${t(
          `轨迹 ${row.track} 的第 ${count(now + 1)} / ${count(points.length)} 帧`,
          `Frame ${count(now + 1)} of ${count(points.length)} of track ${row.track}`,
        )}
        show=${(/** @type {number} */ number) => show(points[number].file)} />
      <${TrackMap} points=${points} now=${row.point} show=${show} />
    </div>
  `;
}

/** A picture as the viewer takes it, with the map of its score where it has one. @param {any} row */
const shownOf = (row) => ({
  key: row.image_url,
  name: row.file,
  width: row.width || 1,
  height: row.height || 1,
  image: row.image_url,
  masks: row.map_url
    ? [{ key: "doubt", digit: "2", name: t("不确定度", "Uncertainty"), url: row.map_url, classes: [], doubt: true }]
    : [],
});
