// @ts-check
/** A folder before it is imported: layout, classes, pairs, what would be left out; and the form that imports it. */

import { act, get } from "../api.js";
import { FormBox, Input, Select, useForm } from "../components/form.js";
import { ClassesMatched, outcomes, PreviewPairs } from "../components/imported.js";
import { Empty, Facts, Failure, Head, Loading, Panel, Warnings } from "../components/layout.js";
import { badCount, LeftOut } from "../components/left-out.js";
import { JobState, StopButton } from "../components/state.js";
import { count, many, t } from "../i18n.js";
import { html, useEffect, useState } from "../lib.js";
import { isLive, usePoll, whileLive } from "../poll.js";
import { go, setQuery, to } from "../router.js";

/** @typedef {{layout: string, roadelement: string, values: string}} Reading How the folder is to be read. */

/** @param {{route: import("../router.js").Route}} props */
export function ImportLook({ route }) {
  const { src, preview } = route.query;
  const [error, setError] = useState(/** @type {any} */ (undefined));
  /** @param {Partial<Reading>} reading */
  const look = (reading) => {
    setError(undefined);
    act("/v1/imports/preview", { src, ...reading }).then(
      (reply) => setQuery({ src, preview: reply.data, ...reading }),
      setError,
    );
  };
  useEffect(() => {
    if (src && !preview) look({});
  }, [src]);
  if (!src) {
    return html`
      <${Head} title=${t("导入", "Import")} />
      <${Panel}>
        <${Empty}>
          ${t("先选择一个目录：", "Choose a folder first: ")}
          <a class="link" href=${to("import")}>${t("导入", "Import")} →</a>
        <//>
      <//>
    `;
  }
  return html`
    <${Head} title=${t("导入之前", "Before the import")}
      sub=${html`<span class="mono">${src}</span> · ${t("还没有写入任何东西", "nothing has been written yet")}`} />
    <div class="stack">
      <${Failure} error=${error} />
      ${preview ? html`<${Preview} key=${preview} route=${route} look=${look} />` : !error && html`<${Loading} />`}
      ${error && html`<${Correct} reading=${readingOf(route)} look=${look} />`}
    </div>
  `;
}

/** @param {import("../router.js").Route} route @returns {Reading} */
const readingOf = ({ query }) => ({
  layout: query.layout ?? "auto",
  roadelement: query.roadelement ?? "",
  values: query.values ?? "",
});

/** @param {{route: import("../router.js").Route, look: (reading: Partial<Reading>) => void}} props */
function Preview({ route, look }) {
  const task = route.query.preview;
  const { data, error, reload } = usePoll(
    (signal) => get("/v1/imports/preview", { task_id: task }, signal),
    [task],
    (reply) => whileLive(reply.data),
  );
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const row = data.data;
  const found = row.preview;
  const reading = readingOf(route);
  return html`
    ${
      !found &&
      html`
        <${Panel}>
          <div class="row">
            <div class="grow"><${JobState} job=${row} wide /></div>
            <${StopButton} job=${row} done=${reload} />
          </div>
        <//>
      `
    }
    ${
      found &&
      html`
        <div class="look">
          <div class="stack">
            <${Panel} title=${t("识别结果", "What was recognised")}><${Facts} of=${facts(found)} /><//>
            <${Warnings} texts=${row.warnings} />
            <${Panel} title=${t("图片与标注", "Pictures with their labels")}
              aside=${html`<span class="small quiet">${t("前几对与最可疑的", "The first and the oddest")}</span>`}>
              <${PreviewPairs} pairs=${found.pairs} task=${task} />
              <${ClassesMatched} classes=${found.classes} open />
            <//>
            <${Panel} flush title=${t("不会导入的文件", "What will be left out")}
              aside=${html`<span class="small quiet">${leftOutWords(found)}</span>`}>
              <${LeftOut} task=${task} result=${found} report=${found.report_url} />
            <//>
          </div>
          <div class="stack">
            ${found.pictures > 0 && html`<${ImportForm} found=${found} reading=${reading} src=${route.query.src} />`}
            <${Correct} reading=${reading} look=${look} />
          </div>
        </div>
      `
    }
    ${!found && !isLive(row) && html`<${Correct} reading=${reading} look=${look} />`}
  `;
}

/** @param {any} found */
const leftOutWords = (found) => {
  const bad = badCount(found);
  return bad === 0
    ? t("✓ 全部可用", "✓ everything can be used")
    : t(`${count(bad)} 项，逐个写明原因`, `${count(bad)}, each with its reason`);
};

/** @param {any} found @returns {[any, any][]} */
const facts = (found) => [
  [t("可导入的图片", "Pictures that can be imported"), html`<b>${count(found.pictures)}</b>`],
  [t("布局", "Layout"), html`<b>${found.layout}</b> <span class="quiet">${t(found.signs[0], found.signs[1])}</span>`],
  [
    t("类别表", "Class table"),
    found.table_file
      ? t(`${found.table}（数据自带 ${found.table_file}）`, `${found.table} (beside the data: ${found.table_file})`)
      : found.table,
  ],
  ...found.rules.map((/** @type {any} */ rule) => [
    t("配对方式", "Matched by"),
    t(`${rule.rule[0]}：${count(rule.pairs)} 对`, `${rule.rule[1]}: ${many(rule.pairs, "pair")}`),
  ]),
  ...outcomes(found),
];

