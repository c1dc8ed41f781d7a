// @ts-check
/** /docs: the API reference, drawn from /openapi.json without a network. */

import { get } from "./api.js";
import { Fields, typeOf } from "./components/schema.js";
import { Code, InLanguage, Prose, said } from "./components/prose.js";
import { Failure, Loading } from "./components/layout.js";
import { TryIt } from "./components/try-it.js";
import { t } from "./i18n.js";
import { html, render, useEffect, useState } from "./lib.js";
import { askWho } from "./me.js";
import { usePoll } from "./poll.js";
import { language, setLanguage, usePreferences } from "./preferences.js";

/** @typedef {{id: string, method: string, path: string, tag: string, operation: any}} Endpoint */

const METHODS = ["get", "post", "put", "delete"];

/** @param {any} api @returns {Endpoint[]} */
function endpointsOf(api) {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      id: item[method].operationId,
      method,
      path,
      tag: item[method].tags?.[0] ?? "",
      operation: item[method],
    })),
  );
}

/** What a request can hold, wherever it stands. @param {any} operation */
function parametersOf(operation) {
  const body = operation.requestBody?.content["application/json"]?.schema;
  const inBody = Object.entries(body?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: "body",
    required: (body.required ?? []).includes(name),
    description: said(schema, "description"),
    schema,
  }));
  const others = (operation.parameters ?? []).map((/** @type {any} */ p) => ({
    ...p,
    description: said(p, "description"),
  }));
  return [...others, ...inBody];
}

