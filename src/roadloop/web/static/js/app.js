// @ts-check
/** The frame of the page: the loop as navigation, where you are, what runs, language and theme. */

import { get } from "./api.js";
import { forgetCalls } from "./calls.js";
import { Calls, Keys } from "./components/keys.js";
import { Failure } from "./components/layout.js";
import { Palette } from "./components/palette.js";
import { Tray } from "./components/tray.js";
import { count, setServerNow, t } from "./i18n.js";
import { html, leaveOut, render, useEffect, useRef, useState } from "./lib.js";
import { listen } from "./live.js";
import { askWho, may, mayCall, useMe } from "./me.js";
import { ofKinds, usePoll } from "./poll.js";
import { language, setLanguage, setTheme, theme, usePreferences } from "./preferences.js";
import { foresee, useArrived } from "./late.js";
import { isClosed, places, usePage, viewAt } from "./places.js";
import { parse, to, useRoute } from "./router.js";
import { reachScrollers } from "./scrollers.js";
import { finishSignOn } from "./sign-on.js";
import { LogIn } from "./views/log-in.js";

/** @typedef {import("./places.js").Active} Active */

const NOTHING = { data: [], total: 0 };

/** Asks who looks before anything else, and lets nobody see a frame whose every part would be refused. */
function Page() {
  usePreferences();
  const me = useMe();
  const { error, reload } = usePoll(() => finishSignOn().then(askWho), []);
  if (!me) return error && html`<main class="content"><${Failure} error=${error} retry=${reload} /></main>`;
  return me.accounts && !me.name
    ? html`<${LogIn} switches=${html`<${Switches} />`} />`
    : html`<${App} key=${me.name} />`;
}

function App() {
  usePreferences();
  const route = useRoute();
  const active = usePoll(
    async (signal) => (may("see") ? get("/v1/jobs", { active: 1, page: 1, page_size: 200 }, signal) : NOTHING),
    [],
    (reply) => (may("see") ? ofKinds()(reply.data) : 0),
  );
  useEffect(() => (may("see") ? listen(language()) : undefined), [language()]);
  const health = usePoll(loadHealth, [], () => 60_000);
  /** @type {Active} */
  const jobs = /** @type {any} */ (active.data ?? NOTHING).data;
  const { page, coming } = useArrived(usePage(route));
  const { view, crumbs, key, wide } = page;
  const title = crumbs[crumbs.length - 1][0];
  useEffect(() => void (document.title = `${title} · roadloop`), [title]);
  useEffect(reachScrollers, []);
  useArrival(key);
  const shown = useRef(key);
  if (shown.current !== key) {
    shown.current = key; // now, before the new page asks for anything
    forgetCalls();
  }
  const [over, setOver] = useState("");
  useEffect(() => {
    const press = (/** @type {KeyboardEvent} */ event) => {
      const name = keyOf(event);
      if (name) event.preventDefault();
      if (name) setOver(name);
    };
    addEventListener("keydown", press);
    addEventListener("pointerover", approached);
    addEventListener("focusin", approached);
    return () => {
      removeEventListener("keydown", press);
      removeEventListener("pointerover", approached);
      removeEventListener("focusin", approached);
    };
  }, []);
  const close = () => setOver("");
  return html`
    <a class="skip" href="#content" onClick=${skip}>${t("跳到内容", "Skip to the content")}</a>
    <div class="frame">
      <${Rail} jobs=${jobs} place=${placeOf(route)} health=${health.data?.data} />
      <div>
        <header class="topbar">
          <button type="button" class="button plain menu" popovertarget="rail"
            title=${t("导航", "Navigation")} aria-label=${t("导航", "Navigation")}>
            ☰
          </button>
          <${Crumbs} of=${crumbs} />
          ${
            may("see") &&
            html`
              <button type="button" class="button plain search-button" onClick=${() => setOver("search")}>
                ⌕ <span class="words">${t("搜索", "Search")}</span> <kbd>Ctrl K</kbd>
              </button>
            `
          }
          <button type="button" class="button plain calls-button"
            title=${t("本页背后的调用", "The calls behind this page")}
            aria-label=${t("本页背后的调用", "The calls behind this page")} onClick=${() => setOver("calls")}>
            ${"</>"}
          </button>
          ${may("see") && html`<${Tray} jobs=${jobs} />`}
          <${Who} />
          <div class="row switches"><${Switches} /></div>
        </header>
        ${
          active.error?.status === 0 &&
          html`<div class="offline" role="alert"><span aria-hidden="true">✕</span>${active.error.message}</div>`
        }
        ${
          health.data?.data.disk_low &&
          html`
            <div class="offline" role="alert">
              <span aria-hidden="true">⚠</span>
              ${lowDisk(health.data.data.disk_free_mib)}
            </div>
          `
        }
        ${over === "search" && may("see") && html`<${Palette} places=${everyPlace()} close=${close} />`}
        ${over === "keys" && html`<${Keys} close=${close} />`}
        ${over === "calls" && html`<${Calls} close=${close} />`}
        <main id="content" tabindex="-1" class=${`content ${wide ? "wide" : ""}`} key=${key}
          aria-busy=${coming ? "true" : undefined}>
          <${view} route=${page.route} active=${jobs} />
        </main>
      </div>
    </div>
  `;
}

