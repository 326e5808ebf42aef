// Charts (uPlot) and the map of where callers leave.  Colours are the page's own, and change with it.
"use strict";
(() => {
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const english = document.documentElement.lang === "en";
  const comma = (value, places) => (english ? value.toFixed(places) : value.toFixed(places).replace(".", ","));
  const shown = (unit) => (value) => {
    if (value === null || value === undefined) return "–";
    return unit === "%" ? `${comma(value * 100, 0)}${english ? "" : " "}%` : comma(value, Number.isInteger(value) ? 0 : 1);
  };

  function options(chart, width) {
    const grid = { stroke: token("--line"), width: 1 };
    const tell = shown(chart.unit);
    const font = "12px system-ui, sans-serif";
    const bars = window.uPlot.paths.bars({ size: [0.75, 40], gap: 1 });
    return {
      width,
      height: 240,
      cursor: { drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: (_, from, to) => [from - 0.5, to + 0.5] },
        y: { range: (_, from, to) => ("to" in chart ? [chart.from, chart.to] : [0, Math.max(to || 0, 1) * 1.1]) },
      },
      axes: [
        {
          stroke: token("--muted"), grid: { show: false }, ticks: grid, font,
          incrs: [1, 2, 3, 4, 7, 14, 31, 62, 93],
          values: (_, places) => places.map((place) => chart.labels[place] ?? ""),
        },
        { stroke: token("--muted"), grid, ticks: grid, font, size: 56, values: (_, places) => places.map(tell) },
      ],
      series: [
        { label: chart.x, value: (_, place) => chart.labels[place] ?? "–" },
        ...chart.series.map((each) => {
          const colour = token(each.colour);
          const drawn = chart.kind === "bars" && each === chart.series[0];
          return {
            label: each.label, stroke: colour, width: drawn ? 0 : 2, value: (_, value) => tell(value), spanGaps: false,
            ...(each.dash ? { dash: [6, 4] } : {}),
            ...(drawn ? { fill: `${colour}55`, paths: bars } : {}),
            points: { show: !drawn && !each.dash, size: 5, fill: colour },
          };
        }),
      ],
    };
  }

  const drawn = [];
  for (const box of document.querySelectorAll("[data-chart]")) {
    const chart = JSON.parse(box.querySelector("script").textContent);
    const one = { box, chart, plot: null };
    one.draw = () => {
      one.plot?.destroy();
      const width = Math.max(Math.floor(box.clientWidth), 200);
      const data = [chart.labels.map((_, place) => place), ...chart.series.map((each) => each.data)];
      one.plot = new window.uPlot(options(chart, width), data, box);
    };
    one.draw();
    new ResizeObserver(() => {
      const width = Math.floor(box.clientWidth);
      if (width && Math.abs(width - one.plot.width) > 1) one.plot.setSize({ width, height: 240 });
    }).observe(box);
    drawn.push(one);
  }
  const again = () => drawn.forEach((one) => one.draw());
  new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);

  for (const select of document.querySelectorAll("[data-choose] select")) {
    select.addEventListener("change", () => select.form.requestSubmit());
  }

  const map = document.querySelector("[data-map]");
  const part = document.querySelector("[data-map-part]");
  if (map && part && window.drawFlowmap) {
    const weights = JSON.parse(map.querySelector("script").textContent);
    fetch(map.dataset.maps)
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
      .then((maps) => {
        const charts = maps.charts ?? maps;
        for (const option of [...part.options]) if (!charts[option.value]) option.remove();
        const draw = () => {
          map.replaceChildren();
          if (charts[part.value]) window.drawFlowmap(map, charts[part.value], { weights: weights[part.value] ?? {} });
        };
        part.addEventListener("change", draw);
        draw();
      })
      .catch(() => map.remove());
  }
})();
