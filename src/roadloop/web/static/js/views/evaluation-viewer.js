// @ts-check
/** An evaluation's pictures in the viewer: through a track, or from the worst of a model, a class or a confusion on. */

import { get } from "../api.js";
import { className, shortModel } from "../components/classes.js";
import { Film } from "../components/film.js";
import { Failure, Loading } from "../components/layout.js";
import { letGo, Viewer } from "../components/viewer.js";
import { count, many, percent, score, t } from "../i18n.js";
import { html, useEffect, useMemo, useRef } from "../lib.js";
import { usePoll } from "../poll.js";
import { setQuery, to } from "../router.js";

/**
 * @typedef {{number: number, name: string, track: string, width: number, height: number, labelled: boolean,
 *   mious: (number | null)[], iou: number | null, pixels: number | null}} Row
 */
/** @typedef {any} Report */

const FILM = 240;
const WORST = 1000;
const AROUND = 40;

/**
 * The address of an evaluation's pictures; without `n` the first of the worst.
 * @param {string} task @param {Record<string, string | number>} query As `EvaluationViewer` takes it.
 */
export function picturesOf(task, query) {
  const given = Object.entries(query).map(([name, value]) => [name, String(value)]);
  return `${to("evaluation", task)}?${new URLSearchParams([["tab", "pictures"], ...given])}`;
}

/**
 * @param {{task: string, report: Report, query: Record<string, string>}} props
 *   `query`: `n` picture; `m` the model A whose figures count and `v` the model B beside it, from 1; `c` class, `p`
 *   what it was taken for, `tr` track: what the worst pictures are listed by.
 */
export function EvaluationViewer({ task, report, query }) {
  const models = report.models.length;
  /** @param {string | undefined} asked */
  const model = (asked) => (Number(asked) >= 1 && Number(asked) <= models ? Math.floor(Number(asked)) : 0);
  const a = model(query.m) || 1;
  const other = a === 1 ? 2 : 1;
  const b = models === 1 ? 0 : model(query.v) === a ? other : model(query.v) || other;
  const listed = useWorst(task, report, a, query);
  const begun = query.n !== undefined || !(query.c || query.tr);
  const number = begun
    ? Math.min(report.total_img, Math.max(1, Number(query.n) || 1))
    : (listed.rows?.[0]?.number ?? 1);
  const rows = useRows(task, report, number, listed.rows);
  useEffect(() => {
    if (!begun && listed.rows) setQuery({ n: String(number) }); // it stays when the list changes
  }, [begun, listed.rows]);
  const row = rows.of(number);
  const film = useFilm(task, row, a, b, query.c);
  const show = (/** @type {number} */ n) => n >= 1 && n <= report.total_img && setQuery({ n: String(n) });
  const place = listed.rows?.findIndex((one) => one.number === number) ?? -1;
  const worst = listed.rows?.[place + 1];
  const better = place > 0 ? listed.rows?.[place - 1] : undefined;
  if (!begun && !listed.rows && !listed.error) return html`<${Loading} />`;
  if (!row) return rows.error ? html`<${Failure} error=${rows.error} retry=${rows.reload} />` : html`<${Loading} />`;
  const near = [rows.of(number + 1), worst, rows.of(number - 1)].flatMap((one) => (one && one !== row ? [one] : []));
  const keys = {
    ArrowLeft: () => show(number - 1),
    ArrowRight: () => show(number + 1),
    ...(worst ? { w: () => show(worst.number) } : {}),
    ...(better ? { W: () => show(better.number) } : {}),
  };
  const bar = html`
    <${Steps} number=${number} total=${report.total_img} show=${show} />
    ${models > 2 && html`<${Pair} report=${report} a=${a} b=${b} />`}
    ${
      report.models[a - 1].labelled_pictures > 0 &&
      html`<${Order} report=${report} a=${a} query=${query} listed=${listed} place=${place} show=${show}
        worst=${worst} />`
    }
  `;
  const names = [a, b].filter(Boolean).map((k, i) => {
    const name = shortModel(report.models[k - 1].name);
    return b > 0 ? `${"AB"[i]} ${name}` : name;
  });
  const what = query.c ? className(classOf(report, a, query.c)) : "mIoU";
  const title = html`
    <div class="row viewer-name">
      <b class="wrap">${row.name}</b>
      <span class="quiet wrap">${t("轨迹", "track")} ${row.track} · ${row.width} × ${row.height}</span>
      ${!row.labelled && html`<span class="quiet">${t("没有标注", "no label")}</span>`}
      ${place >= 0 && html`<span class="quiet">${placeOf(report, a, query, listed, place)}</span>`}
    </div>
  `;
  return html`
    <${Failure} error=${listed.error} retry=${listed.reload} />
    <${Viewer} shown=${shownOf(task, report, row, a, b)} near=${near.map((one) => shownOf(task, report, one, a, b))}
      keys=${keys} help=${help()} title=${title} bar=${bar}>
      <${Failure} error=${film.error} retry=${film.reload} />
      ${
        film.frames &&
        html`
          <${Film} frames=${film.frames} now=${number} show=${show} models=${names}
            label=${t(`轨迹 ${row.track}：${what}`, `Track ${row.track}: ${what}`)} />
        `
      }
    <//>
  `;
}

