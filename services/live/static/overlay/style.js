// The look of all graphics. Sizes are shares of the picture: 1em is 1/100 of its width at 16:9.

const CSS = `
:host {
  position: absolute; inset: 0; overflow: hidden; pointer-events: none;
  font: 400 calc(min(1vw, 1.7778vh) * var(--size, 1)) / 1.25 "Inter", "Roboto", "Noto Sans", "Helvetica Neue", Arial,
    sans-serif;
  font-variant-numeric: tabular-nums lining-nums;
  --panel: #0e1a2b; --ink: #ffffff; --quiet: #c3cfdd; --line: #ffffff26; --accent: #ffc400; --on-accent: #111111;
  color: var(--ink);
}
:host([hidden]) { display: none; }
:host([data-theme="light"]) {
  --panel: #ffffff; --ink: #10151c; --quiet: #4a5563; --line: #00000022; --accent: #0b5fd0; --on-accent: #ffffff;
}
.panel {
  position: absolute; background: var(--panel); border-radius: .5em; overflow: hidden; box-shadow: 0 .3em 1.4em #0006;
}
.panel[hidden] { display: none; }
.head { padding: .75em 1.2em .7em; border-left: .55em solid var(--accent); }
.head h1 { margin: 0; font-size: 1.7em; line-height: 1.15; font-weight: 700; text-wrap: balance; }
.head p { margin: .2em 0 0; font-size: 1.1em; color: var(--quiet); }
ol { position: relative; list-style: none; margin: 0; padding: 0; }
li {
  display: grid; align-items: center; gap: 0 .8em; box-sizing: border-box; padding: 0 1.2em; height: 3.15em;
  border-top: 1px solid var(--line);
}
li.leaving { position: absolute; left: 0; right: 0; }
li .place { font-size: 1.45em; font-weight: 700; text-align: center; border-radius: .25em; }
li.leads .place { background: var(--accent); color: var(--on-accent); }
li .who { min-width: 0; }
li .name, li .of { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; line-height: 1.2; }
li .name { font-size: 1.4em; font-weight: 600; }
li .of { font-size: .95em; color: var(--quiet); }
li .time { font-size: 1.4em; font-weight: 600; text-align: right; white-space: nowrap; }
.review { background: var(--accent); color: var(--on-accent); border-radius: .3em; padding: 0 .4em; font-weight: 600; }
.board { width: 37em; top: 6em; }
.board.left { left: 5em; } .board.right { right: 5em; }
.board li { grid-template-columns: 2.9em 1fr auto; }
.board.long li { height: 2.25em; } .board.long .of { display: none; }
.split { width: 44em; bottom: 5em; left: 5em; }
.split.right { left: auto; right: 5em; }
.split li { grid-template-columns: 2.9em 1fr auto 4.8em; height: 2.6em; }
.split.long li { height: 2.1em; }
.split .gap { font-size: 1.15em; color: var(--quiet); text-align: right; white-space: nowrap; }
.clock { top: 3em; right: 5em; padding: .45em 1.1em .5em; border-top: .35em solid var(--accent); text-align: right; }
.clock.left { right: auto; left: 5em; }
.clock .digits { display: block; font-size: 3.4em; font-weight: 700; line-height: 1.05; letter-spacing: .01em; }
.clock .of { display: block; font-size: 1.1em; color: var(--quiet); }
.third {
  left: 5em; bottom: 6em; min-width: 34em; max-width: 90em; display: grid; grid-template-columns: auto 1fr auto;
}
.third[hidden] { display: none; }
.third.right { left: auto; right: 5em; }
.third .badge {
  background: var(--accent); color: var(--on-accent); display: grid; align-content: center; justify-items: center;
  padding: .6em 1em; min-width: 4em; max-width: 9em; text-align: center;
}
.third .badge strong { font-size: 3em; line-height: 1; }
.third .badge span { font-size: .95em; font-weight: 600; }
.third .who { padding: .8em 1.4em .85em; min-width: 0; }
.third .name { display: block; font-size: 2.7em; font-weight: 700; line-height: 1.12; }
.third .of { display: block; font-size: 1.35em; color: var(--quiet); }
.third .result { padding: .8em 1.4em .85em 0; text-align: right; align-self: center; white-space: nowrap; }
.third .result strong { display: block; font-size: 2.4em; line-height: 1.1; }
.third .result span { display: block; font-size: 1.15em; color: var(--quiet); }
`;

const sheet = new CSSStyleSheet();
sheet.replaceSync(CSS);

/** Give a shadow root the look, and its host the colours and the size of the settings. */
export function dress(root, settings) {
  root.adoptedStyleSheets = [sheet];
  const { host } = root;
  host.dataset.theme = settings.theme;
  host.style.setProperty("--size", String(settings.size / 100));
  for (const name of ["accent", "panel", "ink"]) {
    if (settings[name]) host.style.setProperty(`--${name}`, settings[name]);
    else host.style.removeProperty(`--${name}`);
  }
  if (settings.accent) host.style.setProperty("--on-accent", readable(settings.accent));
  else host.style.removeProperty("--on-accent");
  if (settings.ink) host.style.setProperty("--quiet", `color-mix(in srgb, ${settings.ink} 75%, transparent)`);
  else host.style.removeProperty("--quiet");
}

/** Return black or white, whichever is easier to read on a colour. Source: WCAG 2.2, relative luminance. */
function readable(colour) {
  const [red, green, blue] = [1, 3, 5]
    .map((start) => parseInt(colour.slice(start, start + 2), 16) / 255)
    .map((share) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#111111" : "#ffffff";
}
