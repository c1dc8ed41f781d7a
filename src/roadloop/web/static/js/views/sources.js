// @ts-check
/** Source sets: the list, and one with its classes, pictures, health and files that are left out. */

import { get } from "../api.js";
import { DeleteButton } from "../components/delete.js";
import { Absent, Empty, Facts, Failure, Head, Loading, Panel, Tabs, oneOf } from "../components/layout.js";
import { Table } from "../components/table.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { pathOf } from "../source-path.js";
import { usePoll } from "../poll.js";
import { setQuery, to } from "../router.js";
import { SourceHealth } from "./source-health.js";
import { SourcePictures } from "./source-pictures.js";

/** @typedef {{name: string, pictures: number}} Counted */

export function SourceList() {
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/sources", {}, signal),
    [],
    () => 15_000,
  );
  return html`
    <${Head} title=${t("源数据", "Source sets")}
      sub=${t(
        "已导入的带标注图片；数据由它们生成。",
        "Labelled pictures that were imported; datasets are built of them.",
      )}
      actions=${html`
        <a class="button" href=${to("pictures")}>${t("查找已标注图片", "Find labelled pictures")}</a>
        <a class="button primary" href=${to("import")}>${t("导入图片", "Import pictures")}</a>
      `} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : html`
          <${Panel} flush>
            <${Table} rows=${data.data} address=${(/** @type {any} */ row) => to("sources", row.name)}
              empty=${html`
                ${t("还没有源数据。", "There are no source sets yet.")}${" "}
                <a class="link" href=${to("import")}>
                  ${t("导入带标注的图片", "Import labelled pictures")} →
                </a>
              `}
              columns=${[
                { head: t("名称", "Name"), cell: (/** @type {any} */ r) => r.name, class: "name-col" },
                {
                  head: t("来自", "From"),
                  cell: (/** @type {any} */ r) => r.src && html`<span class="mono wrap">${r.src}</span>`,
                },
                { head: t("布局", "Layout"), cell: (/** @type {any} */ r) => r.layout, class: "nowrap" },
                {
                  head: t("图片", "Pictures"),
                  cell: (/** @type {any} */ r) =>
                    r.mode === "reference" ? t("留在原处", "left where they are") : t("在工作区", "in the workspace"),
                  class: "nowrap",
                },
              ]} />
          <//>
        `
    }
  `;
}

/** @param {{route: import("../router.js").Route}} props */
export function SourcePage({ route }) {
  const name = route.path[1];
  const { data, error, reload } = usePoll((signal) => get(pathOf(name), {}, signal), [name]);
  learnName(name, name);
  if (!data)
    return error
      ? html`
        <${Absent} error=${error} retry=${reload} id=${name}
          none=${t("没有这份源数据", "There is no such source set")}
          all=${t("查看全部源数据", "See all source sets")} list=${to("sources")} />
      `
      : html`<${Loading} />`;
  const set = data.data;
  const tab = oneOf(route.query.tab, ["pictures", "packages", "classes", "health", "problems"]);
  return html`
    <${Head} title=${set.name}
      actions=${html`
        <a class="button primary" href=${to("datasets", "new")}>${t("生成数据", "Build a dataset")}</a>
        <${DeleteButton} thing=${{ kind: "source", name: set.name }} back=${to("sources")} />
      `} />
    <div class="stack">
      <${Panel}><${Facts} of=${facts(set)} /><//>
      <div>
        <${Tabs} now=${tab} choose=${(/** @type {string} */ chosen) => setQuery({ tab: chosen })}
          tabs=${[
            ["pictures", t("图片", "Pictures")],
            ["packages", t("包、城市与月份", "Packages, cities, months")],
            ["classes", t("类别", "Classes")],
            ["health", t("体检", "Health")],
            [
              "problems",
              html`
                ${t("未使用的文件", "Left out")} ${
                  set.bad > 0 && html`<span class="chip warn"><span aria-hidden="true">⚠</span>${count(set.bad)}</span>`
                }
              `,
            ],
          ]} />
        ${tab === "pictures" && html`<${SourcePictures} set=${set} />`}
        ${tab === "packages" && html`<${Where} set=${set} />`}
        ${tab === "classes" && html`<${Classes} set=${set} />`}
        ${tab === "health" && html`<${SourceHealth} set=${set} />`}
        ${tab === "problems" && html`<${Problems} set=${set} />`}
      </div>
    </div>
  `;
}