/** @returns {[string, any][]} */
const help = () => [
  ["← →", t("上一张、下一张", "previous, next picture")],
  ["w W", t("下一张最差的图片；W 退回", "next of the worst pictures; W goes back")],
];

/**
 * The pictures that are listed the worst first.
 * @param {string} task @param {Report} report @param {number} a @param {Record<string, string>} query
 */
function useWorst(task, report, a, query) {
  const wanted = { model: a, order: "worst", train_id: query.c, predicted: query.p, track: query.tr, limit: WORST };
  const labelled = report.models[a - 1].labelled_pictures > 0;
  const asked = JSON.stringify(wanted);
  const { data, error, reload } = usePoll(
    async (signal) => {
      const none = { data: /** @type {Row[]} */ ([]), total: 0 };
      const { data: rows, total } = labelled ? await get(`/v1/evaluations/${task}/pictures`, wanted, signal) : none;
      return { asked, rows: /** @type {Row[]} */ (rows), total };
    },
    [task, asked],
  );
  const found = data?.asked === asked ? data : undefined; // not the answer to what was asked before
  return { rows: found?.rows, total: found?.total ?? 0, error, reload };
}

/**
 * What is known about pictures; those around the present one are asked for.
 * @param {string} task @param {Report} report @param {number} number @param {Row[] | undefined} listed
 */
function useRows(task, report, number, listed) {
  const known = useMemo(() => /** @type {Map<number, Row>} */ (new Map()), [task]);
  const middle = useRef(number);
  for (const row of listed ?? []) if (!known.has(row.number)) known.set(row.number, row);
  const there = [number - 1, number, number + 1].every((n) => n < 1 || n > report.total_img || known.has(n));
  if (!there) middle.current = number;
  const { data, error, reload } = usePoll(
    (signal) => get(`/v1/evaluations/${task}/pictures`, { around: middle.current, limit: AROUND }, signal),
    [task, middle.current],
  );
  for (const row of data?.data ?? []) known.set(row.number, row);
  return { of: (/** @type {number} */ n) => known.get(n), error, reload };
}

/**
 * The frames of the picture's track; with a class their IoU of it, else their mIoU.
 * @param {string} task @param {Row | undefined} row @param {number} a @param {number} b @param {string | undefined} c
 */
