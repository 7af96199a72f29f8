"use strict";
// Line charts and heat maps in SVG. A chart is drawn again when the width of its element changes, so that its text keeps
// its size. Colours are CSS variables and follow the theme.

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes = {}, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function html(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function drawAtEachWidth(container, draw) {
  let drawnWidth = 0;
  new ResizeObserver(() => requestAnimationFrame(() => {
    if (container.clientWidth === drawnWidth) return;
    drawnWidth = container.clientWidth;
    draw();
  })).observe(container);
}

// ---- Scales and ticks

function linearTicks([low, high], count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) ticks.push(i * step);
  return ticks;
}

function logTicks([low, high], count) {
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); ++power) {
      for (const factor of factors) {
        const tick = factor * 10 ** power;
        if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
      }
    }
    if (ticks.length <= count || factors.length === 1) return ticks;
  }
}

// domain: [low, high] in data, range: [from, to] in pixels.
function makeScale(kind, domain, range) {
  const transform = kind === "log" ? Math.log10 : (value) => value;
  const [low, high] = domain.map(transform);
  const place = (value) => range[0] + ((transform(value) - low) / (high - low || 1)) * (range[1] - range[0]);
  place.ticks = (count) => (kind === "log" ? logTicks : linearTicks)(domain, count);
  return place;
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// The range of the values with some space above and below. A constant gets a range of its own size.
function padded([low, high], kind) {
  if (kind === "log") return [low / 1.15, high * 1.15];
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - margin, high + margin];
}

// 1234567 → "1.23M"; small numbers have enough digits to distinguish neighbouring ticks.
function compact(value) {
  const size = Math.abs(value);
  for (const [unit, name] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= unit * 0.9995) return `${+(value / unit).toPrecision(3)}${name}`;
  }
  if (size !== 0 && size < 1e-3) return value.toExponential(1).replace(".0e", "e");
  return `${+value.toPrecision(4)}`;
}

// Enough decimals to distinguish neighbouring ticks.
function decimalsOf(ticks) {
  const step = Math.min(...ticks.slice(1).map((tick, i) => tick - ticks[i]));
  return Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

// ---- Line chart
//
// spec: {label, height, x: {name, kind, format, domain, ticks}, y: {name, kind, format, domain}, nearest,
//        series: [{name, color, dash, dots, thin, points: [[x, y, where, error]…]}…], marks: [{x, text}…]}
// `format(value, decimals)`: for a tick the decimals are given; for a value the format chooses them.
// `ticks(count)`: where the ticks are, about so many; by default round numbers.
// `where` is the point's place in words, for the readout; `error`, if there is one, is drawn as a bar of y ± error. `nearest`: the readout names only the closest line.

function lineChart(container, spec) {
  const readout = html("div", {class: "readout", hidden: ""});
  let cursor = null;  // the point of the first series that the arrow keys have selected

  function draw() {
    const width = container.clientWidth, height = spec.height;
    const margin = {left: 56, right: 14, top: 26, bottom: 46};
    const all = spec.series.flatMap((series) => series.points);
    const x = makeScale(spec.x.kind, spec.x.domain || extent(all.map((point) => point[0])),
                        [margin.left, width - margin.right]);
    const y = makeScale(spec.y.kind, spec.y.domain || padded(extent(all.map((point) => point[1])), spec.y.kind),
                        [height - margin.bottom, margin.top]);
    const svg = shape("svg", {viewBox: `0 0 ${width} ${height}`, height, role: "img", tabindex: 0,
                              "aria-label": spec.label});
    drawAxes(svg, spec, x, y, width, height, margin);
    const lines = drawSeries(svg, spec, x, y, width, height, margin);
    const pointer = shape("g");
    svg.append(pointer);

    // Shows the points nearest to the pixel px (and py, if only one line is named).
    function point(px, py) {
      const found = spec.series.map((series, index) => ({series, index, point: closest(series.points, x, px)}))
                               .filter((hit) => hit.point && y(hit.point[1]) >= margin.top - 1);
      if (found.length === 0) return;
      const distance = (hit) => Math.hypot(x(hit.point[0]) - px, y(hit.point[1]) - py);
      const anchor = found.reduce((best, hit) =>
        (spec.nearest ? distance(hit) < distance(best)
                      : Math.abs(x(hit.point[0]) - px) < Math.abs(x(best.point[0]) - px)) ? hit : best);
      const at = x(anchor.point[0]);
      const hits = spec.nearest ? [anchor] : found.filter((hit) => Math.abs(x(hit.point[0]) - at) < 12);
      hits.sort((a, b) => b.point[1] - a.point[1]);

      pointer.replaceChildren(
        shape("line", {class: "cursor", x1: at, x2: at, y1: margin.top, y2: height - margin.bottom}));
      for (const hit of hits) {
        pointer.append(shape("circle", {cx: x(hit.point[0]), cy: y(hit.point[1]), r: 4,
                                        style: `fill: ${hit.series.color}`}));
      }
      lines.forEach((line, index) => line.classList.toggle("faded", Boolean(spec.nearest) && index !== anchor.index));
      readout.replaceChildren(html("div", {}, anchor.point[2]), ...hits.map((hit) => html("div", {},
        html("span", {class: "swatch", style: `background: ${hit.series.color}`}),
        `${hit.series.name}: ${spec.y.format(hit.point[1])}` +
        (hit.point[3] ? ` ± ${spec.y.format(hit.point[3])}` : ""))));
      readout.hidden = false;
      const left = at + 12 + readout.offsetWidth > width ? at - 12 - readout.offsetWidth : at + 12;
      readout.style.transform = `translate(${Math.max(0, left)}px, ${margin.top}px)`;
    }
    function leave() {
      pointer.replaceChildren();
      lines.forEach((line) => line.classList.remove("faded"));
      readout.hidden = true;
      cursor = null;
    }
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      point(event.clientX - box.left, event.clientY - box.top);
    });
    svg.addEventListener("pointerleave", leave);
    svg.addEventListener("blur", leave);
    svg.addEventListener("keydown", (event) => {
      const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      if (!step) return;
      event.preventDefault();
      const points = spec.series[0].points;
      cursor = Math.min(points.length - 1, Math.max(0, (cursor === null ? -1 : cursor) + step));
      point(x(points[cursor][0]), y(points[cursor][1]));
    });
    container.replaceChildren(svg, readout);
  }

  drawAtEachWidth(container, draw);
}

