// @ts-check
/** The classes of a dataset: pixel shares, pictures and tracks in each split. */

import { ClassName, Meter } from "../components/classes.js";
import { Check, useForm } from "../components/form.js";
import { Table } from "../components/table.js";
import { count, many, share, t } from "../i18n.js";
import { html } from "../lib.js";

const SPLITS = ["train", "val", "test"];

/** @param {{info: any}} props */
export function ClassTable({ info }) {
  const form = useForm({ all: false }, async () => {});
  const totals = Object.fromEntries(SPLITS.map((split) => [split, total(info.statistics[split])]));
  const present = info.table.classes.filter((/** @type {any} */ c) =>
    SPLITS.some((split) => info.statistics[split][c.raw_id]),
  );
  const rows = form.values.all ? info.table.classes : present;
  const absent = info.table.classes.length - present.length;
  return html`
    <div class="table-top row">
      <span class="quiet grow">
        ${t(
          `${present.length} 个类别出现在图片中`,
          `${many(present.length, "class occurs", "classes occur")} in the pictures`,
        )}
      </span>
      ${
        absent > 0 &&
        html`
          <${Check} form=${form} name="all"
            label=${t(`显示没有出现的 ${absent} 个`, `Show the ${absent} that do not`)} />
        `
      }
    </div>
    <div class="dense"><${Table} rows=${rows} columns=${columns(info, totals)} /></div>
  `;
}

/** @param {Record<string, {pixels: number}>} statistics */
const total = (statistics) => Object.values(statistics).reduce((sum, { pixels }) => sum + pixels, 0);

/** @param {any} info @param {Record<string, number>} totals */
function columns(info, totals) {
  /** @param {string} split @param {any} c */
  const of = (split, c) => info.statistics[split][c.raw_id];
  return [
    { head: t("编号", "Raw id"), num: true, cell: (/** @type {any} */ c) => c.raw_id },
    { head: t("类别", "Class"), cell: (/** @type {any} */ c) => html`<${ClassName} of=${c} />`, class: "nowrap" },
    {
      head: "train id",
      num: true,
      title: t("默认映射；255 = 忽略", "By default; 255 = ignored"),
      cell: (/** @type {any} */ c) => (c.train_id === 255 ? html`<span class="faint">255</span>` : c.train_id),
    },
    ...SPLITS.filter((split) => totals[split] > 0).flatMap((split) => [
      {
        head: t(`${split} 像素`, `${split} pixels`),
        num: true,
        cell: (/** @type {any} */ c) => {
          const part = (of(split, c)?.pixels ?? 0) / totals[split];
          return html`
            <${Meter} value=${part} most=${0.4} text=${part === 0 ? html`<span class="faint">–</span>` : share(part)} />
          `;
        },
      },
      { head: t("图片", "pictures"), num: true, cell: (/** @type {any} */ c) => rare(of(split, c)?.pictures) },
      { head: t("轨迹", "tracks"), num: true, cell: (/** @type {any} */ c) => rare(of(split, c)?.tracks) },
    ]),
  ];
}

/** @param {number | undefined} value */
const rare = (value) => (value ? count(value) : html`<span class="faint">–</span>`);
