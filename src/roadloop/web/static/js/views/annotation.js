// @ts-check
/** One version on its way through annotation: packages, rejected labels, publication. */

import { get } from "../api.js";
import { Absent, Failure, Head, Loading, Tabs, oneOf } from "../components/layout.js";
import { count, t } from "../i18n.js";
import { html } from "../lib.js";
import { learnName } from "../names.js";
import { usePoll } from "../poll.js";
import { setQuery, to } from "../router.js";
import { KINDS } from "./annotation-list.js";
import { Packages } from "./annotation-packages.js";
import { PackagePictures } from "./annotation-pictures.js";
import { Publication } from "./annotation-publish.js";
import { Rejected } from "./annotation-rejected.js";

/** How often it is asked what lies in the inbox, which nothing tells of: the fewer packages, the more often. */
const LOOK = 2000;
const EACH = 30;

/** @param {{route: import("../router.js").Route}} props */
export function AnnotationPage({ route }) {
  const version = route.path[1];
  learnName(version, version);
  const { data, error, reload } = usePoll(
    (signal) => get(`/v1/annotation/${encodeURIComponent(version)}`, {}, signal),
    [version],
    (reply) => ({ kinds: KINDS, within: Math.max(LOOK, EACH * reply.data.packages.length) }),
  );
  if (!data)
    return error
      ? html`
        <${Absent} error=${error} retry=${reload} id=${version} none=${t("没有这个版本", "There is no such version")}
          all=${t("查看全部版本", "See all versions")} list=${to("annotation")} />
      `
      : html`<${Loading} />`;
  const of = data.data;
  const tab = oneOf(route.query.tab, ["packages", "rejected", "publish"]);
  const { n } = route.query;
  return html`
    <${Head} title=${version}
      sub=${t("任务包、退回的标注与发布。", "Packages, rejected labels, and publication.")}
      actions=${
        of.images &&
        html`
          <a class="button" href=${`${to("annotation", "new")}?version=${encodeURIComponent(version)}`}>
            ${t("切分任务包", "Cut packages")}
          </a>
        `
      } />
    <div class="stack">
      <${Failure} error=${error} retry=${reload} />
      <${Steps} of=${of} />
      <div>
        <${Tabs} now=${tab} choose=${(/** @type {string} */ to) => setQuery({ tab: to, n: "", p: "", page: "" })}
          tabs=${[
            ["packages", t("任务包", "Packages")],
            [
              "rejected",
              html`
                ${t("退回", "Rejected")} ${
                  of.waiting > 0 &&
                  html`<span class="chip warn"><span aria-hidden="true">⚠</span>${count(of.waiting)}</span>`
                }
              `,
            ],
            ["publish", t("发布", "Publish")],
          ]} />
        ${
          tab === "packages" &&
          (n
            ? html`<${PackagePictures} key=${n} version=${version} number=${n} query=${route.query} />`
            : html`<${Packages} of=${of} reload=${reload} />`)
        }
        ${tab === "rejected" && html`<${Rejected} of=${of} reload=${reload} />`}
        ${tab === "publish" && html`<${Publication} of=${of} reload=${reload} />`}
      </div>
    </div>
  `;
}

/** How far it is, in the order of the work. @param {{of: any}} props */
function Steps({ of }) {
  const rows = /** @type {any[]} */ (of.packages);
  /** @param {(row: any) => number} value */
  const sum = (value) => rows.reduce((total, row) => total + value(row), 0);
  const pictures = sum((row) => row.pictures);
  const steps = [
    [t("切分", "Cut"), pictures, t("张图片", "pictures"), "packages"],
    [t("交付", "Handed over"), sum((row) => (row.pushed ? 1 : 0)), `/ ${count(rows.length)} ${t("包", "packages")}`],
    [t("标完", "Labelled"), sum((row) => Math.max(row.done ?? 0, row.returned)), `/ ${count(pictures)}`],
    [t("取回", "Taken back"), sum((row) => row.returned), `/ ${count(pictures)}`],
    [t("退回待发", "Rejected"), of.waiting, t("张", "pictures"), "rejected"],
    [t("发布", "Published"), sum((row) => row.published), t("张", "pictures"), "publish"],
  ];
  return html`
    <ol class="stages">
      ${steps.map(
        ([name, number, unit, tab]) => html`
          <li>
            <a href=${`${to("annotation", of.version)}?tab=${tab ?? "packages"}`}>
              <span class="stage-name">${name}</span>
              <span class="stage-number">${count(/** @type {number} */ (number))}</span>
              <span class="small faint">${unit}</span>
            </a>
          </li>
        `,
      )}
    </ol>
  `;
}