function drawAxes(svg, spec, x, y, width, height, margin) {
  const bottom = height - margin.bottom;
  const yTicks = y.ticks(Math.floor((bottom - margin.top) / 32));
  for (const tick of yTicks) {
    svg.append(shape("line", {class: "rule", x1: margin.left, x2: width - margin.right, y1: y(tick), y2: y(tick)}));
    svg.append(shape("text", {x: margin.left - 8, y: y(tick) + 4, "text-anchor": "end"},
                     spec.y.format(tick, decimalsOf(yTicks))));
  }
  const xTicks = (spec.x.ticks || x.ticks)(Math.floor((width - margin.left - margin.right) / 62));
  for (const tick of xTicks) {
    svg.append(shape("line", {class: "rule", x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 5}));
    svg.append(shape("text", {x: x(tick), y: bottom + 19, "text-anchor": "middle"}, spec.x.format(tick)));
  }
  svg.append(shape("line", {class: "rule", x1: margin.left, x2: width - margin.right, y1: bottom, y2: bottom}));
  svg.append(shape("text", {class: "axis-name", x: width - margin.right, y: height - 6, "text-anchor": "end"},
                   spec.x.name));
  svg.append(shape("text", {class: "axis-name", x: 0, y: 13}, spec.y.name));
  for (const mark of spec.marks || []) {
    const at = x(mark.x);
    if (at < margin.left || at > width - margin.right) continue;
    svg.append(shape("line", {class: "mark", x1: at, x2: at, y1: margin.top, y2: bottom}));
    svg.append(shape("text", {x: at + 5, y: bottom - 7}, mark.text));
  }
}

let clipCount = 0;

// Returns the drawn element of each series, in order.
function drawSeries(svg, spec, x, y, width, height, margin) {
  const clip = `clip-${++clipCount}`;
  const frame = shape("clipPath", {id: clip});
  frame.append(shape("rect", {x: margin.left - 5, y: margin.top - 1, width: width - margin.left - margin.right + 10,
                              height: height - margin.top - margin.bottom + 6}));
  svg.append(frame);
  return spec.series.map((series) => {
    const group = shape("g", {class: `series${series.thin ? " thin" : ""}`, "clip-path": `url(#${clip})`,
                              style: `stroke: ${series.color}`});
    const path = series.points.map((point, i) => `${i ? "L" : "M"}${x(point[0]).toFixed(1)} ${y(point[1]).toFixed(1)}`);
    const line = shape("path", {d: path.join("")});
    if (series.dash) line.setAttribute("stroke-dasharray", series.dash);
    group.append(line);
    for (const [px, py, , error] of series.points) {
      if (error) group.append(shape("line", {x1: x(px), x2: x(px), y1: y(py - error), y2: y(py + error)}));
    }
    if (series.dots || series.points.length === 1) {
      for (const point of series.points) {
        group.append(shape("circle", {cx: x(point[0]), cy: y(point[1]), r: 3.2, style: "fill: var(--card)"}));
      }
    }
    svg.append(group);
    return group;
  });
}

