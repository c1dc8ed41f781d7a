// @ts-check
/** What a dataset would be, beside the form that builds it: the split, the classes, and what is too small. */

import { ClassName } from "../components/classes.js";
import { Failure, Loading, Panel, Warnings } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, many, percent, t } from "../i18n.js";
import { html } from "../lib.js";
import { to } from "../router.js";

export const SPLITS = ["train", "val", "test"];

/** @typedef {any} Preview  The data of /v1/datasets/preview. */

/** Pictures of a split, those of an increment's base among them. @param {Preview} told @param {string} split */
const whole = (told, split) => told.parts[split].pictures + told.parts[split].base;

/** What the button says after its verb: train 40 · val 1. @param {Preview} told */
export const inShort = (told) =>
  SPLITS.filter((split) => whole(told, split) > 0)
    .map((split) => `${split} ${count(whole(told, split))}`)
    .join(" · ");

/**
 * @param {{told: Preview | undefined, error: import("../api.js").ApiError | undefined, retry: () => void,
 *   old: boolean, chosen: boolean}} props `old`: it is of values that have changed since; `chosen`: any source set is.
 */
export function DatasetPreview({ told, error, retry, old, chosen }) {
  const head = t("生成之前：会得到什么", "Before it is built: what it would be");
  if (!chosen)
    return html`
      <${Panel} title=${head} class="ahead">
        <p class="quiet">
          ${t(
            "选择源数据后，这里显示各划分会有多少图片、轨迹和类别。不会生成任何东西。",
            "Choose source sets to see how many pictures, tracks and classes each split would get. Nothing is built.",
          )}
        </p>
      <//>
    `;
  return html`
    <${Panel} title=${head} class="ahead">
      <div class="stack" aria-live="polite" aria-busy=${old ? "true" : undefined}>
        <${Failure} error=${error} retry=${retry} />
        ${!told ? !error && html`<${Loading} />` : html`<${Told} told=${told} />`}
      </div>
    <//>
  `;
}

/** @param {{told: Preview}} props */
function Told({ told }) {
  const sum = SPLITS.reduce((total, split) => total + whole(told, split), 0);
  return html`
    <${Warnings} texts=${told.warnings} />
    ${told.base && html`<${Base} told=${told} />`}
    ${
      sum > 0 &&
      html`
        <div class="shares" role="img" aria-label=${inShort(told)}>
          ${SPLITS.map(
            (split, k) =>
              whole(told, split) > 0 &&
              html`<span class=${`of-${k}`} style=${{ flexGrow: String(whole(told, split)) }} title=${split}></span>`,
          )}
        </div>
        <${Table} rows=${SPLITS} columns=${partColumns(told, sum)} />
      `
    }
    <${LeftOut} told=${told} />
    ${told.possible && html`<${Classes} told=${told} />`}
  `;
}

/** @param {Preview} told @param {number} sum */
const partColumns = (told, sum) => [
  {
    head: t("划分", "Split"),
    cell: (/** @type {string} */ s) => html`<b><span class=${`key of-${SPLITS.indexOf(s)}`}></span> ${s}</b>`,
    class: "nowrap",
  },
  {
    head: t("图片", "Pictures"),
    num: true,
    cell: (/** @type {string} */ s) =>
      told.base
        ? html`
          <b>${count(whole(told, s))}</b>
          <div class="small quiet nowrap">${count(told.parts[s].base)} + ${count(told.parts[s].pictures)}</div>
        `
        : html`<b>${count(told.parts[s].pictures)}</b>`,
  },
  { head: t("占比", "Share"), num: true, cell: (/** @type {string} */ s) => percent(whole(told, s) / sum) },
  {
    head: told.base ? t("新图片的轨迹", "Tracks of new ones") : t("轨迹", "Tracks"),
    num: true,
    cell: (/** @type {string} */ s) => html`<span title=${tracks(told.parts[s])}>${count(told.parts[s].tracks)}</span>`,
  },
  {
    head: t("类别", "Classes"),
    num: true,
    title: t("在查看的标注里出现的", "Seen in the labels that were looked at"),
    cell: (/** @type {string} */ s) => count(told.parts[s].classes.length),
  },
];

