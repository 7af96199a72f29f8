"use strict";
// The charts of the report, drawn from the data that figure_data.cpp wrote into the page.

const runs = JSON.parse(document.getElementById("data").textContent).runs;
runs.forEach((run, index) => { run.color = `var(--series-${index % 6})`; });
const MEMORY_OFF = "5 5";

const nats = (value, decimals = 3) => value.toFixed(decimals);
const signed = (value, decimals = 3) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toFixed(decimals)}`;
const share = (value, decimals = 2) => value.toFixed(decimals);
const tokensAxis = {name: "tokens trained on", kind: "linear", format: compact,
                    domain: [0, Math.max(1, ...runs.flatMap((run) => run.training.map((point) => point[1])))]};
const when = (step, tokens) => `step ${step}, ${compact(tokens)} tokens`;
const byTokens = (curve) => curve.map(([step, tokens, value]) => [tokens, value, when(step, tokens)]);

function section(title, grid, figures) {
  const shown = figures.filter(Boolean);
  if (shown.length === 0) return;
  document.getElementById("figures").append(
    html("section", {}, html("h2", {}, title), html("div", {class: `grid ${grid}`}, ...shown)));
}

function figure(title, explanation, legendEntries, draw) {
  const chart = html("div", {class: "chart"});
  const caption = html("figcaption", {}, html("h3", {}, title));
  if (explanation) caption.append(html("p", {}, explanation));
  const node = html("figure", {class: "card"}, caption);
  if (legendEntries.length > 0) node.append(legend(legendEntries));
  node.append(chart);
  draw(chart);
  return node;
}

function lineFigure(title, explanation, spec, legendEntries = spec.series) {
  for (const series of spec.series) {
    if (spec.y.kind === "log") series.points = series.points.filter((point) => point[1] > 0);
  }
  spec.series = spec.series.filter((series) => series.points.length > 0);
  if (spec.series.length === 0) return null;
  const entries = legendEntries.filter((entry) => !entry.points || entry.points.length > 0);
  const node = figure(title, explanation, entries, (chart) => lineChart(chart, {height: 320, label: title, ...spec}));
  node.classList.toggle("wide", Boolean(spec.wide));
  return node;
}

// ---- Loss

// The axis begins after a tenth of the training. The loss falls so far in the first steps that the rest would look like a
// straight line.
function lossDomain(series) {
  const later = series.flatMap(({points}) => points.filter((point) => point[0] >= points[points.length - 1][0] / 10));
  return padded(extent(later.map((point) => point[1])), "linear");
}

function lossFigure() {
  const series = runs.flatMap((run) => [
    {name: `${run.name}, training`, color: run.color, points: byTokens(run.training)},
    {name: `${run.name}, validation`, color: run.color, dots: true, dash: "1 5", points: byTokens(run.validation)},
  ]);
  if (series.every((one) => one.points.length === 0)) return null;
  const domain = lossDomain(series);
  const windows = [...new Set(runs.filter((run) => run.training.length).map((run) => run.smoothing))];
  const explanation = [
    windows.every((window) => window === 1) ? "" : `Training: mean over ${windows.join(" or ")} steps.`,
    series.some((one) => one.dots && one.points.length > 0) ? "Validation: the beginning of the validation split." : "",
    series.some((one) => one.points.some(([, loss]) => loss > domain[1])) ? "The first steps lie above the frame." : "",
  ];
  return lineFigure("Loss during training", explanation.filter(Boolean).join(" "),
    {x: tokensAxis, y: {name: "nats per token", kind: "linear", format: nats, domain}, series, wide: true});
}

// ---- Loss by position

const place = ([from, to]) => `tokens ${from.toLocaleString("en")} to ${to.toLocaleString("en")}`;
// The middle of a range on a logarithmic axis, in tokens read. At position 0 one token has been read: the document's start.
const middle = ([from, to]) => Math.sqrt((from + 1) * (to + 1));
const byPosition = (positions) => positions.map((range) => [middle(range), range[2], place(range)]);
const positionAxis = {name: "tokens read before, in the document", kind: "log", format: compact};

function segmentMarks() {
  const lengths = [...new Set(runs.map((run) => run.segment_length).filter((length) => length > 0))];
  return lengths.map((length) => ({x: length, text: `end of the first segment (${length})`}));
}

function positionFigure() {
  return lineFigure("Loss by position in the document",
    "Test documents. A model that remembers gets better the more it has read.",
    {x: positionAxis, y: {name: "nats per token", kind: "linear", format: nats}, marks: segmentMarks(),
     series: runs.flatMap((run) => [
       {name: run.name, color: run.color, dots: true, points: byPosition(run.positions)},
       {name: `${run.name}, memory off`, color: run.color, dots: true, dash: MEMORY_OFF,
        points: byPosition(run.positions_without_memory)}])});
}

// The difference of a run's loss from the first run's, if both have the same ranges.
function gain(other, first) {
  const own = new Map(first.map(([from, to, loss]) => [`${from} ${to}`, loss]));
  return other.filter(([from, to]) => own.has(`${from} ${to}`))
              .map((range) => [middle(range), range[2] - own.get(`${range[0]} ${range[1]}`), place(range)]);
}

function gainFigure() {
  const first = runs[0];
  const series = [
    {name: `${first.name}, memory off`, color: first.color, dash: MEMORY_OFF, dots: true,
     points: gain(first.positions_without_memory, first.positions)},
    ...runs.slice(1).map((run) => ({name: run.name, color: run.color, dots: true,
                                    points: gain(run.positions, first.positions)}))];
  const values = series.flatMap((one) => one.points.map((point) => point[1]));
  return lineFigure(`What ${first.name} gains over the others, by position`,
    `Their loss less that of ${first.name}: above zero, ${first.name} predicts better.`,
    {x: positionAxis, y: {name: "difference in nats per token", kind: "linear", format: signed,
                          domain: padded(extent([0, ...values]), "linear")},
     marks: segmentMarks(), series});
}

// ---- Loss on words that return

const sameDistances = (a, b) => a[0] === b[0] && a[1] === b[1];
const distanceName = ([from, to]) => from === null ? "new" : from === to ? `${from}` : `${from}–${to}`;
const distancePlace = ([from, to, words]) => {
  const where = from === null ? "never before in the document" : from === 0 && to === 0 ? "in the same segment"
              : from === 1 && to === 1 ? "1 segment before" : `${distanceName([from, to])} segments before`;
  return `${where}, ${words.toLocaleString("en")} words`;
};

// A line has the colour of the run that it is named after, and is dashed where the memory was off.
function recallColors(models) {
  const names = [...new Set(models.map((model) => model.name.replace(/, memory off$/, "")))];
  const others = names.filter((name) => !runs.some((run) => run.name === name));
  return (model) => {
    const name = model.name.replace(/, memory off$/, "");
    const run = runs.find((one) => one.name === name);
    return run ? run.color : `var(--series-${(runs.length + others.indexOf(name)) % 6})`;
  };
}

function recallFigure(run) {
  if (!run.recall) return null;
  const {models, rare, segment_length} = run.recall;
  const distances = [];  // each place on the axis; words that return, then new ones
  for (const point of models.flatMap((model) => model.points)) {
    if (!distances.some((one) => sameDistances(one, point))) distances.push(point);
  }
  distances.sort((a, b) => (a[0] === null ? Infinity : a[0]) - (b[0] === null ? Infinity : b[0]));
  const last = distances.length - 1;
  const color = recallColors(models);
  const lines = models.map((model) => ({name: model.name, color: color(model), dots: true,
                                        dash: model.memory_off ? MEMORY_OFF : ""}));
  const points = (model, isNew) => model.points.filter((point) => (point[0] === null) === isNew).map((point) =>
    [distances.findIndex((one) => sameDistances(one, point)), point[3], distancePlace(point), point[4]]);
  // New words are at no distance, so no line leads to them.
  const series = [false, true].flatMap((isNew) =>
    lines.map((line, index) => ({...line, points: points(models[index], isNew)})));
  const ends = series.flatMap((one) => one.points.flatMap((point) => [point[1] - point[3], point[1] + point[3]]));
  const ticks = (count) => {
    const step = Math.ceil((last + 1) / Math.max(1, count));
    return distances.map((_, index) => index).filter((i) => i === last || (i % step === 0 && last - i >= step));
  };
  const title = "Loss on words that return, by distance";
  return lineFigure(runs.length > 1 ? `${title}: ${run.name}` : title,
    `Words that the training texts have at most ${rare} times, by the number of segments (of ${segment_length} tokens) ` +
    "since the document had them last; new: it never did. Far below new, a model makes use of what it has read: at 0 " +
    "within the segment, from 1 on only through a memory or a longer attention. Bars: one standard error.",
    {x: {name: "segments since the last occurrence", kind: "linear", format: (at) => distanceName(distances[at]),
         domain: [-0.3, last + 0.3], ticks},
     y: {name: "nats per word", kind: "linear", format: nats, domain: padded(extent(ends), "linear")}, series, wide: true},
    lines);
}

// ---- Memory

// The value, rounded up to 0.1, 0.2, 0.25, 0.5 or 1, so that maps of similar runs have the same scale.
const heatRange = (values) => [0.1, 0.2, 0.25, 0.5, 1].find((high) => Math.max(...values.flat()) <= high) || 1;

function heatFigure(title, explanation, run, readings) {
  if (readings.length === 0) return null;
  const [step, , values] = readings[readings.length - 1];
  const name = runs.length > 1 ? `${title}: ${run.name}` : title;
  return figure(name, `${explanation} Step ${step}.`, [], (chart) => {
    chart.classList.add("heat");
    heatMap(chart, {label: name, values, rowName: "layer", columnName: "head", format: share, high: heatRange(values)});
  });
}

function layerColor(layer, layers) {
  const percent = layers > 1 ? ((100 * layer) / (layers - 1)).toFixed(0) : 0;
  return `color-mix(in oklch, var(--last-layer) ${percent}%, var(--first-layer))`;
}

// One line for each head, in the colour of its layer. points: [[x, [[value per head] per layer], where]…]
function headFigure(title, explanation, run, points, axes) {
  if (points.length < 2) return null;
  const first = points[0][1], layers = first.length;
  const series = first.flatMap((heads, layer) => heads.map((_, head) => ({
    name: `layer ${layer}, head ${head}`, color: layerColor(layer, layers), thin: true,
    points: points.map(([x, values, where]) => [x, values[layer][head], where]).filter((point) => point[1] !== null)})));
  const entries = first.map((_, layer) => ({name: `layer ${layer}`, color: layerColor(layer, layers)}))
                       .filter((_, layer) => series.some((one) => one.name.startsWith(`layer ${layer},`) &&
                                                                  one.points.length > 0));
  return lineFigure(runs.length > 1 ? `${title}: ${run.name}` : title, explanation, {...axes, series, nearest: true},
                    entries);
}

function movementFigure(title, explanation, run, readings, y, height = 320) {
  return headFigure(title, explanation, run,
    readings.map(([step, tokens, values]) => [tokens, values, when(step, tokens)]),
    {x: {...tokensAxis, domain: [0, readings.length ? readings[readings.length - 1][1] : 1]}, y, height});
}

const ONE_LINE_A_HEAD = "One line a head, coloured by its layer.";

function memoryFigures(run) {
  const {gates = [], memory_share = []} = run.readings;
  return [
    heatFigure("Gates", "sigmoid(β) of every head: 0 reads only the segment, 1 only the memory.", run, gates),
    heatFigure("Memory's share of the output",
               "Of the norm of what attention puts out, the part that was retrieved from memory.", run, memory_share),
    movementFigure("How the gates moved", ONE_LINE_A_HEAD, run, gates,
                   {name: "sigmoid(β)", kind: "linear", format: share}),
    movementFigure("How the memory's share moved", ONE_LINE_A_HEAD, run, memory_share,
                   {name: "share of the output's norm", kind: "linear", format: share}),
  ];
}

// What the memories hold, over the training and over a document: [name in the data, title, explanation, axis].
const HELD = [
  ["retrieval_norm", "Length of what is retrieved", "‖A_mem‖ before the gate, mean over tokens.",
   {name: "norm", kind: "linear", format: compact}],
  ["retrieval_error", "Error of what was written last",
   "The memory is asked for the last segment's keys. 0: their own values come back; 1: the same for all.",
   {name: "squared error over the values' spread", kind: "linear", format: share}],
  ["effective_rank", "Effective rank of M", "How many directions M uses, from 1 to the heads' width.",
   {name: "directions", kind: "linear", format: compact}],
  ["z", "Size of z", "Mean entry. It grows with every segment.", {name: "mean entry, logarithmic", kind: "log", format: compact}],
  ["z_per_segment", "What a segment adds to z", "Mean entry.", {name: "mean entry", kind: "linear", format: compact}],
  ["depth_accuracy", "Knowing which tokens go through", "Share of tokens that the predictor of a layer gets right.",
   {name: "share of the tokens", kind: "linear", format: share}],
];

function heldFigures(run) {
  return HELD.map(([name, title, explanation, y]) =>
    movementFigure(title, explanation, run, run.readings[name] || [], {...y}, 230));
}

function documentFigures(run) {
  const memoryShare = ["memory_share", "Memory's share of the output", "Part of the norm of what attention puts out.",
                       {name: "share of the output's norm", kind: "linear", format: share}];
  return [...HELD.slice(0, 4), memoryShare].map(([name, title, explanation, y]) =>
    headFigure(title, explanation, run,
      run.memory.filter(([, , readings]) => readings[name]).map(([segments, documents, readings]) =>
        [segments, readings[name], `after ${segments} segments, ${documents} documents`]),
      {x: {name: "segments read", kind: "log", format: compact}, y: {...y}, height: 230}));
}

// ---- Needles: answers by length and depth

const lengthName = (tokens) => tokens % 2 ** 20 === 0 ? `${tokens / 2 ** 20}M`
                             : tokens % 2 ** 10 === 0 ? `${tokens / 2 ** 10}K` : `${tokens}`;
const depthName = (depth) => ({0: "start", 0.5: "middle", 1: "end"})[depth] || `${Math.round(100 * depth)}%`;
const distinct = (values) => [...new Set(values)].sort((a, b) => a - b);
const percent = (value) => `${Math.round(100 * value)}`;

function needleFigure(run, grid) {
  const lengths = distinct(grid.cells.map((cell) => cell.length)), depths = distinct(grid.cells.map((cell) => cell.depth));
  const values = depths.map((depth) => lengths.map((length) => {
    const cell = grid.cells.find((one) => one.length === length && one.depth === depth);
    return cell && cell.exact / cell.trials;
  }));
  const trials = distinct(grid.cells.map((cell) => cell.trials)).join(" or ");
  const name = `${run.name}: ${grid.name}`;
  return figure(name, `Right answers in %, of ${trials} trials each. ${grid.settings}.`, [], (chart) => {
    chart.classList.add("heat");
    heatMap(chart, {label: name, values, rows: depths.map(depthName), columns: lengths.map(lengthName), rowName: "depth",
                    columnName: "length in tokens", format: percent, high: 1});
  });
}

// One line for each layer: the share of the evidence in what the question reads.
function evidenceFigure(run, grid) {
  const layers = Math.max(0, ...grid.cells.map((cell) => cell.share.length));
  const lengths = distinct(grid.cells.map((cell) => cell.length));
  if (layers === 0 || lengths.length < 2) return null;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const series = [...Array(layers).keys()].map((layer) => ({
    name: `layer ${layer}`, color: layerColor(layer, layers), dots: true,
    points: lengths.map((length) => [length, mean(grid.cells.filter((cell) => cell.length === length)
                                                      .map((cell) => cell.share[layer])), `${lengthName(length)} tokens`])}));
  return lineFigure(`${run.name}: the evidence's weight in what is read`,
    `Σ σ(q)·σ(k) over the evidence's tokens, over that of all tokens; of each layer the head that reads most. ` +
    `${grid.name}.`,
    {x: {name: "length in tokens", kind: "log", format: compact},
     y: {name: "share, logarithmic", kind: "log", format: compact}, series});
}