function closest(points, x, px) {
  let best = null, distance = Infinity;
  for (const point of points) {
    const away = Math.abs(x(point[0]) - px);
    if (away < distance) [best, distance] = [point, away];
  }
  return best;
}

function legend(entries) {
  return html("ul", {class: "legend"}, ...entries.map((entry) => {
    const sample = shape("svg", {width: 30, height: 12, "aria-hidden": "true"});
    const line = shape("line", {x1: 1, x2: 29, y1: 6, y2: 6, "stroke-width": 2.4, style: `stroke: ${entry.color}`});
    if (entry.dash) line.setAttribute("stroke-dasharray", entry.dash);
    sample.append(line);
    if (entry.dots) {
      sample.append(shape("circle", {cx: 15, cy: 6, r: 3.2, "stroke-width": 2,
                                     style: `fill: var(--card); stroke: ${entry.color}`}));
    }
    return html("li", {}, sample, entry.name);
  }));
}

// ---- Heat map
//
// spec: {label, values: [[value per column] per row], rowName, columnName, rows, columns, format, high}: colours run from
// 0 to `high`. `rows` and `columns` are their names, by default their numbers; a value may be missing.

function heatMap(container, spec) {
  function draw() {
    const rows = spec.values.length, columns = Math.max(...spec.values.map((row) => row.length));
    const margin = {left: 64, top: 40, bottom: 44};
    const cellWidth = Math.min(92, Math.max(40, (container.clientWidth - margin.left) / columns));
    const cellHeight = 34;
    const width = margin.left + columns * cellWidth, height = margin.top + rows * cellHeight + margin.bottom;
    const svg = shape("svg", {viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": spec.label});

    for (let column = 0; column < columns; ++column) {
      svg.append(shape("text", {x: margin.left + (column + 0.5) * cellWidth, y: margin.top - 8,
                                "text-anchor": "middle"}, spec.columns ? spec.columns[column] : column));
    }
    svg.append(shape("text", {class: "axis-name", x: margin.left, y: 13}, spec.columnName));
    svg.append(shape("text", {class: "axis-name", x: 0, y: margin.top - 8}, spec.rowName));
    spec.values.forEach((row, i) => {
      const top = margin.top + i * cellHeight;
      svg.append(shape("text", {x: margin.left - 10, y: top + cellHeight / 2 + 4, "text-anchor": "end"},
                       spec.rows ? spec.rows[i] : i));
      row.forEach((value, j) => {
        if (value === undefined || value === null) return;
        svg.append(shape("rect", {x: margin.left + j * cellWidth + 1, y: top + 1, width: cellWidth - 2,
                                  height: cellHeight - 2, rx: 3, style: `fill: ${heatColor(value / spec.high)}`}));
        svg.append(shape("text", {class: "cell-value", x: margin.left + (j + 0.5) * cellWidth,
                                  y: top + cellHeight / 2 + 4, "text-anchor": "middle",
                                  style: `fill: ${heatTextColor(value / spec.high)}`}, spec.format(value)));
      });
    });
    drawHeatLegend(svg, spec, margin.left, height - margin.bottom + 12, Math.min(220, columns * cellWidth));
    container.replaceChildren(svg);
  }

  drawAtEachWidth(container, draw);
}

function drawHeatLegend(svg, spec, left, top, width) {
  const steps = 24;
  for (let i = 0; i < steps; ++i) {
    svg.append(shape("rect", {x: left + (i * width) / steps, y: top, width: width / steps + 0.5, height: 9,
                              style: `fill: ${heatColor((i + 0.5) / steps)}`}));
  }
  svg.append(shape("text", {x: left, y: top + 24}, "0"));
  svg.append(shape("text", {x: left + width, y: top + 24, "text-anchor": "end"}, spec.format(spec.high)));
}

function heatColor(share) {
  const percent = (100 * Math.min(1, Math.max(0, share))).toFixed(1);
  return `color-mix(in oklab, var(--heat-high) ${percent}%, var(--heat-low))`;
}

function heatTextColor(share) {
  return share > 0.53 ? "var(--heat-text-high)" : "var(--heat-text-low)";
}
