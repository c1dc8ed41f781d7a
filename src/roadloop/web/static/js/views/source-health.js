// @ts-check
/** The health of a source set: numbers, coverage, duplicates and likely label errors as pictures side by side. */

import { act, get } from "../api.js";
import { Empty, Facts, Failure, Loading, Panel } from "../components/layout.js";
import { FormBox, Select, useForm } from "../components/form.js";
import { JobState, StopButton } from "../components/state.js";
import { Table } from "../components/table.js";
import { count, many, t } from "../i18n.js";
import { html } from "../lib.js";
import { isLive, ofKinds, usePoll } from "../poll.js";
import { Doubts, pictureOf } from "./source-doubts.js";
import { Labelled } from "./source-pictures.js";
import { pathOf } from "../source-path.js";

const MOST = 24; // pairs that are shown; the lists have all

/** @param {{set: any}} props */
export function SourceHealth({ set }) {
  const rows = usePoll(
    (signal) => get("/v1/source_health", { q: set.name, page: 1, page_size: 20 }, signal),
    [set.name],
    (reply) => ofKinds("health")(reply.data),
  );
  const mine = (rows.data?.data ?? []).filter((/** @type {any} */ row) => row.name === set.name);
  const newest = mine[0];
  const live = newest && isLive(newest);
  return html`
    <div class="stack">
      <${Failure} error=${rows.error} retry=${rows.reload} />
      ${
        newest &&
        newest.state !== "succeeded" &&
        html`
          <${Panel}>
            <div class="row">
              <div class="grow"><${JobState} job=${newest} wide /></div>
              <${StopButton} job=${newest} done=${rows.reload} />
            </div>
          <//>
        `
      }
      ${
        !live &&
        rows.data &&
        html`
          <${Examine} calls="/v1/sources/{name}/health" set=${set} again=${mine.length > 0} done=${rows.reload} />
        `
      }
      ${
        mine.some((/** @type {any} */ row) => row.state === "succeeded") &&
        html`<${Found} key=${newest.task_id + newest.state} set=${set} />`
      }
    </div>
  `;
}

/** @param {{set: any, again: boolean, done: () => void}} props */
function Examine({ set, again, done }) {
  const { data } = usePoll((signal) => get("/model", {}, signal), []);
  const models = Object.entries(data?.data ?? {}).flatMap(([task, files]) =>
    /** @type {string[]} */ (files).filter((file) => file.endsWith(".params")).map((file) => `${task}/${file}`),
  );
  const form = useForm({ model: "" }, async (values) => {
    await act(`${pathOf(set.name)}/health`, values);
    done();
  });
  return html`
    <${Panel} title=${again ? t("再次体检", "Examine it again") : t("体检", "Examine it")}>
      <${FormBox} form=${form} fields=${["model"]}
        go=${t(`检查 ${count(set.pictures)} 张图片`, `Examine ${many(set.pictures, "picture")}`)}>
        <${Select} form=${form} name="model" wide
          label=${t("用模型查找可能的标注错误", "Model that looks for label errors")}
          options=${[
            ["", t("不查找：只看重复图片、坏文件与各类别的覆盖", "none: only duplicates, bad files and coverage")],
            ...models.map((name) => [name, name]),
          ]}
          hint=${t(
            "模型很有把握而标注不同的地方会列出来。",
            "Where a model is sure and the label says something else is listed.",
          )} />
      <//>
    <//>
  `;
}