function useFilm(task, row, a, b, c) {
  const middle = useRef(0);
  const before = useRef(/** @type {Set<number>} */ (new Set()));
  if (row && !before.current.has(row.number)) middle.current = row.number;
  const models = [a, b].filter(Boolean);
  const { data, error, reload } = usePoll(
    (signal) =>
      row === undefined
        ? Promise.resolve([])
        : Promise.all(
            (c ? models : [a]).map((model) =>
              get(
                `/v1/evaluations/${task}/pictures`,
                { model, train_id: c, track: row.track, around: middle.current, limit: FILM },
                signal,
              ),
            ),
          ),
    [task, row?.track ?? "", middle.current, a, b, c ?? ""],
  );
  const lists = /** @type {Row[][] | undefined} */ (data?.map((reply) => reply.data));
  before.current = new Set(lists?.[0]?.map((one) => one.number));
  const frames = lists?.[0]?.map((one, i) => ({
    number: one.number,
    name: one.name,
    values: c ? lists.map((list) => list[i]?.iou ?? null) : models.map((model) => one.mious[model - 1] ?? null),
  }));
  return { frames, error, reload };
}

/**
 * A picture as the viewer takes it.
 * @param {string} task @param {Report} report @param {Row} row @param {number} a @param {number} b 0 = none.
 */
function shownOf(task, report, row, a, b) {
  const base = `/v1/evaluations/${task}/pictures/${row.number}`;
  const same =
    b > 0 &&
    JSON.stringify(report.models[a - 1].classes.map(identity)) ===
      JSON.stringify(report.models[b - 1].classes.map(identity));
  /** @param {number} model @param {"a" | "b"} key */
  const mask = (model, key) => ({
    key,
    digit: key === "a" ? "3" : "4",
    name: b > 0 ? `${key.toUpperCase()} ${shortModel(report.models[model - 1].name)}` : t("预测", "Prediction"),
    short: b > 0 ? key.toUpperCase() : undefined,
    note: row.mious[model - 1] == null ? "" : `mIoU ${score(row.mious[model - 1])}`,
    url: `${base}/id?model=${model}`,
    classes: report.models[model - 1].classes,
    truth: row.labelled ? `${base}/truth_id?model=${same ? a : model}` : undefined,
    confidence: report.confidence ? `${base}/confidence?model=${model}` : undefined,
  });
  const truth = {
    ...{ key: "truth", digit: "2", name: t("标注", "Truth"), classes: report.models[a - 1].classes },
    url: `${base}/truth_id?model=${a}`,
  };
  return {
    key: `${task} ${row.number}`,
    name: row.name,
    width: row.width,
    height: row.height,
    image: `${base}/image`,
    masks: [...(row.labelled ? [truth] : []), mask(a, "a"), ...(b > 0 ? [mask(b, "b")] : [])],
  };
}

/** What makes a class the same in two models. @param {any} one */
const identity = (one) => [one.train_id, one.name_en, one.name_zh];

/** @param {Report} report @param {number} a @param {string} train_id */
const classOf = (report, a, train_id) =>
  report.models[a - 1].classes.find((/** @type {any} */ one) => String(one.train_id) === train_id) ?? {
    name_en: train_id,
    name_zh: train_id,
  };

/**
 * Where a picture stands among the worst, in words.
 * @param {Report} report @param {number} a @param {Record<string, string>} query
 * @param {{rows?: Row[], total: number}} listed @param {number} place
 */
function placeOf(report, a, query, listed, place) {
  const row = /** @type {Row[]} */ (listed.rows)[place];
  const taken = query.p === "255" ? t("未预测", "nothing") : query.p ? className(classOf(report, a, query.p)) : "";
  const figure = query.p
    ? t(`${count(row.pixels)} 像素被当作${taken}`, `${many(row.pixels, "pixel")} taken for ${taken}`)
    : query.c
      ? `IoU ${score(row.iou)}`
      : `mIoU ${score(row.mious[a - 1])}`;
  const of = query.c ? className(classOf(report, a, query.c)) : t("整张图片", "whole picture");
  const nth = t(
    `最差第 ${count(place + 1)} 张，共 ${count(listed.total)} 张`,
    `${count(place + 1)} of ${count(listed.total)} from the worst`,
  );
  return `${of}${t("：", ": ")}${nth} · ${figure}`;
}