/** @param {any} set @returns {[any, any][]} */
const facts = (set) => [
  [t("图片", "Pictures"), html`<b>${count(set.pictures)}</b>`],
  [t("轨迹", "Tracks"), count(set.tracks)],
  [t("包", "Packages"), count(set.packages.length)],
  [t("城市", "Cities"), named(set.cities)],
  [t("标注者", "Annotators"), named(set.authors)],
  [t("月份", "Months"), named(set.months)],
  [t("类别表", "Class table"), `${set.table.name} (${set.table.classes.length})`],
  [t("官方划分", "Official split"), set.splits ? t("有", "yes") : t("无", "no")],
];

/** The first few that have a name. @param {Counted[]} of */
const named = (of) => {
  const names = of.map((one) => one.name).filter(Boolean);
  return names.slice(0, 5).join(t("、", ", ")) + (names.length > 5 ? t(` 等 ${names.length} 个`, ` and more`) : "");
};

/** @param {{set: any}} props */
const Where = ({ set }) => html`
  <div class="two">
    <${Counts} title=${t("包", "Packages")} of=${set.packages} />
    <div class="stack">
      <${Counts} title=${t("城市", "Cities")} of=${set.cities} />
      <${Counts} title=${t("月份", "Months")} of=${set.months} />
    </div>
  </div>
`;

/** @param {{title: string, of: Counted[]}} props */
const Counts = ({ title, of }) => html`
  <${Panel} title=${title} flush>
    <div class="table-box tall">
      <${Table} rows=${of}
        columns=${[
          { head: title, cell: (/** @type {Counted} */ one) => one.name || t("未知", "unknown"), class: "text" },
          { head: t("图片", "Pictures"), num: true, cell: (/** @type {Counted} */ one) => count(one.pictures) },
        ]} />
    </div>
  <//>
`;

/** @param {{set: any}} props */
const Classes = ({ set }) => html`
  <${Panel} flush>
    <${Table} rows=${set.table.classes}
      columns=${[
        {
          head: t("类别", "Class"),
          cell: (/** @type {any} */ c) => html`
            <span class="swatch" style=${{ background: `rgb(${c.color.join(",")})` }}></span> ${t(c.name_zh, c.name_en)}
          `,
          class: "text",
        },
        { head: t("编号", "Raw id"), num: true, cell: (/** @type {any} */ c) => c.raw_id },
        {
          head: t("训练编号", "Train id"),
          num: true,
          cell: (/** @type {any} */ c) => (c.train_id === 255 ? t("忽略", "ignored") : c.train_id),
        },
        {
          head: t("颜色", "Colour"),
          cell: (/** @type {any} */ c) => html`<span class="mono">${c.color.join(",")}</span>`,
        },
      ]} />
  <//>
`;

/** @param {{set: any}} props */
const Problems = ({ set }) =>
  set.problems.length === 0
    ? html`<${Panel}><${Empty}>${t("✓ 所有文件都可用。", "✓ Every file can be used.")}<//><//>`
    : html`
      <${Panel} flush>
        ${
          set.bad > set.problems.length &&
          html`
            <p class="panel-text quiet">
              ${t(
                `共 ${count(set.bad)} 个，显示前 ${set.problems.length} 个；体检的 problems.csv 有全部。`,
                `The first ${set.problems.length} of ${count(set.bad)}; problems.csv of an examination has all.`,
              )}
            </p>
          `
        }
        <${Table} rows=${set.problems}
          columns=${[
            {
              head: t("文件", "File"),
              cell: (/** @type {any} */ p) => html`<span class="mono wrap">${p.file}</span>`,
            },
            { head: t("原因", "Reason"), cell: (/** @type {any} */ p) => p.reason },
          ]} />
      <//>
    `;
