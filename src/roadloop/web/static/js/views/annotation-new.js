// @ts-check
/** The form that cuts a version into packages. */

import { act, get } from "../api.js";
import { Check, FormBox, Input, Select, useForm } from "../components/form.js";
import { GpuField } from "../components/gpu-field.js";
import { Empty, Failure, Head, Loading, Panel, Warnings } from "../components/layout.js";
import { count, many, t } from "../i18n.js";
import { html } from "../lib.js";
import { usePoll } from "../poll.js";
import { go, to } from "../router.js";

const FIELDS = ["version", "step", "types", "overlap", "gold", "gold_set", "pre_model", "roadelement", "gpus"];

/** @param {{route: import("../router.js").Route}} props */
export function AnnotationNew({ route }) {
  const { data, error, reload } = usePoll(
    (signal) =>
      Promise.all([
        get("/v1/packages/versions", {}, signal),
        get("/data", {}, signal),
        get("/model", {}, signal),
        get("/v1/class-tables", {}, signal),
      ]).then(([versions, sets, models, tables]) => ({
        versions: versions.data.filter((/** @type {any} */ row) => row.images),
        sets: sets.data,
        models: Object.entries(models.data).flatMap(([task, files]) =>
          /** @type {string[]} */ (files).filter((file) => file.endsWith(".params")).map((file) => `${task}/${file}`),
        ),
        tables: tables.data.map((/** @type {any} */ table) => table.name),
      })),
    [],
  );
  return html`
    <${Head} title=${t("切分任务包", "Cut packages")}
      sub=${t(
        "按轨迹次序切成带编号的任务包，放在 packages/<版本>/<编号>/；原图不变。",
        "Cuts into numbered packages in track order, in packages/<version>/<n>/; the pictures stay as they are.",
      )} />
    <${Failure} error=${error} retry=${reload} />
    ${
      !data
        ? !error && html`<${Loading} />`
        : data.versions.length === 0
          ? html`<${Empty}>
            ${t("images/ 中还没有版本。", "There is no version in images/ yet.")}${" "}
            <a class="link" href=${to("annotation")}>${t("怎样得到图片", "How to get pictures")} →</a>
          <//>`
          : html`<${Panel}><${DivideForm} ...${data} version=${route.query.version ?? ""} /><//>`
    }
  `;
}

/** @param {{versions: any[], sets: string[], models: string[], tables: string[], version: string}} props */
function DivideForm({ versions, sets, models, tables, version }) {
  const names = versions.map((row) => row.version);
  const form = useForm(
    {
      version: names.includes(version) ? version : names[0],
      step: "100",
      types: "full",
      overlap: "",
      gold: "",
      gold_set: "",
      pre_model: "",
      roadelement: "",
      gpus: "",
      again: false,
    },
    async (values) => {
      const given = Object.entries(values).filter(([, value]) => value !== "" && value !== false);
      await act("/task_divide", Object.fromEntries(given));
      go(to("annotation", values.version));
    },
  );
  const { values } = form;
  const counted = usePoll(
    (signal) => get(`/v1/packages/${encodeURIComponent(values.version)}/uncut`, { types: values.types }, signal),
    [values.version, values.types],
  );
  const found = counted.data?.data;
  const n = values.again ? found?.pictures : found?.uncut;
  const packages = n && Number(values.step) > 0 ? Math.ceil(n / Number(values.step)) : 0;
  return html`
    <${FormBox} form=${form} fields=${FIELDS} cancel=${to("annotation")} disabled=${n === 0}
      go=${
        n === 0
          ? t("没有要切分的图片", "Nothing is left to cut")
          : packages
            ? t(`切成约 ${count(packages)} 个任务包`, `Cut into about ${many(packages, "package")}`)
            : t("切分", "Cut")
      }>
      <${Select} form=${form} name="version" label=${t("版本", "Version")} options=${names.map((name) => [name, name])}
        hint=${found ? foundHint(found) : counted.error ? counted.error.message : t("正在清点…", "Counting…")} />
      <${Input} form=${form} name="step" type="number" min="1" label=${t("每包最多几张", "Most pictures in a package")}
        hint=${t("一个任务包由一位标注员完成。", "One annotator does one package.")} required />
      <${Select} form=${form} name="types" label=${t("类型", "Type")}
        options=${[
          ["full", t("全幅", "Whole pictures")],
          ["remote", t("下半幅，四周留 50 像素白边", "The bottom half in a white border of 50 pixels")],
        ]} />
      <${Select} form=${form} name="pre_model" label=${t("预标注模型", "Model that draws first labels")}
        options=${[["", t("不预标注", "None")], ...models.map((name) => [name, name])]}
        hint=${t("标注员在它画好的结果上修改。", "Annotators correct what it has drawn.")} />
      <${Select} form=${form} name="roadelement" label=${t("类别表", "Class table")}
        options=${[
          ["", t("检验集的，否则模型的，否则 hd-road", "the gold set's, else the model's, else hd-road")],
          ...tables.map((name) => [name, name]),
        ]} />
      <${Input} form=${form} name="overlap" label=${t("重复标注", "Labelled twice")}
        placeholder=${t("不填：不重复；例如 5%", "empty: none; for example 5%")}
        hint=${t(
          "几张或百分之几给两个包，用来比较两位标注员是否一致。",
          "So many, or such a share, goes into two packages: do two annotators agree?",
        )} />
      <${Input} form=${form} name="gold" label=${t("隐藏的检验图片", "Hidden tests")}
        placeholder=${t("不填：没有；例如 2%", "empty: none; for example 2%")}
        hint=${t(
          "几张或百分之几已知答案的图片混入其中，标注员看不出来。",
          "So many, or such a share, whose labels are known is hidden among them.",
        )} />
      ${
        values.gold &&
        html`
          <${Select} form=${form} name="gold_set" label=${t("检验图片取自", "Tests are drawn from")}
            options=${[["", t("请选择源数据", "Choose a source set")], ...sets.map((name) => [name, name])]} />
        `
      }
      ${values.pre_model && html`<${GpuField} form=${form} />`}
      <${Check} form=${form} name="again"
        label=${t("已在任务包中的图片也再切一次", "Also cut pictures that are in packages already")} />
      ${
        found?.bad > 0 &&
        html`<div class="wide">
          <${Warnings} texts=${found.problems.map((/** @type {any} */ p) => `${p.file}: ${p.reason}`)} />
        </div>`
      }
    <//>
  `;
}

/** @param {any} found */
const foundHint = (found) =>
  t(
    `${count(found.pictures)} 张图片，其中 ${count(found.uncut)} 张（${count(found.tracks)} 条轨迹）还没有切分` +
      (found.bad ? `；${count(found.bad)} 个文件不能使用` : ""),
    `${many(found.pictures, "picture")}, ${count(found.uncut)} of ${many(found.tracks, "track")} not cut yet` +
      (found.bad ? `; ${many(found.bad, "file")} cannot be used` : ""),
  );