/** @param {{number: number, total: number, show: (n: number) => void}} props */
const Steps = ({ number, total, show }) => html`
  <button type="button" class="button" disabled=${number <= 1} aria-keyshortcuts="ArrowLeft"
    aria-label=${t("上一张", "Previous picture")} onClick=${() => show(number - 1)}>‹</button>
  <label class="row tight">
    <input class="page-number num" type="number" min="1" max=${total} value=${number}
      aria-label=${t("第几张", "Picture number")}
      onChange=${(/** @type {any} */ e) =>
        show(Math.min(total, Math.max(1, Math.round(Number(e.target.value)) || 1)))} />
    <span class="quiet nowrap">/ ${count(total)}</span>
  </label>
  <button type="button" class="button" disabled=${number >= total} aria-keyshortcuts="ArrowRight"
    aria-label=${t("下一张", "Next picture")} onClick=${() => show(number + 1)}>›</button>
`;

/** Which two of several models stand beside each other. @param {{report: Report, a: number, b: number}} props */
const Pair = ({ report, a, b }) => html`
  ${[
    ["A", a, "m"],
    ["B", b, "v"],
  ].map(
    ([letter, chosen, name]) => html`
      <label class="row tight">
        <span class="small">${letter}</span>
        <select class="short" aria-label=${t(`模型 ${letter}`, `Model ${letter}`)} value=${String(chosen)}
          onChange=${(/** @type {any} */ e) =>
            setQuery({ [String(name)]: e.target.value, ...(name === "m" ? { c: "", p: "" } : {}) })}>
          ${report.models.map(
            (/** @type {any} */ model, /** @type {number} */ k) => html`
              <option value=${String(k + 1)} disabled=${k + 1 === (letter === "A" ? b : a)}>
                ${shortModel(model.name)}
              </option>
            `,
          )}
        </select>
      </label>
    `,
  )}
`;

/**
 * What the worst pictures are listed by, and the next of them.
 * @param {{report: Report, a: number, query: Record<string, string>, listed: any, place: number,
 *   worst: Row | undefined, show: (n: number) => void}} props
 */
function Order({ report, a, query, listed, place, worst, show }) {
  const classes = report.models[a - 1].classes.filter((/** @type {any} */ one) => one.iou != null);
  const end = listed.rows !== undefined && place === listed.rows.length - 1;
  return html`
    <label class="row tight">
      <span class="small">${t("最差按", "Worst by")}</span>
      <select class="short" data-order value=${query.c ?? ""}
        onChange=${(/** @type {any} */ event) => {
          setQuery({ c: event.target.value, p: "" });
          letGo(event.target);
        }}>
        <option value="">mIoU</option>
        ${[...classes]
          .sort((x, y) => x.iou - y.iou)
          .map(
            (/** @type {any} */ one) => html`
              <option value=${String(one.train_id)} selected=${String(one.train_id) === query.c}>
                ${className(one)} ${percent(one.iou, 0)}
              </option>
            `,
          )}
      </select>
    </label>
    ${
      (query.p || query.tr) &&
      html`
        <button type="button" class="button" onClick=${() => setQuery({ p: "", tr: "" })}>
          ${query.tr ? t("不限轨迹", "All tracks") : t("不限误判", "All confusions")} ✕
        </button>
      `
    }
    <button type="button" class="button" data-worst disabled=${!worst} aria-keyshortcuts="w"
      title=${end ? t("已经是最后一张", "This is the last one") : ""} onClick=${() => worst && show(worst.number)}>
      ${t("下一张最差", "Next worst")} <kbd>w</kbd>
    </button>
  `;
}
