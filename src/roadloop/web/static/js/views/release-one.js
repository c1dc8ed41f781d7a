// @ts-check
/** One release: what it is, its bundle, and what has served at its place. */

import { get } from "../api.js";
import { DeleteButton } from "../components/delete.js";
import { Absent, Facts, Head, Loading, Panel } from "../components/layout.js";
import { Against, measuredOn, placeOf, releasedMiou } from "../components/released.js";
import { Table } from "../components/table.js";
import { t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";

/** Releases of a place that are listed; one more is asked for, which the last of them is compared with. */
const MANY = 50;

/** @param {{route: import("../router.js").Route}} props */
export function ReleaseOne({ route }) {
  const id = route.path[1];
  const { data, error, reload } = usePoll(
    async (signal) => {
      const one = (await get("/v1/releases", { task_id: id }, signal)).data;
      learnName(id, `${one.type} ${one.version}`);
      const { type, env, adcode } = one;
      const [place, older] = await Promise.all(
        [{ limit: MANY + 1 }, { before: one.id, limit: 1 }].map((part) =>
          get("/v1/releases/place", { type, env, adcode, ...part }, signal),
        ),
      );
      return { one, place: place.data, before: older.data[0] };
    },
    [id],
    () => ({ kinds: ["release"] }),
  );
  if (!data)
    return error
      ? html`
        <${Absent} error=${error} retry=${reload} id=${id} list=${to("release")}
          none=${t("没有这次发布", "No such release")} all=${t("查看在用的模型", "See what serves where")} />
      `
      : html`<${Loading} />`;
  const { one, place, before } = data;
  const serves = place[0]?.id === one.id;
  return html`
    <${Head} title=${`${one.type} ${one.version}`} sub=${html`${one.env} · ${placeOf(one)}`}
      chip=${
        one.folder
          ? html`<span class=${`state ${serves ? "good" : "waiting"}`}>
            ${serves ? t("● 在用", "● in service") : t("○ 已被替换", "○ replaced")}
          </span>`
          : html`<a class="link" href=${to("jobs", id)}>${t("还没有发布", "not published")}</a>`
      }
      actions=${html`
        ${
          one.folder &&
          html`
            <a class="button primary" href=${`/v1/releases/${one.id}/bundle`} download>
              ${t("下载整包（zip）", "Download the bundle (zip)")}
            </a>
          `
        }
        <${DeleteButton} thing=${{ kind: "release", name: id }} back=${to("release")} />
      `} />
    <div class="stack">
      <${Panel}>
        <${Facts} of=${[
          ["mIoU", html`${releasedMiou(one.metrics)} <span class="small faint">${measuredOn(one.metrics)}</span>`],
          [t("与之前相比", "Against before"), one.folder && html`<${Against} now=${one} before=${before} />`],
          [t("模型", "Model"), one.model],
          [t("来自", "From"), one.source],
          [t("发布时间", "Released"), one.time],
          [t("描述", "Description"), one.desc],
          [t("目录", "Folder"), one.folder && html`<span class="mono">${one.folder}</span>`],
          [t("文件", "Files"), (one.files ?? []).join(", ")],
          ["sha256", html`<span class="mono small">${one.params_sha256}</span>`],
          [
            t("发布任务", "Job"),
            html`<a class="link" href=${to("jobs", id)}>${t("日志与用时", "log and times")} →</a>`,
          ],
        ]} />
      <//>
      <${Panel} title=${t("这里用过的模型", "What has served here")} flush>
        <${Table} rows=${place.slice(0, MANY)} columns=${columns(place)}
          address=${(/** @type {any} */ r) => to("release", r.task_id)}
          chosen=${(/** @type {any} */ r) => r.id === one.id}
          empty=${t("这里还没有用过模型。", "Nothing has served here yet.")} />
      <//>
    </div>
  `;
}

/** @param {any[]} place */
const columns = (place) => [
  { head: t("版本", "Version"), cell: (/** @type {any} */ r) => html`<b>${r.version}</b>`, class: "name-col" },
  {
    head: "mIoU",
    num: true,
    cell: (/** @type {any} */ r) =>
      html`<div>${releasedMiou(r.metrics)}</div><div class="small faint wrap">${measuredOn(r.metrics)}</div>`,
  },
  {
    head: t("与之前相比", "Against before"),
    num: true,
    cell: (/** @type {any} */ r) => html`<${Against} now=${r} before=${place[place.indexOf(r) + 1]} />`,
  },
  { head: t("模型", "Model"), cell: (/** @type {any} */ r) => r.model, class: "text" },
  { head: t("描述", "Description"), cell: (/** @type {any} */ r) => r.desc, class: "text" },
  { head: t("发布时间", "Released"), cell: (/** @type {any} */ r) => html`<span class="nowrap">${r.time}</span>` },
];
