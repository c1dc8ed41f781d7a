// @ts-check
/** The Import stage: ways in, folders that are there already, and the imports that were made. */

import { get, query } from "../api.js";
import { Empty, Failure, Head, Loading, Panel, Time } from "../components/layout.js";
import { JobState, StopButton } from "../components/state.js";
import { Table } from "../components/table.js";
import { count, many, t } from "../i18n.js";
import { html } from "../lib.js";
import { ofKinds, usePoll } from "../poll.js";
import { setQuery, to } from "../router.js";
import { badCount } from "../components/left-out.js";
import { Drop, lookAt, Sends } from "./import-drop.js";

/** @param {{route: import("../router.js").Route}} props */
export function ImportList({ route }) {
  return html`
    <${Head} title=${t("导入", "Import")}
      sub=${t(
        "带标注的图片从这里进来。先看，再导入；原来的目录不会被改动。",
        "Labelled pictures come in here. Look first, then import; the folder stays as it is.",
      )}
      actions=${html`
        <a class="button" href=${to("pictures")}>${t("查找已标注图片", "Find labelled pictures")}</a>
        <a class="button" href=${to("sources")}>${t("源数据", "Source sets")}</a>
      `} />
    <div class="stack">
      <div class="two">
        <${Drop} />
        <${Browser} path=${route.query.path ?? "imports"} />
      </div>
      <${Sends} />
      <${Imports} />
    </div>
  `;
}

/** @param {{path: string}} props */
function Browser({ path }) {
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/imports/folders", { path: path === "/" ? "" : path }, signal),
    [path],
    () => 15_000,
  );
  const here = data?.data;
  /** @param {string} next */
  const enter = (next) => setQuery({ path: next || "/" });
  return html`
    <${Panel} title=${t("已在服务器上的目录", "Folders on the server")} flush>
      <div class="row table-top">
        ${
          here?.above != null &&
          html`
            <button type="button" class="button small-button" onClick=${() => enter(here.above)}>
              ↑ ${t("上一级", "Up")}
            </button>
          `
        }
        <span class="mono wrap grow">${here?.path || t("可选的位置", "Where folders can be")}</span>
        ${
          here &&
          here.path &&
          here.path !== "imports" &&
          html`
            <span class="small quiet nowrap">
              ${t(`${count(here.pictures)} 张图片`, many(here.pictures, "picture"))}
            </span>
            <a class="button primary small-button" href=${lookAt(here.path)}>${t("查看这个目录", "Look at this")}</a>
          `
        }
      </div>
      <${Failure} error=${error} retry=${() => (error?.status === 404 ? enter("imports") : reload())} />
      ${!here && !error && html`<${Loading} />`}
      ${here && here.folders.length === 0 && html`<${Empty}>${noFolders(here)}<//>`}
      <ul class="folders">
        ${(here?.folders ?? []).map(
          (/** @type {any} */ folder) => html`
            <li key=${folder.path}>
              <button type="button" class="as-link wrap grow" onClick=${() => enter(folder.path)}>
                <span aria-hidden="true">▸</span> ${folder.name}
              </button>
              ${
                here.path &&
                html`<a class="button small-button" href=${lookAt(folder.path)}>${t("查看", "Look at it")}</a>`
              }
            </li>
          `,
        )}
      </ul>
      ${
        here &&
        here.total > here.folders.length &&
        html`
          <p class="panel-text small quiet">
            ${t(
              `共 ${count(here.total)} 个目录，显示前 ${count(here.folders.length)} 个。`,
              `The first ${count(here.folders.length)} of ${count(here.total)}.`,
            )}
          </p>
        `
      }
    <//>
  `;
}

/** @param {any} here */
const noFolders = (here) =>
  here.path === "imports"
    ? t(
        html`还没有目录。把图片目录复制到 <code>${here.imports}</code>，或拖到页面上传。`,
        html`No folders yet. Copy one to <code>${here.imports}</code>, or drop it on the page.`,
      )
    : t("这里没有下级目录。", "There are no folders in here.");

function Imports() {
  const { data, error, reload } = usePoll(
    (signal) => query("/off_status", { page: 1, page_size: 50 }, signal),
    [],
    (reply) => ofKinds("offimport")(reply.data),
  );
  return html`
    <${Panel} title=${t("导入记录", "Imports")} flush>
      <${Failure} error=${error} retry=${reload} />
      ${
        !data
          ? !error && html`<${Loading} />`
          : html`
            <${Table} rows=${data.data} address=${(/** @type {any} */ row) => to("import", row.task_id)}
              empty=${t("还没有导入过。", "Nothing was imported yet.")} columns=${columns(reload)} />
          `
      }
    <//>
  `;
}

/** @param {() => void} reload */
const columns = (reload) => [
  { head: t("源数据", "Source set"), cell: (/** @type {any} */ r) => r.dest, class: "name-col" },
  { head: t("状态", "State"), cell: (/** @type {any} */ r) => html`<${JobState} job=${r} />` },
  { head: t("目录", "Folder"), cell: (/** @type {any} */ r) => html`<span class="mono wrap">${r.src}</span>` },
  { head: t("布局", "Layout"), cell: (/** @type {any} */ r) => r.layout, class: "nowrap" },
  { head: t("图片", "Pictures"), num: true, cell: (/** @type {any} */ r) => count(r.pictures) },
  {
    head: t("需查看", "To look at"),
    num: true,
    cell: (/** @type {any} */ r) =>
      r.counts ? count(badCount({ counts: r.counts, statements: r.statements ?? {} })) : "–",
  },
  { head: t("创建", "Created"), cell: (/** @type {any} */ r) => html`<${Time} at=${r.created_at} />` },
  { head: "", class: "actions", cell: (/** @type {any} */ r) => html`<${StopButton} job=${r} done=${reload} />` },
];