/** Go to what the page is about; the address stays. @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

/** Where one begins on a page that one has just come to: above, and with the keyboard in it. @param {string} key */
function useArrival(key) {
  const first = useRef(true);
  useEffect(() => {
    scrollTo(0, 0);
    /** @type {any} */ (document.getElementById("rail"))?.hidePopover?.();
    const main = document.getElementById("content");
    const there = document.activeElement?.closest("main, dialog");
    if (!first.current && !there) main?.focus({ preventScroll: true });
    first.current = false;
  }, [key]);
}

/** Somebody is about to go to another place: its code may come meanwhile. @param {Event} event */
function approached(event) {
  const near = /** @type {Element} */ (event.target);
  const link = near.closest?.("a[href]") ?? near.closest?.("tr.opens")?.querySelector("a[href]");
  const address = link?.getAttribute("href") ?? "";
  if (address.startsWith("#/")) foresee(viewAt(parse(address)));
}

/** What a key opens over the page; "" for none. @param {KeyboardEvent} event */
function keyOf(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") return "search";
  const typing = /** @type {Element} */ (event.target).closest("input, textarea, select, [contenteditable]");
  return event.key === "?" && !typing ? "keys" : "";
}

/** Every place with a name, and the forms that make something there. */
const everyPlace = () => [
  { name: t("总览", "Overview"), address: "#/" },
  ...places().flatMap((p) => [
    { name: p.name(), address: to(p.path) },
    ...(p.make && p.making && mayCall(p.calls ?? "") ? [{ name: p.making(), address: to(p.path, "new") }] : []),
  ]),
];

/** The entry of the rail that stands for where one is. @param {import("./router.js").Route} route */
const placeOf = (route) =>
  places().find((p) => p.path === route.path[0])?.under ?? route.path[0] ?? (may("see") ? "" : "mine");

/** @param {AbortSignal} signal */
async function loadHealth(signal) {
  const reply = await get("/v1/health", {}, signal);
  setServerNow(reply.data.now);
  return reply;
}

/** @param {number} mib */
const lowDisk = (mib) =>
  t(
    `磁盘只剩 ${count(mib)} MiB，新任务会等待；请清理磁盘。`,
    `Only ${count(mib)} MiB of disk are left; new jobs wait. Make room on the disk.`,
  );

