// @ts-check
/** What an annotator sees: the packages that were given to them, and the pictures of one. */

import { get } from "../api.js";
import { Failure, Head, Loading, Panel } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { to } from "../router.js";
import { PackagePictures } from "./annotation-pictures.js";

/** @param {{route: import("../router.js").Route}} props */
export function MyPackages({ route }) {
  const { version, n } = route.query;
  return version && n
    ? html`
      <${Head} title=${t(`第 ${n} 包`, `Package ${n}`)} sub=${version} />
      <${PackagePictures} version=${version} number=${n} query=${route.query} list=${to("mine")}
        all=${`${to("mine")}?version=${encodeURIComponent(version)}&n=${n}`} />
    `
    : html`<${List} />`;
}

function List() {
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/packages", {}, signal),
    [],
    () => 60_000,
  );
  return html`
    <${Head} title=${t("我的任务包", "My packages")}
      sub=${t("分给你标注的任务包。", "The packages that were given to you to label.")} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`
          <${Panel} flush>
            <${Table} rows=${data.data} columns=${columns()} address=${addressOf}
              empty=${t("还没有任务包分给你。", "No package was given to you yet.")} />
          <//>
        `
    }
  `;
}

/** @param {any} row */
const addressOf = (row) => `${to("mine")}?version=${encodeURIComponent(row.version)}&n=${row.number}`;

const columns = () => [
  {
    head: t("任务包", "Package"),
    cell: (/** @type {any} */ row) => t(`第 ${row.number} 包`, `Package ${row.number}`),
    class: "name-col",
  },
  { head: t("版本", "Version"), cell: (/** @type {any} */ row) => row.version },
  { head: t("图片", "Pictures"), num: true, cell: (/** @type {any} */ row) => count(row.pictures) },
  { head: t("取回的标注", "Labels taken back"), num: true, cell: (/** @type {any} */ row) => count(row.returned) },
];
