// @ts-check
/** What to doubt in a dataset: tracks in several splits, pictures that stand there twice, files that were left out. */

import { get } from "../api.js";
import { Empty, Failure, Loading, Panel } from "../components/layout.js";
import { Pager } from "../components/listing.js";
import { Table } from "../components/table.js";
import { count, many, t } from "../i18n.js";
import { html, useState } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";
import { SPLITS } from "./dataset-preview.js";

const PAGE = 50;

/** @param {{info: any}} props */
export const Leaks = ({ info }) => html`
  <${Panel} flush>
    <p class="panel-text quiet">
      ${t(
        "同一条轨迹的图片几乎相同：一条轨迹出现在多个划分里，验证成绩会偏高。",
        "Pictures of one track are nearly equal: where a track stands in more than one split, validation scores " +
          "come out too high.",
      )}
    </p>
    <${Table}
      rows=${info.leaks}
      empty=${t("✓ 没有轨迹跨越划分。", "✓ No track stands in more than one split.")}
      columns=${[
        { head: t("轨迹", "Track"), cell: (/** @type {any} */ leak) => html`<b>${leak.track}</b>` },
        ...SPLITS.map((split) => ({
          head: split,
          num: true,
          cell: (/** @type {any} */ leak) => count(leak.pictures[split] ?? 0),
        })),
      ]}
    />
  <//>
`;

/** @param {string} name */
const pathOf = (name) => `/v1/datasets/${encodeURIComponent(name)}`;

/** Pictures that are byte for byte equal. @param {{task: string, info: any}} props */
export function Doubles({ task, info }) {
  const { data, error, reload } = usePoll((signal) => get(`${pathOf(info.name)}/doubles`, {}, signal), [info.name]);
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  if (data.total === 0)
    return html`
      <${Panel}>
        <${Empty}>${t("✓ 没有内容完全相同的图片。", "✓ No two pictures are byte for byte equal.")}<//>
      <//>
    `;
  return html`
    <${Panel} flush>
      <p class="panel-text quiet">
        ${t(
          `${count(data.total)} 组图片内容完全相同，都保留在数据中；出现在不同划分里的（标出）会使验证成绩偏高。`,
          `${many(data.total, "group")} of pictures that are byte for byte equal; all stand in the dataset. Those ` +
            "in different splits, which are marked, make validation scores come out too high.",
        )}
        ${
          data.total > data.data.length &&
          t(` 这里列出最先的 ${count(data.data.length)} 组。`, ` The first ${count(data.data.length)} are listed.`)
        }
      </p>
      <${Table} rows=${data.data} columns=${[
        {
          head: t("图片", "Picture"),
          cell: (/** @type {any[]} */ group) =>
            html`<img class="thumb" src=${group[0].image_url} alt="" loading="lazy" />`,
        },
        {
          head: t("出现在", "Where"),
          cell: (/** @type {any[]} */ group) => group.map((one) => html`<${Where} task=${task} one=${one} />`),
        },
        {
          head: t("划分", "Splits"),
          class: "nowrap",
          cell: (/** @type {any[]} */ group) => {
            const splits = [...new Set(group.map((one) => one.split))];
            return splits.length > 1
              ? html`<span class="chip warn"><span aria-hidden="true">⚠</span>${splits.join(", ")}</span>`
              : splits[0];
          },
        },
      ]} />
    <//>
  `;
}

/** A picture in the viewer. @param {string} task @param {any} one */
const place = (task, { split, index }) => `${to("datasets", task)}?tab=pictures&s=${split}&from=${index}&i=${index}`;

/** @param {{task: string, one: any}} props */
const Where = ({ task, one }) => html`
  <div>
    <a class="link wrap" href=${place(task, one)}>${one.name}</a>
    <span class="small quiet"> ${one.split} · ${t("轨迹", "track")} ${one.track}</span>
  </div>
`;

/** Files that were left out. @param {{info: any}} props */
export function Problems({ info }) {
  const [page, setPage] = useState(1);
  const { data, error, reload } = usePoll(
    (signal) => get(`${pathOf(info.name)}/problems`, { page, page_size: PAGE }, signal),
    [info.name, page],
  );
  if (info.bad === 0)
    return html`<${Panel}><${Empty}>${t("✓ 所有文件都可用。", "✓ Every file could be used.")}<//><//>`;
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const last = Math.ceil(data.total / PAGE);
  return html`
    <${Panel} flush>
      <p class="panel-text quiet">
        ${t(
          `${count(info.bad)} 个文件被排除（不影响其余图片）；完整清单也在数据目录的 report.csv。`,
          `${many(info.bad, "file was", "files were")} left out (the others are not affected); report.csv in the ` +
            "dataset's folder names them all, too.",
        )}
      </p>
      <${Table}
        rows=${data.data}
        columns=${[
          { head: t("文件", "File"), cell: (/** @type {any} */ p) => html`<span class="mono wrap">${p.file}</span>` },
          { head: t("原因", "Reason"), cell: (/** @type {any} */ p) => p.reason },
        ]}
      />
      ${last > 1 && html`<${Pager} now=${page} last=${last} total=${data.total} turn=${setPage} size=${PAGE} />`}
    <//>
  `;
}
