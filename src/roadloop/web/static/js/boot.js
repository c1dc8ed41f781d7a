// @ts-check
/** Runs before the first paint, so that neither theme nor language flickers. A classic script on purpose. */
{
  const read = (/** @type {string} */ name) => {
    try {
      return localStorage.getItem(`roadloop.${name}`);
    } catch {
      return null; // storage is switched off: the defaults do
    }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = read("theme") ?? (dark ? "dark" : "light");
  document.documentElement.lang = read("language") ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
}
