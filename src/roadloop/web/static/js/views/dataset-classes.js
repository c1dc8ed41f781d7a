// @ts-check
/** The classes of a dataset: pixel shares, pictures and tracks in each split. */

import { act, query } from "../api.js";
import { className, ClassName, Meter } from "../components/classes.js";
import { Check, useForm } from "../components/form.js";
import { ConfirmButton } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, many, share, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { may } from "../me.js";
import { to } from "../router.js";

const SPLITS = ["train", "val", "test"];

/** @param {{info: any}} props */
export function ClassTable({ info }) {
  const [made, setMade] = useState(/** @type {any} */ (undefined));
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
    ${
      made &&
      html`
        <p class="notice" role="status">
          ${t(
            `正在生成 ${made.name}：${made.of} 的图片再出现一次。`,
            `${made.name} is being built: pictures of ${made.of} once more.`,
          )}
          ${" "}<a class="link" href=${to("datasets", made.task)}>${t("打开", "Open it")} →</a>
        </p>
      `
    }
    <div class="dense">
      <${Table} rows=${rows} columns=${columns(info, totals, may("work") ? [again(info, setMade)] : [])} />
    </div>
  `;
}

/** @param {Record<string, {pixels: number}>} statistics */
const total = (statistics) => Object.values(statistics).reduce((sum, { pixels }) => sum + pixels, 0);

/**
 * @param {any} info @param {Record<string, number>} totals
 * @param {any[]} acts Beside the class, as three splits reach beyond a page of 1,440 px.
 */
function columns(info, totals, acts) {
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
    ...acts,
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

/**
 * Builds an increment in which the training pictures that show a class stand once more.
 * @param {any} info @param {(made: any) => void} done
 */
const again = (info, done) => ({
  head: "",
  class: "actions",
  cell: (/** @type {any} */ c) => {
    const pictures = info.statistics.train[c.raw_id]?.pictures;
    return (
      pictures &&
      html`
        <${ConfirmButton} calls="/v1/datasets/{name}/again" class="small-button" label=${t("增加…", "More of it…")}
          sure=${t(
            `生成增量：${pictures} 张 train 图片再出现一次`,
            `Build an increment: ${many(pictures, "train picture")} once more`,
          )}
          run=${async () => {
            const reply = await act(`/v1/datasets/${encodeURIComponent(info.name)}/again`, { raw_ids: [c.raw_id] });
            const row = await query("/data_history", { task_id: reply.data });
            done({ task: reply.data, name: row.data.data_name, of: className(c) });
          }} />
      `
    );
  },
});

/** @param {number | undefined} value */
const rare = (value) => (value ? count(value) : html`<span class="faint">–</span>`);