/** @param {{set: any}} props */
function Found({ set }) {
  const { data, error, reload } = usePoll((signal) => get(`${pathOf(set.name)}/health`, {}, signal), [set.name]);
  if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  const { totals, files, coverage, duplicates, leaks, label_noise: noise } = data.data;
  return html`
    <${Panel} title=${t("结果", "What was found")}
      aside=${Object.entries(files)
        .filter(([name]) => name.endsWith(".csv"))
        .map(([name, url]) => html`<a class="button small-button" href=${url} download>${name}</a>`)}>
      <${Facts} of=${facts(totals)} />
    <//>
    <${Panel} title=${t("可能的标注错误", "Likely label errors")}>
      ${
        totals.label_noise == null
          ? html`
            <${Empty}>
              ${t("选择一个模型再次体检，就会查找。", "Examine it again with a model to look for them.")}
            <//>
          `
          : noise.length === 0
            ? html`<${Empty}>${t("✓ 没有找到。", "✓ None was found.")}<//>`
            : html`
              <${OfAll} shown=${MOST} all=${totals.label_noise} file="noise.csv" />
              <${Doubts} set=${set} noise=${noise.slice(0, MOST)} />
            `
      }
    <//>
    <${Doubles} set=${set} title=${t("重复的图片", "Duplicates")} pairs=${duplicates} />
    <${Doubles} set=${set} title=${t("也在别的源数据中", "Also in other sets")} pairs=${leaks} foreign />
    <${Panel} title=${t("各类别出现在多少张图片中", "In how many pictures each class is seen")} flush>
      <div class="table-box tall"><${Coverage} of=${coverage} /></div>
    <//>
  `;
}

/** Says where the others are when not all are shown. @param {{shown: number, all: number, file: string}} props */
const OfAll = ({ shown, all, file }) =>
  all > shown &&
  html`
    <p class="small quiet">
      ${t(
        `这里是 ${count(all)} 处中最大的 ${count(shown)} 处；全部在上面的 ${file} 中。`,
        `The largest ${count(shown)} of ${count(all)} places are here; ${file} above has all.`,
      )}
    </p>
  `;

/** @param {any} totals @returns {[any, any][]} */
const facts = (totals) => [
  [t("图片", "Pictures"), html`<b>${count(totals.pictures)}</b>`],
  [t("有问题的文件", "Files with problems"), count(totals.problems)],
  [t("重复图片", "Duplicates"), count(totals.duplicates)],
  [t("近似重复", "Near-duplicates"), count(totals.near_duplicates)],
  [t("也在别的源数据中", "Also in other sets"), count(totals.leaking_pictures)],
  [t("跨源数据的轨迹", "Tracks in other sets"), count(totals.leaking_tracks)],
  [
    t("可能的标注错误", "Likely label errors"),
    totals.label_noise == null ? null : t(`${count(totals.label_noise)} 处`, many(totals.label_noise, "place")),
  ],
];

/** @param {{set: any, title: string, pairs: any[], foreign?: boolean}} props */
const Doubles = ({ set, title, pairs, foreign }) =>
  pairs.length > 0 &&
  html`
    <${Panel} title=${title}>
      <div class="compare">
        ${pairs.slice(0, MOST).map((pair) => {
          const [other, ...rest] = foreign ? pair.second.split("/") : [set.name, pair.second];
          return html`
            <figure key=${`${pair.first} ${pair.second}`}>
              <div class="side">
                <${Labelled} picture=${pictureOf(set.name, pair.first)} opacity=${0} />
                <${Labelled} picture=${pictureOf(other, rest.join("/"))} opacity=${0} />
              </div>
              <figcaption class="small wrap">
                <span class="mono">${pair.first}</span> = <span class="mono">${pair.second}</span> ·${" "}
                ${
                  pair.distance < 0
                    ? t("逐字节相同", "byte for byte the same")
                    : t(`相差 ${pair.distance} 位`, `${many(pair.distance, "bit")} apart`)
                }
              </figcaption>
            </figure>
          `;
        })}
      </div>
    <//>
  `;

/** @param {{of: any}} props */
const Coverage = ({ of }) => html`
  <${Table} rows=${of.classes}
    columns=${[
      { head: t("类别", "Class"), cell: (/** @type {any} */ c) => t(c.name_zh, c.name_en), class: "text" },
      { head: t("图片", "Pictures"), num: true, cell: (/** @type {any} */ c) => count(c.pictures) },
      ...[
        ...Object.keys(of.cities).map((key) => ["cities", key]),
        ...Object.keys(of.months).map((key) => ["months", key]),
      ]
        .slice(0, 24)
        .map(([field, key]) => ({
          head: key || (field === "cities" ? t("城市未知", "no city") : t("月份未知", "no month")),
          num: true,
          cell: (/** @type {any} */ c) => count(c[field][key]),
        })),
    ]} />
`;