/** The largest tracks of a split, a line each. @param {any} part */
const tracks = (part) =>
  part.largest.map((/** @type {any} */ one) => `${one.track}: ${count(one.pictures)}`).join("\n");

/** @param {{told: Preview}} props */
function Base({ told }) {
  const fresh = SPLITS.reduce((sum, split) => sum + told.parts[split].pictures, 0);
  const before = SPLITS.reduce((sum, split) => sum + told.parts[split].base, 0);
  return html`
    <p>
      ${t("增量，基于 ", "An increment of ")}
      <a class="link" href=${`${to("datasets")}?q=${encodeURIComponent(told.base.name)}`}><b>${told.base.name}</b></a>
      ${t(
        `：它的 ${count(before)} 张图片留在原划分，新增 ${count(fresh)} 张。`,
        `: its ${many(before, "picture keeps its", "pictures keep their")} split, and ${count(fresh)} are new.`,
      )}
    </p>
  `;
}

/** @param {{told: Preview}} props */
function LeftOut({ told }) {
  const { filter, split, bad } = told.left_out;
  const parts = [
    filter > 0 && t(`被筛选排除 ${count(filter)} 张`, `${count(filter)} by the filter`),
    split > 0 && t(`不在任何划分中 ${count(split)} 张`, `${count(split)} in no split`),
    bad > 0 && t(`问题文件 ${count(bad)} 个`, many(bad, "bad file")),
  ].filter(Boolean);
  if (parts.length === 0) return null;
  return html`
    <details class="small">
      <summary>${t("不使用：", "Left out: ")}${parts.join(t("，", ", "))}</summary>
      <ul class="plain">
        ${told.problems.map(
          (/** @type {any} */ p) => html`<li class="wrap"><span class="mono">${p.file}</span> ${p.reason}</li>`,
        )}
        ${bad > told.problems.length && html`<li>…</li>`}
      </ul>
    </details>
  `;
}

/** In how many of the labels that were looked at a class was seen. @param {{told: Preview}} props */
function Classes({ told }) {
  const parts = SPLITS.filter((split) => told.parts[split].pictures > 0);
  const seen = new Map(
    parts.map((split) => [
      split,
      new Map(told.parts[split].classes.map((/** @type {any} */ one) => [one.raw_id, one.pictures])),
    ]),
  );
  const rows = told.classes.filter((/** @type {any} */ c) => parts.some((split) => seen.get(split)?.has(c.raw_id)));
  const every = parts.every((split) => told.parts[split].looked_at === told.parts[split].pictures);
  const looked = parts.reduce((sum, split) => sum + told.parts[split].looked_at, 0);
  return html`
    <details open>
      <summary><b>${t("类别", "Classes")}</b></summary>
      <p class="hint">
        ${
          every
            ? t(`查看了全部 ${count(looked)} 个标注。`, `All ${many(looked, "label was", "labels were")} looked at.`)
            : t(
                `查看了均匀取自各轨迹的 ${count(looked)} 个标注；“–”表示其中没有，罕见的类别仍可能存在。`,
                `${many(looked, "label was", "labels were")} looked at, evenly from the tracks; – says that none of ` +
                  "them has it, and a rare class may be there all the same.",
              )
        }
      </p>
      <div class="dense">
        <${Table} rows=${rows} columns=${[
          { head: t("类别", "Class"), cell: (/** @type {any} */ c) => html`<${ClassName} of=${c} />` },
          ...parts.map((split) => ({
            head: `${split} / ${count(told.parts[split].looked_at)}`,
            title: t("出现在多少个标注里", "In how many of the labels"),
            num: true,
            cell: (/** @type {any} */ c) =>
              seen.get(split)?.has(c.raw_id)
                ? count(seen.get(split)?.get(c.raw_id))
                : html`<span class="bad" title=${t("没有看到", "not seen")}>–</span>`,
          })),
        ]} />
      </div>
    </details>
  `;
}