/** @param {{jobs: Active, place: string, health: any}} props */
const Rail = ({ jobs, place, health }) => html`
  <aside class="rail" id="rail" popover="auto" aria-label=${t("导航", "Navigation")}>
    <a class="brand" href="#/"><img src="/static/icon.svg" alt="" /><span>roadloop</span></a>
    <nav aria-label=${t("主导航", "Main")}>
      ${
        may("see") &&
        html`
          <a class="plain" href="#/" aria-current=${place === "" ? "page" : undefined}>
            <span class="node"></span>
            <span class="grow">${t("总览", "Overview")}</span>
          </a>
          <hr />
          <div class="loop">
            ${places()
              .filter((p) => p.loop)
              .map((p) => html`<${RailLink} of=${p} jobs=${jobs} now=${place === p.path} />`)}
          </div>
          <hr />
        `
      }
      ${places()
        .filter((p) => !p.loop && !p.under)
        .map((p) => html`<${RailLink} of=${p} jobs=${jobs} now=${place === p.path} />`)}
      <a class="plain" href="/docs">
        <span class="node"></span>
        <span class="grow">${t("接口文档", "API reference")}</span>
      </a>
    </nav>
    <footer>
      <div class="switches"><${Switches} /></div>
      ${health?.version && html`roadloop ${health.version}<br />${diskFree(health)}`}
    </footer>
  </aside>
`;

/** @param {{disk_free_mib: number}} health */
const diskFree = (health) => t(`磁盘余 ${gib(health)}`, `${gib(health)} of disk free`);

/** @param {{disk_free_mib: number}} health */
const gib = (health) => `${(health.disk_free_mib / 1024).toFixed(health.disk_free_mib < 10240 ? 1 : 0)} GiB`;

/** @param {{of: import("./places.js").Place, jobs: Active, now: boolean}} props */
function RailLink({ of, jobs, now }) {
  const mine = jobs.filter((job) => of.kinds.includes(job.kind));
  const running = mine.filter((job) => job.state === "running").length;
  const waiting = mine.length - running;
  return html`
    <a class=${of.loop ? "" : "plain"} href=${to(of.path)} aria-current=${now ? "page" : undefined} title=${of.name()}>
      <span class="node"></span><span class="grow">${of.name()}</span>
      ${
        running > 0 &&
        html`
          <span class="count running" title=${t(`${running} 个进行中`, `${running} running`)}>
            <span aria-hidden="true">▶${running}</span>
            <span class="unseen">${t(`${running} 个进行中`, `${running} running`)}</span>
          </span>
        `
      }
      ${
        waiting > 0 &&
        html`
          <span class="count waiting" title=${t(`${waiting} 个等待中`, `${waiting} waiting`)}>
            <span aria-hidden="true">${waiting}</span>
            <span class="unseen">${t(`${waiting} 个等待中`, `${waiting} waiting`)}</span>
          </span>
        `
      }
    </a>
  `;
}

/** @param {{of: [string, string][]}} props */
const Crumbs = ({ of }) => html`
  <nav class="crumbs" aria-label=${t("位置", "Where you are")}>
    ${of.map(([name, address], i) =>
      i === of.length - 1
        ? html`<span aria-current="page">${name}</span>`
        : html`<a href=${address}>${name}</a><span class="slash" aria-hidden="true">/</span>`,
    )}
  </nav>
`;

/** Whoever is logged in. */
function Who() {
  const me = useMe();
  return (
    me?.name &&
    html`
      <a class="button plain who" href=${to("people")} title=${t("我的账号", "My account")}>
        <span aria-hidden="true">☺</span> <span class="words">${me.name}</span>
      </a>
    `
  );
}

const Switches = () => html`
  <div class="segmented" role="group" aria-label=${t("语言", "Language")}>
    <button type="button" lang="zh" aria-pressed=${String(language() === "zh")} onClick=${() => setLanguage("zh")}>
      中文
    </button>
    <button type="button" lang="en" aria-pressed=${String(language() === "en")} onClick=${() => setLanguage("en")}>
      EN
    </button>
  </div>
  <button
    type="button"
    class="button plain theme"
    title=${t("切换浅色与深色", "Switch between light and dark")}
    aria-label=${t("切换浅色与深色", "Switch between light and dark")}
    onClick=${() => setTheme(theme() === "dark" ? "light" : "dark")}
  >
    ${theme() === "dark" ? "☀" : "☾"}
  </button>
`;

// No button that would be refused, and no link to a form that could not be sent.
leaveOut((props) => (props.calls && !mayCall(props.calls)) || (props.href?.includes?.("/new") && isClosed(props.href)));
render(html`<${Page} />`, /** @type {Element} */ (document.getElementById("app")));
