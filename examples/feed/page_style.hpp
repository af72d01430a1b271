/// The style sheet and the script of the report's page.
#pragma once

#include <string_view>

namespace feed::detail {

/// Colours that stay apart for the colour-blind (M. Okabe, K. Ito, 2008), lighter ones of the same hues on dark ground.
inline constexpr std::string_view style_sheet = R"(
:root { color-scheme: light dark; --ground: #ffffff; --panel: #f6f7f9; --text: #1b1f24; --quiet: #59616b; --rule: #d5d9df; --grid: #e6e9ed;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #a3508a; --c4: #b07d00; --c5: #3b8fc2; --heat: 0 90 156; --limit: #b3261e; --good: #00734f; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --panel: #1c2026; --text: #e8eaed; --quiet: #a4acb7; --rule: #3a414b; --grid: #2a3038;
  --c0: #5ab4ec; --c1: #ff9450; --c2: #35c99b; --c3: #e295c8; --c4: #ecc04d; --c5: #9ad0f5; --heat: 110 190 255; --limit: #ff8a80; --good: #4cd4a2; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 28px 24px 60px; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 6px; } h2 { font-size: 1.25rem; margin: 44px 0 10px; padding-top: 12px; border-top: 1px solid var(--rule); }
p { margin: 8px 0; } .quiet, .note { color: var(--quiet); } .note { font-size: .9rem; } .none { color: var(--quiet); font-style: italic; }
.advice { background: var(--panel); border-left: 5px solid var(--quiet); border-radius: 4px; padding: 14px 20px; margin: 22px 0; }
.advice.classifier { border-color: var(--good); } .advice.baseline { border-color: var(--c1); } .advice h2 { border: 0; margin: 0 0 4px; padding: 0; }
.charts { display: grid; margin: 14px 0 22px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 22px 30px; }
figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: 2px; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; padding: 0; margin: 0 0 4px; font-size: .875rem; color: var(--quiet); }
.legend svg { width: 28px; height: 12px; margin-right: 6px; vertical-align: -1px; }
.chart { display: block; width: 100%; height: auto; } svg text { fill: var(--quiet); font-size: 14.5px; }
.axis { fill: var(--text); } .grid { stroke: var(--grid); fill: none; } .frame { stroke: var(--quiet); fill: none; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; } .dashed { stroke-dasharray: 7 5; } .faint { stroke-width: 1.3; opacity: .6; }
.bar { fill: none; stroke-width: 1.8; } .dot { stroke: var(--ground); stroke-width: 1; }
.reference { fill: none; stroke: var(--quiet); stroke-dasharray: 2 4; stroke-width: 1.5; }
.limit { fill: none; stroke: var(--limit); stroke-dasharray: 8 4; stroke-width: 1.5; }
path.c0 { stroke: var(--c0); } path.c1 { stroke: var(--c1); } path.c2 { stroke: var(--c2); } path.c3 { stroke: var(--c3); } path.c4 { stroke: var(--c4); } path.c5 { stroke: var(--c5); }
.dot.c0 { fill: var(--c0); stroke: var(--ground); } .dot.c1 { fill: var(--c1); stroke: var(--ground); } .dot.c2 { fill: var(--c2); stroke: var(--ground); }
.dot.c3 { fill: var(--c3); stroke: var(--ground); } .dot.c4 { fill: var(--c4); stroke: var(--ground); } .dot.c5 { fill: var(--c5); stroke: var(--ground); }
.tables { display: flex; flex-wrap: wrap; gap: 0 64px; align-items: start; } .wide { overflow-x: auto; max-width: 100%; } table { border-collapse: collapse; margin: 10px 0; font-size: .93rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 4px; text-wrap: balance; } th, td { padding: 4px 14px 4px 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--grid); }
th { font-weight: 600; color: var(--quiet); } .words { text-align: left; }
.read { line-height: 2; } .read span { background: rgb(var(--heat) / calc(var(--share) * .55)); border-radius: 3px; padding: 2px 4px; unicode-bidi: isolate; overflow-wrap: anywhere; }
.heads { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 18px; } .heads.single { display: block; } .heads.single .head:not(.chosen) { display: none; }
.heat-map { display: block; width: 100%; height: auto; } .heat-map text.token { fill: var(--text); font-size: inherit; unicode-bidi: isolate; } .heat { fill: rgb(var(--heat)); } .paper { fill: var(--panel); }
.heat-legend { width: 330px; max-width: 100%; margin-top: 8px; } .heat-legend text { font-size: 13px; } .choice { border: 0; padding: 0; margin: 10px 0; display: flex; flex-wrap: wrap; gap: 4px 16px; } .choice legend { float: left; margin-right: 12px; font-weight: 600; }
#cell { min-height: 1.5em; }
@media print { body { max-width: none; } figure, table { break-inside: avoid; } }
)";

/// Texts enter the page by textContent alone, so nothing of a post is ever read as markup.
inline constexpr std::string_view script = R"(
const heads = document.getElementById('heads'), maps = heads ? [...heads.querySelectorAll('.head')] : [];
if (maps.length) {
  const choice = document.createElement('fieldset'), legend = document.createElement('legend');
  choice.className = 'choice'; legend.textContent = 'Show'; choice.append(legend);
  const show = map => maps.forEach(m => m.classList.toggle('chosen', m === map));
  for (const map of maps) {
    const label = document.createElement('label'), radio = document.createElement('input');
    radio.type = 'radio'; radio.name = 'head'; radio.checked = map === maps[0]; radio.onchange = () => show(map);
    label.append(radio, ' ' + map.dataset.name); choice.append(label);
  }
  heads.classList.add('single'); heads.before(choice); show(maps[0]);
  const words = [...document.querySelectorAll('.read span')].map(span => span.textContent), cell = document.getElementById('cell');
  for (const svg of heads.querySelectorAll('svg')) {
    const weights = svg.dataset.permille.trim().split(' '), { tokens, left, top, cell: size } = svg.dataset;
    svg.onmousemove = event => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const row = Math.floor((at.y - top) / size), column = Math.floor((at.x - left) / size);
      const inside = row >= 0 && column >= 0 && row < tokens && column < tokens;
      cell.textContent = inside ? `“${words[row]}” reads “${words[column]}” with weight ${weights[row * tokens + column] / 1000}` : '';
    };
  }
}
)";

}  // namespace feed::detail