function Docs() {
  usePreferences();
  const { data, error, reload } = usePoll((signal) => get("/openapi.json", {}, signal), []);
  usePoll(() => askWho(), []);
  const [wanted, setWanted] = useState("");
  const [opened, setOpened] = useState(() => decodeURIComponent(location.hash.slice(1)));
  useEffect(() => {
    const changed = () => setOpened(decodeURIComponent(location.hash.slice(1)));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  useEffect(() => {
    if (data && opened) document.getElementById(opened)?.scrollIntoView();
  }, [data !== undefined, opened]);
  if (!data)
    return error
      ? html`<div class="content"><${Failure} error=${error} retry=${reload} /></div>`
      : html`<${Loading} />`;
  const needle = wanted.trim().toLowerCase();
  const found = endpointsOf(data).filter((e) =>
    `${e.method} ${e.path} ${e.operation.summary} ${said(e.operation, "summary")}`.toLowerCase().includes(needle),
  );
  const tags = [...new Set(found.map((e) => e.tag))];
  const tagName = (/** @type {string} */ tag) =>
    said(data.tags?.find((/** @type {any} */ one) => one.name === tag) ?? { name: tag }, "name");
  return html`
    <div class="docs">
      <aside class="docs-rail">
        <a class="brand" href="/"><img src="/static/icon.svg" alt="" /><span>roadloop</span></a>
        <input type="search" placeholder=${t("查找接口", "Find an endpoint")}
          aria-label=${t("查找接口", "Find an endpoint")} value=${wanted}
          onInput=${(/** @type {any} */ e) => setWanted(e.target.value)} />
        <nav aria-label=${t("接口", "Endpoints")}>
          ${tags.map(
            (tag) => html`
              <h3>${tagName(tag)}</h3>
              <ul>
                ${found
                  .filter((e) => e.tag === tag)
                  .map(
                    (e) =>
                      html`
                        <li>
                          <a href=${`#${e.id}`} aria-current=${e.id === opened ? "true" : undefined}>
                            <span class=${`method ${e.method}`}>${e.method.toUpperCase()}</span>
                            ${e.path}
                          </a>
                        </li>
                      `,
                  )}
              </ul>
            `,
          )}
        </nav>
      </aside>
      <main class="docs-main">
        <div class="docs-top">
          <a class="link" href="/">← ${t("回到页面", "Back to the page")}</a>
          <span class="grow"></span>
          <a class="link small" href="/openapi.json">openapi.json</a>
          <div class="segmented" role="group" aria-label=${t("语言", "Language")}>
            <button type="button" lang="zh" aria-pressed=${String(language() === "zh")}
              onClick=${() => setLanguage("zh")}>
              中文
            </button>
            <button type="button" lang="en" aria-pressed=${String(language() === "en")}
              onClick=${() => setLanguage("en")}>
              EN
            </button>
          </div>
        </div>
        <h1>${data.info.title} ${data.info.version}</h1>
        <${InLanguage} text=${data.info.description} />
        ${tags.map(
          (tag) => html`
            <h2 class="group-name">${tagName(tag)}</h2>
            ${found
              .filter((e) => e.tag === tag)
              .map((e) => html`<${Entry} key=${e.id} of=${e} api=${data} open=${e.id === opened} />`)}
          `,
        )}
      </main>
    </div>
  `;
}

/** @param {{of: Endpoint, api: any, open: boolean}} props */
function Entry({ of, api, open }) {
  const [shown, setShown] = useState(open);
  useEffect(() => {
    if (open) setShown(true);
  }, [open]);
  return html`
    <details class="endpoint" id=${of.id} open=${shown}
      onToggle=${(/** @type {any} */ e) => setShown(e.currentTarget.open)}>
      <summary>
        <span class=${`method ${of.method}`}>
          ${of.method.toUpperCase()}
        </span><span class="path">
          ${of.path}
        </span><span class="summary grow">
          ${said(of.operation, "summary")}
        </span>
      </summary>
      ${shown && html`<${Body} of=${of} api=${api} />`}
    </details>
  `;
}

/** @param {{of: Endpoint, api: any}} props */
function Body({ of, api }) {
  const parameters = parametersOf(of.operation);
  const more = said(of.operation, "description")
    .split(/\n\s*\n/)
    .slice(1)
    .join("\n\n");
  const answers = Object.entries(of.operation.responses).filter(([status]) => status !== "200");
  const success = of.operation.responses["200"]?.content ?? {};
  return html`
    <div class="body">
      <${Prose} text=${more} />
      <section>
        <h3>${t("参数", "Parameters")}</h3>
        ${
          parameters.length === 0
            ? html`<p class="quiet">${t("没有。", "None.")}</p>`
            : html`
              <table>
                <thead>
                  <tr>
                    <th>${t("名称", "Name")}</th>
                    <th>${t("类型", "Type")}</th>
                    <th>${t("默认", "Default")}</th>
                    <th>${t("说明", "Description")}</th>
                  </tr>
                </thead>
                <tbody>${parameters.map((p) => html`<${ParameterRow} of=${p} api=${api} />`)}</tbody>
              </table>
            `
        }
      </section>
      <section>
        <h3>${t("成功", "Success")} <span class="faint">200</span></h3>
        ${Object.entries(success).map(([kind, content]) =>
          content.schema ? html`<${Fields} schema=${content.schema} api=${api} />` : html`<p class="mono">${kind}</p>`,
        )}
      </section>
      <section>
        <h3>${t("失败", "Failures")}</h3>
        <ul class="fields">
          ${answers.map(
            ([status, answer]) =>
              html`
                <li>
                  <code>${status}</code> <span class="quiet"><${Code} text=${said(answer, "description")} /></span>
                </li>
              `,
          )}
        </ul>
      </section>
      <${TryIt} right=${of.operation["x-right"]} method=${of.method} path=${of.path} parameters=${parameters} />
    </div>
  `;
}

/** @param {{of: any, api: any}} props */
const ParameterRow = ({ of, api }) => html`
  <tr>
    <td>${of.name}${of.required && html` <span class="required" title=${t("必填", "required")}>*</span>`}</td>
    <td class="type">${typeOf(of.schema, api)}</td>
    <td class="type">${of.schema.default === undefined ? "" : JSON.stringify(of.schema.default)}</td>
    <td>
      <${Code} text=${of.description} />
      ${
        of.schema.examples &&
        html` <span class="faint">${t("例如", "e.g.")} <code>${JSON.stringify(of.schema.examples[0])}</code></span>`
      }
    </td>
  </tr>
`;

render(html`<${Docs} />`, /** @type {Element} */ (document.getElementById("app")));