function answerFigures() {
  const learning = runs.filter((run) => run.answer_loss.length > 0);
  if (learning.length === 0) return [];
  const of = (key) => learning.map((run) => ({name: run.name, color: run.color, points: byTokens(run[key])}));
  return [
    lineFigure("Loss of the answers during training", "At the lengths and gains of the stage.",
               {x: tokensAxis, y: {name: "nats per token, logarithmic", kind: "log", format: compact},
                series: of("answer_loss")}),
    lineFigure("Exact match during training", "Smoothed as the loss.",
               {x: tokensAxis, y: {name: "share of the answers", kind: "linear", format: share, domain: [0, 1.02]},
                series: of("exact_match")}),
  ];
}

// ---- How the training went

function trainingFigures() {
  const perRun = (key, format, name, kind) => ({
    x: tokensAxis, y: {name, kind, format}, height: 230,
    series: runs.map((run) => ({name: run.name, color: run.color, points: byTokens(run[key])}))});
  return [
    lineFigure("Learning rate", "", perRun("learning_rate", compact, "learning rate", "linear")),
    lineFigure("Gradient norm", "Before clipping, smoothed as the loss.",
               perRun("gradient_norm", compact, "norm, logarithmic", "log")),
    lineFigure("Auxiliary loss", "The model's own, beside the loss of the text; smoothed as the loss.",
               perRun("auxiliary_loss", compact, "per token", "linear")),
    lineFigure("Speed", "Smoothed as the loss.", perRun("tokens_per_second", compact, "tokens per second", "linear")),
  ];
}

section("Needles in a haystack", "", [
  ...runs.flatMap((run) => run.needles.flatMap((grid) => [needleFigure(run, grid), evidenceFigure(run, grid)])),
  ...answerFigures()]);
section("Loss", "", [lossFigure(), positionFigure(), gainFigure(), ...runs.map(recallFigure)]);
section("What the memory does", "", runs.flatMap(memoryFigures));
section("What the memory holds", "thirds", runs.flatMap(heldFigures));
section("What the memory holds, over a document", "thirds", runs.flatMap(documentFigures));
section("How the training went", "thirds", trainingFigures());