/** @param {{name: string}[] | undefined} rows */
const choices = (rows) => (rows ?? []).map(({ name }) => [name, name]);

/** How the folder is read, where what was recognised is wrong. @param {{reading: Reading, look: any}} props */
function Correct({ reading, look }) {
  const { data } = usePoll(
    (signal) =>
      Promise.all([get("/v1/class-tables", {}, signal), get("/v1/imports/layouts", {}, signal)]).then(
        ([tables, layouts]) => ({ tables: tables.data, layouts: layouts.data }),
      ),
    [],
  );
  const form = useForm(reading, async (values) => look(values));
  return html`
    <${Panel} title=${t("识别得不对？", "Is that not right?")}>
      <${FormBox} form=${form} fields=${["layout", "roadelement", "values"]} go=${t("重新查看", "Look again")}>
        <${Select} form=${form} name="layout" label=${t("布局", "Layout")}
          options=${[["auto", t("自动识别", "Recognise it")], ...choices(data?.layouts)]} wide
          hint=${data?.layouts.find((/** @type {any} */ one) => one.name === form.values.layout)?.signs} />
        <${Select} form=${form} name="roadelement" label=${t("类别表", "Class table")} wide
          options=${[
            ["", t("数据自带的，或布局常用的", "The data's own, or the layout's usual one")],
            ...choices(data?.tables),
          ]} />
        <${Select} form=${form} name="values" label=${t("像素值的含义", "What pixel values mean")} wide
          options=${[
            ["", t("没有歧义时不用选", "Not needed where it is clear")],
            ["table", t("就是所选类别表的编号", "They are ids of the class table")],
            ["layout", t("布局常用的类别，按名称对应", "The layout's usual classes, matched by name")],
          ]} />
      <//>
    <//>
  `;
}

const FIELDS = ["dest", "author", "city", "import", "source", "annotype", "datakind", "imgoprange", "datum"];

/** @param {{found: any, reading: Reading, src: string}} props */
function ImportForm({ found, reading, src }) {
  const form = useForm(
    {
      dest: src.split("/").at(-1) ?? "",
      author: "",
      city: "",
      import: "copy",
      source: "1",
      annotype: "0",
      datakind: "0",
      imgoprange: "1",
      datum: "unknown",
    },
    async (values) => {
      const reply = await act("/offimport", { src, ...reading, ...values });
      go(to("import", reply.data));
    },
  );
  const pictures = count(found.pictures);
  return html`
    <${Panel} title=${t("导入", "Import")}>
      <${FormBox} form=${form} fields=${FIELDS} disabled=${!form.values.dest}
        go=${t(
          `导入 ${pictures} 张图片为 ${form.values.dest}`,
          `Import ${many(found.pictures, "picture")} as ${form.values.dest}`,
        )}>
        <${Input} form=${form} name="dest" label=${t("源数据名称", "Name of the source set")} required wide />
        <${Input} form=${form} name="city" label=${t("城市", "City")} placeholder=${t("可不填", "optional")} />
        <${Input} form=${form} name="author" label=${t("标注者", "Annotator")} placeholder=${t("可不填", "optional")} />
        <${Select} form=${form} name="import" label=${t("方式", "How")} wide
          options=${[
            ["copy", t("复制到工作区", "Copy into the workspace")],
            ["reference", t("留在原处，只记录位置", "Leave them where they are")],
          ]} />
        <${Select} form=${form} name="source" label=${t("来源", "Source")}
          options=${[
            ["0", t("线上", "online")],
            ["1", t("线下", "offline")],
            ["2", t("人工挑选", "hand-picked")],
          ]} />
        <${Select} form=${form} name="annotype" label=${t("标注轮次", "Annotation")}
          options=${[
            ["0", t("首次标注", "first")],
            ["1", t("返工", "rework")],
            ["2", t("二次返工", "second rework")],
          ]} />
        <${Select} form=${form} name="datakind" label=${t("用途", "Kind")}
          options=${[
            ["0", t("生产", "production")],
            ["1", t("测试", "test")],
          ]} />
        <${Select} form=${form} name="imgoprange" label=${t("标注范围", "Labelled part")}
          options=${[
            ["0", t("半图", "half of the picture")],
            ["1", t("全图", "the whole picture")],
          ]} />
        <${Select} form=${form} name="datum" label=${t("坐标系", "Datum of positions")}
          options=${["unknown", "wgs84", "gcj02", "bd09"].map((name) => [
            name,
            name === "unknown" ? t("未知", "unknown") : name,
          ])} />
      <//>
    <//>
  `;
}
